"""``window-closed``: a host could go back to its older image when it was last looked at, and cannot any more."""

from __future__ import annotations

from collections.abc import Iterable

from auditor.domain.findings import Code, Finding, Severity, Subject, SubjectKind
from auditor.domain.hosts import HostFacts
from auditor.domain.past import PastHost
from auditor.domain.rollback.change import Cause, WindowChange, window_change
from auditor.domain.rollback.judge import recorded_window


def window_findings(past_host: PastHost | None, facts: HostFacts) -> Iterable[Finding]:
    """At most one finding, and only if the host's banks were read now and in an earlier run.

    It is a notice: every update and every live VIB moves the window, and nothing about what the host runs is wrong because
    of it, so it must not turn a steady fleet into drift. Whoever means to roll back has to know all the same.
    """
    now = next((o for o in facts.observations if o.banks), None)
    if now is None or past_host is None:
        return
    # The newest look tells the cause best; the newest audit's tells what nobody was told of since.
    for then in reversed(past_host.looks):
        change = window_change(recorded_window(then), recorded_window(now))
        # After a rollback there is nothing behind the host by design; it is not news.
        if change is not None and change.closed and change.cause is not Cause.ROLLED_BACK:
            yield _finding(Subject(SubjectKind.HOST, facts.name, now.vcenter), change)
            return


def _finding(subject: Subject, change: WindowChange) -> Finding:
    before, after = change.before, change.after
    return Finding(
        Code.WINDOW_CLOSED,
        Severity.NOTICE,
        subject,
        f"It could go back to {before.build} and cannot any more. {change.cause.words}",
        hosts=(subject.name,),
        evidence=(
            f"{change.seen_before:%Y-%m-%dT%H:%M:%SZ}: {before}",
            f"{change.seen_after:%Y-%m-%dT%H:%M:%SZ}: {after}: {after.reason}",
        ),
        do=(
            "If nobody means to go back, nothing needs to be done.",
            f"auditor rollback window {subject.name}   (reads the banks now, down to VIBs)",
        ),
        avoid=("Do not set a bank's bootstate by hand to reopen it: what was there has been overwritten or given up.",),
        rests_on=("KB 316592", "KB 306902"),
    )


__all__ = ["window_findings"]
