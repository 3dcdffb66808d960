"""Fakes of the ports, by hand. The history is the real one, in memory of a temporary file, wherever a test can afford it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from auditor.domain.observation import HostObservation, InventoryHost, Route, VCenterView
from auditor.ports import HostTarget, Progress
from auditor.workflows.collect import Sources


class Ticking:
    """A clock that goes on by a second at each look."""

    def __init__(self) -> None:
        self.time = datetime(2026, 3, 10, 12, tzinfo=UTC)

    def now(self) -> datetime:
        self.time += timedelta(seconds=1)
        return self.time


class Quiet:
    """Progress that only counts."""

    def __init__(self) -> None:
        self.steps: dict[str, int] = {}
        self.totals: dict[str, int | None] = {}

    def start(self, phase: str, total: int | None) -> None:
        self.totals[phase] = total
        self.steps.setdefault(phase, 0)

    def advance(self, phase: str, note: str = "") -> None:
        self.steps[phase] += 1


class FakeVCenter:
    """A vCenter that shows one fixed view; ``answer`` makes the observation of each host."""

    def __init__(self, view: VCenterView, answer: Callable[[InventoryHost], HostObservation]) -> None:
        self._view, self._answer = view, answer
        self.closed = False

    @property
    def name(self) -> str:
        return self._view.name

    def view(self, progress: Progress, recorded: Mapping[str, str] | None = None) -> VCenterView:
        self.recorded = dict(recorded or {})
        return self._view

    def read_host(self, host: InventoryHost) -> HostObservation:
        return self._answer(host)

    def close(self) -> None:
        self.closed = True


class FakeHosts:
    """Hosts behind a direct route."""

    def __init__(self, route: Route, answer: Callable[[HostTarget], HostObservation]) -> None:
        self._route, self._answer = route, answer
        self.asked: list[str] = []

    @property
    def route(self) -> Route:
        return self._route

    def read(self, target: HostTarget) -> HostObservation:
        self.asked.append(target.name)
        return self._answer(target)


def sources(
    vcenter: FakeVCenter | None, direct: FakeHosts | None = None, configured: tuple[str, ...] = (), concurrency: int = 8
) -> Sources:
    routes = frozenset({Route.VCENTER, direct.route} if direct else {Route.VCENTER})
    return Sources(
        vcenters=(vcenter,) if vcenter else (),
        routes={vcenter.name: routes} if vcenter else {},
        direct={direct.route: direct} if direct else {},
        target=lambda vc, name, route: HostTarget(name, name, 22, vc),
        configured=configured,
        concurrency=concurrency,
    )
