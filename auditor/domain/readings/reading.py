"""One reading of a host as one value: what it is called, what is asked for it, and how every form of answer is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from auditor.domain.observation import Read, Reading, Reason, Route, Unread
from auditor.domain.readings.answer import Answer, Command
from auditor.domain.readings.table import Loose

EVERY_ROUTE = frozenset(Route)
AT_THE_HOST = frozenset({Route.SSH})


class EsxcliRun(Protocol):
    """Runs ``esxcli NAMESPACE COMMAND`` of one host over the vSphere API; the structures it answers with, or why none came."""

    def __call__(self, namespace: str, command: str, *, rebooting: bool = False) -> Reading[Sequence[Loose]]: ...


Answers = Mapping[str, Answer]
"""What a host's shell answered, by the commands' names."""

OverApi = Callable[[EsxcliRun], Any]


@dataclass(frozen=True, slots=True)
class HostReading:
    """Everything there is to know of one reading.

    ``key`` is its field in ``HostObservation``, its kind in the history, its key in ``audit --json`` and its name in
    ``auditor read``. ``commands`` are what a shell is asked, in order, each with its time limit; ``parse`` makes the field's
    value of the answers. ``over_api`` does the same by esxcli over the vSphere API, None where esxcli does not tell it.
    ``routes`` are those that can give it, and so owe it. ``plain`` is the value as JSON data, which is published and keeps
    its form. ``never_silent`` pairs a command for which nothing printed means "none" with one that always prints something:
    where both are silent, neither is believed.
    """

    key: str
    meaning: str
    commands: tuple[Command, ...]
    parse: Callable[[Answers], Any]
    plain: Callable[[Any], Any] = field(default=lambda value: value)
    over_api: OverApi | None = None
    routes: frozenset[Route] = EVERY_ROUTE
    never_silent: tuple[tuple[Command, Command], ...] = ()


def structure(answer: Reading[Sequence[Loose]], what: str) -> Reading[Loose]:
    """The one structure a ``get`` answers with; an empty one for no answer."""
    if isinstance(answer, Unread):
        return answer
    if len(answer.value) > 1:
        return Unread(Reason.UNREADABLE, f"esxcli {what}: {len(answer.value)} structures instead of one")
    return Read(answer.value[0] if answer.value else {})


def get(namespace: str, convert: Callable[[Loose], Any]) -> OverApi:
    """``esxcli NAMESPACE get``, whose one structure ``convert`` reads."""

    def ask(run: EsxcliRun) -> Any:
        found = structure(run(namespace, "get"), f"{namespace} get")
        return found if isinstance(found, Unread) else convert(found.value)

    return ask


def listing(namespace: str, convert: Callable[[Sequence[Loose]], Any]) -> OverApi:
    """``esxcli NAMESPACE list``, whose structures ``convert`` reads."""

    def ask(run: EsxcliRun) -> Any:
        found = run(namespace, "list")
        return found if isinstance(found, Unread) else convert(found.value)

    return ask


__all__ = ["AT_THE_HOST", "EVERY_ROUTE", "Answers", "EsxcliRun", "HostReading", "OverApi", "get", "listing", "structure"]
