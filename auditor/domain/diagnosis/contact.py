"""Who is at the other end, and whether vCenter reaches its hosts: told whatever other routes answered."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from auditor.domain.findings import Code, Finding, Severity, Subject, SubjectKind
from auditor.domain.hosts import HostFacts
from auditor.domain.observation import Connection, InventoryHost, Reason, Route, Unread, VCenterView

_AVOID = ("Do not pin the new one to make the message go away, and send no password there before its identity is clear.",)


def vcenter_identity(view: VCenterView) -> Iterable[Finding]:
    """``identity-changed`` for a vCenter that shows another certificate than the pinned one."""
    readings = (view.marks, view.clusters, view.hosts, view.depot)
    changed = next((r for r in readings if isinstance(r, Unread) and r.reason is Reason.CHANGED), None)
    if changed is None:
        return
    yield Finding(
        Code.IDENTITY_CHANGED,
        Severity.CRITICAL,
        Subject(SubjectKind.VCENTER, view.name, view.name),
        "It shows another certificate than the pinned one.",
        evidence=(changed.detail,),
        do=(
            "Compare the thumbprint at the vCenter itself. A restore or a renewal explains it; nothing else should.",
            "Only if it is right, set thumbprint of this vCenter in the configuration to it.",
        ),
        avoid=_AVOID,
        rests_on=("a pinned certificate names one machine",),
    )


def identity_changed(subject: Subject, facts: HostFacts) -> Iterable[Finding]:
    """``identity-changed`` for a host that shows another key or certificate than the pinned one on some route."""
    changed = [(o.route, o.trouble) for o in facts.observations if o.trouble is not None and o.trouble.reason is Reason.CHANGED]
    if not changed:
        return
    ssh = any(route is Route.SSH for route, _ in changed)
    yield Finding(
        Code.IDENTITY_CHANGED,
        Severity.CRITICAL,
        subject,
        f"It shows another {'SSH key' if ssh else 'certificate'} than the pinned one.",
        hosts=(facts.name,),
        evidence=tuple(f"{route.value}: {trouble.detail}" for route, trouble in changed),
        do=(
            "Find out why: a reinstallation or a rollback explains it, another machine at its address does so too.",
            "Read the fingerprint at the host's own console; only if it is right, pin it: auditor hosts trust HOST",
        ),
        avoid=_AVOID,
        rests_on=("a pinned key names one host",),
    )


def disconnected(subject: Subject, listed: InventoryHost, accepted: Callable[[], str] = str) -> Iterable[Finding]:
    """``host-disconnected``: what vCenter shows of such a host is from its own database. A notice for a host in standby, which
    distributed power management (DPM) takes away on purpose, and for one where somebody answers for it (``accepted``: who)."""
    if listed.connection == Connection.CONNECTED.value:
        return
    state, excused = listed.connection or "not shown", accepted()
    yield Finding(
        Code.HOST_DISCONNECTED,
        Severity.NOTICE if excused or listed.power == "standBy" else Severity.WARNING,
        subject,
        f"vCenter is not connected to it (connection state: {state}).",
        hosts=(listed.name,),
        evidence=(
            f"vCenter's inventory: {state}{f', power {listed.power}' if listed.power else ''}",
            *([excused] if excused else []),
        ),
        do=(
            "See whether it is up: power, network, hostd and vpxa. A restored vCenter may have an old vpxuser password.",
            "Then reconnect it in vCenter; reconnecting installs the agent anew and is done on purpose.",
        ),
        avoid=("Do not judge it by what vCenter shows, and do not remediate its cluster until it is back.",),
        rests_on=("vim25: HostSystemConnectionState", "HostSystem.ReconnectHost_Task"),
    )


__all__ = ["disconnected", "identity_changed", "vcenter_identity"]
