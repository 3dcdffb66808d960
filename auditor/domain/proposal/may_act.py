"""Who may act on one cluster by itself after a commit, and the facts of it that a proposal rests on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from auditor.domain.diagnosis.restore import when
from auditor.domain.observation import Reason, Unread, value_of
from auditor.domain.proposal.actors import Actor, ActorKind, ScheduledTask, Standing
from auditor.domain.proposal.case import Case
from auditor.domain.proposal.values import Fact, MovedFact
from auditor.domain.wording import few

_TASK = "scheduled-task "
_POLICY = "cluster.auto-remediation"
_WIDE = frozenset({"Folder", "Datacenter", ""})
"""Where a task may be set that concerns more than one cluster. Which folder a cluster is in is not asked."""


def may_act(case: Case) -> tuple[Actor, ...]:
    """Everything that may, what is set first."""
    order = list(Standing)
    found = [*_scheduled(case), *_auto(case), *_solutions(case), *_owner(case), *_always()]
    return tuple(sorted(found, key=lambda actor: order.index(actor.standing)))


def facts(case: Case) -> Iterable[Fact]:
    """What is set, as facts. When a task runs next is none: a daily task's moves by itself."""
    tasks = case.extras.scheduled
    yield Fact("cluster.scheduled-tasks", "unread" if isinstance(tasks, Unread) else "read")
    for task in _concerned(case):
        if task.enabled:
            yield Fact(f"{_TASK}{task.id}", f"{task.name!r} on {_place(case, task)}, {_deed(task)}")
    auto = value_of(case.extras.auto_remediation)
    yield Fact(_POLICY, {True: "on", False: "off", None: "unread"}[auto])


def of_actors(name: str) -> bool:
    """Whether a fact of that name is about who may act."""
    return name in {"cluster.scheduled-tasks", _POLICY} or name.startswith(_TASK)


def lessened(moved: MovedFact) -> bool:
    """Whether a moved fact means that less may act than before: a task was held or removed, a setting switched off. That is
    what a proposal asks for, so it stands against nothing."""
    return (moved.name.startswith(_TASK) and not moved.now) or (moved.name == _POLICY and moved.now == "off" != moved.was)


def _concerned(case: Case) -> tuple[ScheduledTask, ...]:
    """The tasks set on the cluster, on one of its hosts, or on something that may hold it."""
    own = {case.cluster.view.id, *(host.listed.id for host in case.cluster.hosts)}
    tasks = value_of(case.extras.scheduled) or ()
    found = [task for task in tasks if task.entity in own or task.entity_kind in _WIDE]
    return tuple(sorted(found, key=lambda task: (not task.remediates, task.name, task.id)))


def _place(case: Case, task: ScheduledTask) -> str:
    if task.entity == case.cluster.view.id:
        return "this cluster"
    host = next((host.name for host in case.cluster.hosts if host.listed.id == task.entity), "")
    if host:
        return host
    return f"{task.entity_kind.lower()} {task.entity}, which may hold this cluster" if task.entity else "no object it names"


def _deed(task: ScheduledTask) -> str:
    parts = (task.schedule, f"by {task.user}" if task.user else "", f"calls {task.action}" if task.action else "")
    return ", ".join(part for part in parts if part)


def _scheduled(case: Case) -> Iterable[Actor]:
    tasks = case.extras.scheduled
    if isinstance(tasks, Unread):
        text = f"scheduled tasks ({tasks}): look in vCenter, Scheduled Tasks, and hold those that remediate this cluster"
        yield Actor(ActorKind.SCHEDULED_TASK, Standing.UNREAD, text)
        return
    concerned = _concerned(case)
    for task in concerned:
        what = "scheduled remediation" if task.remediates else "scheduled task"
        text = f"{what} {task.name!r} of {_place(case, task)}"
        if not task.enabled:
            yield Actor(ActorKind.SCHEDULED_TASK, Standing.CLEAR, f"{text} is disabled")
            continue
        run = f"runs next at {when(task.next_run)}" if task.next_run else "vCenter shows no next run"
        deed = _deed(replace(task, schedule="") if task.next_run and task.schedule.startswith("once") else task)
        text = f"{text}: {', '.join(part for part in (run, deed) if part)}; hold it before the commit"
        yield Actor(ActorKind.SCHEDULED_TASK, Standing.SET, text)
    if not concerned:
        text = "no task is scheduled on the cluster, its hosts or a folder, as far as this account sees"
        yield Actor(ActorKind.SCHEDULED_TASK, Standing.CLEAR, text)


def _auto(case: Case) -> Iterable[Actor]:
    auto, name = case.extras.auto_remediation, "vSphere Configuration Profiles, auto_remediate_on_host_add"
    if isinstance(auto, Unread):
        if auto.reason is not Reason.NOT_SUPPORTED:
            yield Actor(ActorKind.AUTO_REMEDIATION, Standing.UNREAD, f"{name} ({auto})")
    elif auto.value:
        text = f"{name}: a host added to the cluster is remediated without being asked for; add none before you are done"
        yield Actor(ActorKind.AUTO_REMEDIATION, Standing.SET, text)
    else:
        yield Actor(ActorKind.AUTO_REMEDIATION, Standing.CLEAR, f"{name} is off")


def _solutions(case: Case) -> Iterable[Actor]:
    if case.old is None:
        text = f"the image's solutions ({case.cluster.view.image}): their managers install what waited for an equal image"
        yield Actor(ActorKind.SOLUTION, Standing.UNREAD, text)
    elif case.old.solutions:
        named = few([f"{solution.name} {solution.version}" for solution in case.old.solutions])
        text = f"solution managers of {named}: they install what waited for an equal image"
        yield Actor(ActorKind.SOLUTION, Standing.SET, text)
    else:
        yield Actor(ActorKind.SOLUTION, Standing.CLEAR, "no solution has a part in the image")


def _owner(case: Case) -> Iterable[Actor]:
    owner = case.extras.owner
    if isinstance(owner, Unread) and owner.reason is Reason.NOT_SUPPORTED:
        text = "SDDC Manager, if this vCenter belongs to a VCF domain: before 9.0 vCenter does not say who owns an image"
        yield Actor(ActorKind.OWNER, Standing.POSSIBLE, text)
    elif isinstance(owner, Unread):
        text = f"who owns the image ({owner}): where SDDC Manager does, change it there"
        yield Actor(ActorKind.OWNER, Standing.UNREAD, text)
    elif owner.value:
        yield Actor(ActorKind.OWNER, Standing.SET, f"{owner.value} owns the image")
    else:
        yield Actor(ActorKind.OWNER, Standing.CLEAR, "the image has no owner beside vCenter's users")


def _always() -> Iterable[Actor]:
    text = "stateless (Auto Deploy) hosts take the image at their next boot"
    yield Actor(ActorKind.STATELESS, Standing.POSSIBLE, text)
    yield Actor(ActorKind.REMEDIATION, Standing.POSSIBLE, "the next remediation by anybody uses the newest commit")


__all__ = ["facts", "lessened", "may_act", "of_actors"]
