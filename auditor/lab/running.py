"""A scenario brought to life: servers, workspace, past and faults, and everything gone again at the end."""

from __future__ import annotations

import errno
import resource
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from auditor.domain.observation import Route
from auditor.errors import AuditorError
from auditor.lab import child
from auditor.lab.addresses import give_addresses
from auditor.lab.doorbell import Doorbell
from auditor.lab.lab import Lab
from auditor.lab.play import Play
from auditor.lab.scenario import Scenario
from auditor.lab.workspace import Workspace, folder

SNAPSHOT_CODES = (0, 4)
"""Exit codes of `auditor snapshot` a scenario goes on with: done, and done with hosts that could not be seen."""

STARTS = 5
"""How often the servers are started when another lab takes the port first."""


@dataclass(frozen=True)
class Running:
    """A lab that serves. ``workspace.environment`` is what a command needs to find it."""

    play: Play
    lab: Lab
    workspace: Workspace


@contextmanager
def running(scenario: Scenario, *, keep: Path | None = None, tell: Callable[[str], None] = lambda _: None) -> Iterator[Running]:
    """Start the lab, play the past, break what is broken; stop and clean up at the end, whatever ends it.

    ``keep`` is an empty folder for configuration, keys and history that is left; by default all that goes away. ``tell`` gets
    a line for each step. Raises `InputError` for a past that cannot happen, `AuditorError` when a snapshot fails."""
    with folder(keep) as path:
        play = Play(scenario)
        lab = _started(play, path)
        try:
            space = Workspace(path)
            _write(space, play, lab)
            tell(f"vCenter {scenario.version} with {len(scenario.clusters)} clusters and {len(play.vcenter.hosts)} hosts is up")
            play.past(lambda: _snapshot(space), tell)
            play.break_things()
            if play.leads_to:
                _write(space, play, lab)
            bell = Doorbell(play, path)
            bell.start()
            try:
                yield Running(play, lab, space)
            finally:
                bell.stop()
        finally:
            lab.stop()


def _write(space: Workspace, play: Play, lab: Lab) -> None:
    scenario = play.scenario
    space.write(
        play.vcenter,
        address=lab.address,
        port=lab.port,
        thumbprint=lab.thumbprint,
        hosts=play.hosts.values(),
        outside=play.outside,
        deadlines=scenario.deadlines,
        rollback=scenario.rollback,
        host_api=(lab.host_apis.port, lab.host_apis.thumbprints()) if lab.host_apis is not None else None,
        leads_to=play.leads_to,
    )


def _started(play: Play, path: Path) -> Lab:
    """A lab that serves ``play``. When another one took the port between looking and listening, it looks again."""
    hosts = list(play.hosts.values())
    host_api = play.scenario.rollback.get("control") == Route.HOST_API.value
    _allow_files(len(hosts))
    for left in reversed(range(STARTS)):
        give_addresses(hosts)
        with ExitStack() as stack:
            try:
                lab = Lab(play.vcenter, hosts, path, host_api=host_api)
                stack.callback(lab.stop)
                lab.start()
            except OSError as error:
                if error.errno != errno.EADDRINUSE or not left:
                    raise AuditorError(
                        f"the lab's servers cannot start: {error}", hint="end other labs, or try again"
                    ) from error
            else:
                stack.pop_all()
                return lab
    raise AssertionError("the last start returns or raises")


def _allow_files(hosts: int) -> None:
    """A listener and some connections per host need descriptors; the usual soft limit of 1,024 is soon reached.

    Raises `AuditorError` when the system's hard limit is too low."""
    needed = 512 + 4 * hosts
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < needed:
        if hard != resource.RLIM_INFINITY and hard < needed:
            hint = "raise it (ulimit -Hn), or take fewer hosts with --hosts"
            raise AuditorError(f"{hosts} hosts need {needed} open files, and the limit is {hard}", hint=hint)
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


def _snapshot(space: Workspace) -> None:
    child.run_auditor(("snapshot",), space.environment, SNAPSHOT_CODES)


__all__ = ["Running", "running"]
