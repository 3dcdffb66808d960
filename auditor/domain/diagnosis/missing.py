"""``readings-missing``: what the configured routes owe and none of them gave, once for each reason."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from auditor.domain.findings import Code, Finding, Severity, Subject, SubjectKind
from auditor.domain.observation import Reason, Route
from auditor.domain.owed import MissingReading
from auditor.domain.wording import count, few

_SEE_SSH = "See that their SSH service (TSM-SSH) runs and that a way leads to them from here."
_CURES: dict[Reason, str] = {
    Reason.UNTRUSTED: "Compare the host's key or certificate at its console, then pin it: auditor hosts trust HOST",
    Reason.CHANGED: "See finding identity-changed: nothing is read there until the identity is clear.",
    Reason.DENIED: "Check user, password and key, and lockdown mode, before the next try: wrong passwords lock the account.",
    Reason.UNREACHABLE: "See that the hosts are up and that a way leads to them from here.",
    Reason.TIMED_OUT: "See that the hosts are up and not overloaded; raise [deadlines] if they are only slow.",
    Reason.OUT_OF_TIME: "Give the run more time (--max-time), or see which peers are slow.",
    Reason.NOT_CONNECTED: "Reconnect the hosts in vCenter on purpose, or read them directly: [ssh] or [host_api].",
    Reason.FAILED: "The host answered with the error above: run the same command there and see to what it says.",
    Reason.UNREADABLE: "Look at what the host prints there; a damaged image database prints too little.",
    Reason.CUT_OFF: "The connection broke off: see the host's load and its logs, and whether something between closes it.",
    Reason.TOO_LARGE: "See what makes the answer that long; [limits] output_bytes raises the limit.",
}
_NOBODYS = {Reason.CHANGED, Reason.OUT_OF_TIME}
"""Reasons that nobody can answer for: a key that changed, and a run that was cut short."""

_LINES = 20
"""Lines of evidence in one finding: each host may say it in words of its own. Every host is named in any case."""
_AGAIN = "Then run auditor audit again."
_ACCEPT = "If a site lives with it, say so until a day: [[accept]] with route and reason (auditor config init explains it)."

_Group = tuple[str, str, Route, Reason, bool]


def missing_findings(missing: Iterable[MissingReading]) -> Iterable[Finding]:
    """Once per vCenter, route and reason, with the hosts and readings. Hosts that nobody could see at all have a finding of
    their own, and what is accepted is listed with the accepted differences."""
    groups: dict[_Group, list[MissingReading]] = {}
    for one in missing:
        if one.seen and not one.accepted:
            cause = one.cause
            single = "" if one.vcenter else one.host  # a host outside any vCenter has only itself to be told under
            groups.setdefault((one.vcenter, single, cause.route, cause.why.reason, cause.whole), []).append(one)
    for group, members in sorted(groups.items()):
        yield _finding(group, members)


def _finding(group: _Group, members: list[MissingReading]) -> Finding:
    vcenter, single, route, reason, whole = group
    hosts = sorted({one.host for one in members})
    what = few(list(dict.fromkeys(one.part for one in members)), 8)
    how = f"Route {route.value} failed ({reason.value}) on" if whole else f"Not read by {route.value} ({reason.value}) of"
    silent = route is Route.SSH and whole and reason in {Reason.UNREACHABLE, Reason.TIMED_OUT}
    return Finding(
        Code.READINGS_MISSING,
        Severity.WARNING,
        Subject(SubjectKind.VCENTER, vcenter, vcenter) if vcenter else Subject(SubjectKind.HOST, single),
        f"{how} {count(len(hosts), 'host')}; no other route gave: {what}.",
        hosts=tuple(hosts),
        evidence=tuple(_lines(members)),
        do=(_SEE_SSH if silent else _CURES[reason], _AGAIN, *(() if reason in _NOBODYS else (_ACCEPT,))),
        avoid=("Unknown is not in sync: do not count these hosts as good.",),
    )


def _lines(members: list[MissingReading]) -> Iterator[str]:
    """Hosts of which the same is missing, in one line: with the reason each; where the route as a whole failed, with the first
    one's, which is like the others but for addresses."""
    by_host: dict[tuple[str, str], list[str]] = {}
    for one in members:
        others = "".join(f"; {other.route.value}: {other.why}" for other in one.failures if other is not one.cause)
        detail = f"{one.cause.why.detail or one.cause.why}{others}"
        by_host.setdefault((one.host, "" if one.cause.whole else detail), []).append(one.part)
    alike: dict[tuple[str, str], list[str]] = {}
    for (host, detail), parts in sorted(by_host.items()):
        alike.setdefault((", ".join(parts), detail), []).append(host)
    for (named, detail), hosts in islice(alike.items(), _LINES):
        yield f"{few(hosts)}: {named}{f': {detail}' if detail else ''}"
    if len(alike) > _LINES:
        yield f"and {count(len(alike) - _LINES, 'more line')} like these; --json has each host's readings with the reason"
    first = min(members, key=lambda one: one.host).cause
    if first.whole and first.why.reason is not Reason.CHANGED:
        yield f"{min(one.host for one in members)}: {first.why.detail or first.why}"


__all__ = ["missing_findings"]
