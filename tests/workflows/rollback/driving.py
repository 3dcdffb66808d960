"""Plans, approves, runs and resumes on a site, as the command line does; in this process or in one that gets killed."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

from auditor.domain.rollback.approval import Approval, approve
from auditor.domain.rollback.plan import Method, RollbackPlan
from auditor.domain.rollback.report import ChosenHost
from auditor.domain.rollback.status import OperationStatus
from auditor.workflows.rollback import run as rollback
from auditor.workflows.rollback.means import Means
from auditor.workflows.rollback.papers import Paper
from auditor.workflows.rollback.planning import PlanAsk, plan
from tests.domain.rollback.samples import OLD
from tests.workflows.fakes import Quiet
from tests.workflows.rollback.site import KilledJournal, Killer, Site, means

HISTORY = "history.db"


def make(
    site: Site, folder: Path, method: Method = Method.UNATTENDED, hosts: Sequence[str] = (), wave_size: int = 1
) -> RollbackPlan:
    chosen = [ChosenHost(name, "vc", "prod", None) for name in hosts or site.hosts()]
    ask = PlanAsk(OLD, method, "ann", timedelta(hours=24), wave_size=wave_size)
    made = plan(means(site, folder).sight, chosen, ask, 4, Quiet())
    assert made.targets
    assert not made.blocked, made.blocked
    return made


def approval(made: RollbackPlan) -> Approval:
    found = approve(made, "bob", made.created, timedelta(hours=24))
    assert isinstance(found, Approval)
    return found


def start(site: Site, folder: Path, made: RollbackPlan, *, checked: bool = False, **words: bool) -> OperationStatus:
    """A whole run. ``checked``: with the check of all facts before it."""
    with journal(site, folder) as opened:
        own = means(site, folder, **words)
        if checked:
            rollback.check(own.sight, made, approval(made), "ann", Quiet())
        number = rollback.start(opened, Paper(made, approval(made)), "ann", "CHG1", own.sight)
        return rollback.carry_on(own, opened, number, "ann")


def journal(site: Site, folder: Path) -> KilledJournal:
    opened = KilledJournal(folder / HISTORY)
    opened.killer = site.killer
    return opened


def again(
    site: Site,
    folder: Path,
    verb: Callable[[Means, KilledJournal, int, str], OperationStatus] = rollback.resume,
    heard: list[str] | None = None,
) -> OperationStatus | None:
    """``resume`` (or another verb) of the unfinished operation; None when there is none."""
    with journal(site, folder) as opened:
        unfinished = opened.operations(rollback.KIND, unfinished=True)
        if not unfinished:
            return None
        return verb(means(site, folder, heard=heard), opened, unfinished[0].id, "ann")


def killed(site: Site, moment: int, life: Callable[[], object]) -> tuple[bool, int]:
    """Run ``life`` in a process of its own that is killed (SIGKILL) at ``moment``. Whether it was, and how many moments it
    had lived when it ended by itself."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        status = 3
        try:
            os.close(reading)
            site.killer.at, site.killer.seen = moment, 0
            life()
            os.write(writing, str(site.killer.seen).encode())
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        told = pipe.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return True, moment
    assert os.WEXITSTATUS(status) == 0, "the tool failed; see its traceback"
    return False, int(told)


def fresh(folder: Path, name: str, *hosts: object) -> Site:
    place = folder / name
    place.mkdir()
    return Site(place / "site", Killer()).make(*hosts)  # type: ignore[arg-type] # SiteHost objects
