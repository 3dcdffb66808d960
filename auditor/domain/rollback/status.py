"""What the journal says of an operation. Contacts nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from auditor.domain.journal import Entry, Operation, Phase
from auditor.domain.rollback.approval import Approval
from auditor.domain.rollback.journal import END, HostJournal, Step
from auditor.domain.rollback.plan import Method, RollbackPlan, Target, image_commands


class Standing(StrEnum):
    """Where a host stands besides the ends of `Terminal`: those that have none yet."""

    NOT_BEGUN = "NOT_BEGUN"
    IN_DOUBT = "IN_DOUBT"
    """A step was intended and nothing is known of its outcome: running now, or killed there."""
    BETWEEN_STEPS = "BETWEEN_STEPS"
    WAITING_FOR_PERSON = "WAITING_FOR_PERSON"
    """The card is handed over, and nobody has said that the host was rebooted."""


@dataclass(frozen=True, slots=True)
class HostStatus:
    """One host. ``state`` is a `Terminal` or a `Standing`; ``step`` the newest step and what is known of it; ``armed`` and
    ``maintenance_mode`` are how it was left at its end: "yes", "no", "unknown", or empty before."""

    host: str
    state: str
    why: str
    step: str
    since: datetime | None
    done: tuple[str, ...]
    final: bool
    maintenance_mode: str = ""
    armed: str = ""
    evidence: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class OperationStatus:
    """One run of a plan, host by host in the order of its waves."""

    operation: Operation
    method: Method
    to: str
    approval: str
    hosts: tuple[HostStatus, ...]
    images: tuple[str, ...] = ()
    """Commands that propose the images of its clusters anew: for those that are still to be lowered."""

    @property
    def rolled_back(self) -> bool:
        """Whether every host of the plan went back."""
        return all(host.state == "ROLLED_BACK" for host in self.hosts)

    @property
    def waiting(self) -> tuple[HostStatus, ...]:
        """Hosts that wait for a person at their console."""
        return tuple(host for host in self.hosts if host.state == Standing.WAITING_FOR_PERSON.value)


def status_of(operation: Operation, plan: RollbackPlan, approval: Approval, entries: Sequence[Entry]) -> OperationStatus:
    """What an operation's entries say."""
    order = {host: number for number, host in enumerate(host for wave in plan.waves for host in wave)}
    targets = sorted(plan.targets, key=lambda target: order.get(target.host, len(order)))
    hosts = tuple(_host(target, entries) for target in targets)
    to = next((target.to_build for target in plan.targets), "")
    return OperationStatus(operation, plan.method, to, str(approval), hosts, image_commands(plan))


def _host(target: Target, entries: Sequence[Entry]) -> HostStatus:
    journal = HostJournal.of(target.host, entries)
    newest = journal.entries[-1] if journal.entries else None
    done = tuple(step.value for step in Step if journal.done(step))
    evidence = tuple(
        (f"{entry.step}: {key}", value)
        for entry in journal.entries
        if entry.phase is Phase.DONE and entry.step != END
        for key, value in sorted(entry.data.items())
        if value and key not in {"found", "why"}
    )
    if newest is None:
        return HostStatus(target.host, Standing.NOT_BEGUN.value, "", "", None, (), final=False)
    if journal.ended is not None:
        terminal, why = journal.ended
        left = {key: newest.data.get(key, "") for key in ("maintenance_mode", "armed")}
        return HostStatus(
            target.host, terminal.value, why, END, newest.at, done, final=terminal.final, evidence=evidence, **left
        )
    waiting = target.edit is None and newest.step == Step.REBOOT.value and newest.phase is Phase.INTENT
    state = Standing.BETWEEN_STEPS
    if waiting:
        state = Standing.WAITING_FOR_PERSON
    elif newest.phase is Phase.INTENT:
        state = Standing.IN_DOUBT
    why = newest.data.get("why", "")
    step = f"{newest.step} {newest.phase.value}"
    return HostStatus(target.host, state.value, why, step, newest.at, done, final=False, evidence=evidence)


__all__ = ["HostStatus", "OperationStatus", "Standing", "status_of"]
