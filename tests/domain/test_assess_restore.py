"""The rules that tell a restore, and what vanished: each with its twin that must stay silent."""

from __future__ import annotations

from dataclasses import replace

import pytest

from auditor.domain.assessment import HostState, Verdict
from auditor.domain.findings import Code, Severity
from auditor.domain.image import Commit
from auditor.domain.observation import (
    Estate,
    Read,
    Reason,
    Unread,
    VCenterView,
)
from tests.domain.estates import (
    NEW,
    NOW,
    OLD,
    ago,
    cluster,
    estate,
    image,
    listed,
    marks,
    past,
    says,
    scan,
    silent,
)
from tests.domain.judging import COMMIT_5, COMMIT_7, STEADY, codes, judge, one


def test_hosts_ahead_after_a_restore_are_explained_by_the_lost_commit() -> None:
    view = estate((cluster(OLD),), (listed("a", NEW), listed("b", NEW)), (says("a", NEW), says("b", NEW)), vc_marks=marks(900))
    result = judge(view, past((image(OLD), COMMIT_5), (image(NEW), COMMIT_7), hosts=("a", "b")))
    assert codes(result) == {"restore-detected", "host-ahead"}
    ahead = one(result, Code.HOST_AHEAD)
    assert ahead.hosts == ("a", "b")
    assert any("commit 7" in line for line in ahead.evidence)
    restore = one(result, Code.RESTORE_DETECTED)
    assert restore.severity is Severity.CRITICAL
    assert any("newest event is 900" in line for line in restore.evidence)
    assert any("commit 7" in line and "gone" in line for line in restore.evidence)


@pytest.mark.parametrize("audited", [False, True])
def test_a_rewind_is_news_until_an_audit_has_told_of_it(audited: bool) -> None:
    """A snapshot by cron after the restore reports to nobody, so it must not make the restore old news."""
    before = past((image(NEW), COMMIT_7), (image(OLD), COMMIT_5), key=9000)
    rewound = replace(before.marks[0], at=ago(0.5), marks=marks(key=800))
    seen = replace(before.clusters[0], images=tuple(replace(i, last_seen=ago(1)) for i in before.clusters[0].images))
    told = {"vc": ago(0.5)} if audited else {"vc": ago(60)}
    before = replace(before, marks=(*before.marks, rewound), clusters=(seen,), audited=told)
    view = estate((cluster(OLD, COMMIT_5),), (listed("a", OLD),), (says("a", OLD),), vc_marks=marks(900))
    result = judge(view, before)
    assert codes(result) == {"restore-detected"}
    assert one(result, Code.RESTORE_DETECTED).severity is (Severity.NOTICE if audited else Severity.CRITICAL)
    assert result.verdict is (Verdict.IN_SYNC if audited else Verdict.DRIFT)


def test_a_later_commit_is_no_rewind() -> None:
    view = estate((cluster(NEW, COMMIT_7),), (listed("a", NEW),), (says("a", NEW),))
    assert codes(judge(view, past((image(OLD), COMMIT_5)))) == set()


@pytest.mark.parametrize(
    ("now", "then", "rewound"),
    [
        (marks(key=1), marks(key=2), True),
        (marks(key=2), marks(key=2), False),
        (marks(version="8.0.2", build="99999999"), marks(key=1, version="8.0.3", build="1"), True),
        (marks(version="8.0.3", build="10"), marks(key=1, version="8.0.3", build="11"), True),
        (marks(version="8.0.3", build="1"), marks(key=1, version="7.0.3", build="99999999"), False),
        (replace(marks(), newest_event_time=Read(ago(30))), replace(marks(key=1), newest_event_time=Read(ago(2))), False),
        (
            replace(marks(), newest_event_key=Unread(Reason.DENIED), newest_event_time=Read(ago(30))),
            replace(marks(), newest_event_time=Read(ago(2))),
            True,
        ),
        (replace(marks(), newest_event_key=Unread(Reason.DENIED)), marks(key=9000), False),
        (marks(key=1, uuid="another"), marks(key=9000), False),
    ],
)
def test_marks_that_went_back(now: object, then: object, rewound: bool) -> None:
    view = replace(STEADY, vcenters=(replace(STEADY.vcenters[0], marks=Read(now)),))
    assert ("restore-detected" in codes(judge(view, past(vc_marks=then)))) is rewound


def test_a_known_commit_id_of_another_time_is_evidence() -> None:
    view = estate((cluster(NEW, Commit("7", "x", ago(2))),), (listed("a", NEW),), (says("a", NEW),))
    finding = one(judge(view, past((image(NEW), COMMIT_7))), Code.RESTORE_DETECTED)
    assert any("history knows it of" in line for line in finding.evidence)


@pytest.mark.parametrize(("then", "now", "rewound"), [("8", "9", False), ("9", "8", True), ("8", "8", True), ("a", "9", True)])
def test_a_commit_made_while_the_clock_was_ahead_is_followed_by_the_next_one(then: str, now: str, rewound: bool) -> None:
    """A later time with a lower id was vCenter's clock; a restore takes ids back, or uses them again."""
    ahead, present = Commit(then, "admin", ago(-30)), Commit(now, "admin", ago(2))
    view = estate((cluster(NEW, present),), (listed("a", NEW),), (says("a", NEW),))
    assert ("restore-detected" in codes(judge(view, past((image(NEW), ahead))))) is rewound


def test_vanished_things_alone_do_not_prove_a_restore() -> None:
    result = judge(STEADY, past((image(NEW), COMMIT_5), hosts=("a", "b", "gone")))
    assert codes(result) == {"host-vanished"}
    row = next(h for h in result.hosts if h.name == "gone")
    assert not row.listed


def test_a_host_that_another_vcenter_lists_now_was_moved() -> None:
    there = replace(STEADY.vcenters[0], name="other", clusters=Read(()), hosts=Read((listed("gone", NEW, cluster=""),)))
    view = replace(
        STEADY, vcenters=(*STEADY.vcenters, there), hosts=(*STEADY.hosts, replace(says("gone", NEW), vcenter="other"))
    )
    result = judge(view, past((image(NEW), COMMIT_5), hosts=("a", "b", "gone")))
    finding = one(result, Code.HOST_VANISHED)
    assert (finding.severity, result.verdict) == (Severity.NOTICE, Verdict.IN_SYNC)
    assert any("other" in line for line in finding.evidence)


def test_a_vanished_host_that_answers_says_what_it_runs() -> None:
    view = replace(STEADY, hosts=(*STEADY.hosts, says("gone", NEW)))
    finding = one(judge(view, past((image(NEW), COMMIT_5), hosts=("gone",))), Code.HOST_VANISHED)
    assert any("24674464" in line for line in finding.evidence)


def test_no_host_vanishes_from_an_inventory_that_was_not_read() -> None:
    blind = Unread(Reason.UNREACHABLE, "no answer")
    view = Estate(NOW, (VCenterView("vc", NOW, blind, blind, blind, blind),), (says("a", NEW),))
    result = judge(view, past((image(NEW), COMMIT_5), hosts=("a", "b")))
    assert codes(result) == {"view-incomplete", "host-unseen"}
    assert {h.name for h in result.hosts} == {"a", "b"}
    assert result.verdict is Verdict.INCOMPLETE
    row = next(h for h in result.hosts if h.name == "a")
    assert row.state is HostState.UNKNOWN
    assert "against the image recorded" in row.note
    assert row.note.endswith("IN_SYNC")


def test_a_scan_from_before_the_restore_is_stale_unless_todays_readings_confirm_it() -> None:
    untouched = cluster(NEW, compliance=Read(scan("COMPLIANT", NEW, NEW, "a", ago(50))))
    before = past((image(NEW), COMMIT_5), key=9000)
    confirmed = judge(estate((untouched,), (listed("a", NEW),), (says("a", NEW),)), before)
    assert codes(confirmed) == {"restore-detected"}
    unknown = judge(estate((untouched,), (listed("a", NEW),), (silent("a"),)), before)
    assert codes(unknown) == {"restore-detected", "stale-scan", "host-unseen"}


def test_a_known_restore_stays_a_warning_while_drift_remains() -> None:
    before = past((image(OLD), COMMIT_5), (image(NEW), COMMIT_7))
    before = replace(before, audited={"vc": ago(0.5)})
    view = estate((cluster(OLD, COMMIT_5),), (listed("a", NEW),), (says("a", NEW),), vc_marks=marks(900))
    result = judge(view, before)
    assert codes(result) == {"restore-detected", "host-ahead"}
    assert one(result, Code.RESTORE_DETECTED).severity is Severity.WARNING
