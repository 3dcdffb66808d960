"""What happened to a window between two looks, and what the audit says of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from auditor.domain.assess import assess
from auditor.domain.assessment import Verdict
from auditor.domain.findings import Code, Severity
from auditor.domain.image import Vib
from auditor.domain.observation import BankReading, HostObservation, Read, Unread
from auditor.domain.past import Past, PastHost
from auditor.domain.releases import ReleaseTable
from auditor.domain.rollback.change import Cause, window_change
from auditor.domain.rollback.compare import compare_banks
from auditor.domain.rollback.judge import recorded_window
from tests.domain import estates
from tests.domain.rollback.samples import NEW, OLD, OTHER, OWN, VOLUME_A, VOLUME_B, boot_cfg, image, observation, unread

NEWER = "8.0.3-0.102.25595708"


def seen(own: bytes, other: bytes, text: str = NEW) -> HostObservation:
    banks = (BankReading("/bootbank", Read(VOLUME_A), Read(own)), BankReading("/altbootbank", Read(VOLUME_B), Read(other)))
    return estates.says("esx1", text, banks=banks)


BEFORE = seen(OWN, OTHER)


@pytest.mark.parametrize(
    ("after", "cause", "closed"),
    [
        (seen(OWN, boot_cfg(NEWER, 6, 1)), Cause.STAGED, True),
        (seen(OWN, boot_cfg(NEW, 6)), Cause.LIVE_VIB, True),
        (seen(OWN, boot_cfg(OLD, 4, 3)), Cause.GIVEN_UP, True),
        (seen(boot_cfg(NEW, 5, 3), OTHER), Cause.DAMAGED, True),
        (seen(boot_cfg(NEWER, 6), boot_cfg(NEW, 5), NEWER), Cause.UPDATED, False),
        (seen(OTHER, boot_cfg(NEW, 5, 3), OLD), Cause.ROLLED_BACK, True),
    ],
)
def test_causes(after: HostObservation, cause: Cause, closed: bool) -> None:
    change = window_change(recorded_window(BEFORE), recorded_window(after))
    assert change is not None
    assert (change.cause, change.closed) == (cause, closed)
    assert change.before.build == OLD
    assert cause.words


def test_no_change_and_not_known_are_no_news() -> None:
    before = recorded_window(BEFORE)
    assert window_change(before, recorded_window(BEFORE)) is None
    assert window_change(before, recorded_window(replace(BEFORE, banks=()))) is None
    assert window_change(recorded_window(replace(BEFORE, banks=())), before) is None


def assessed(now: HostObservation, then: HostObservation | None) -> object:
    listed = (estates.listed("esx1", NEW),)
    estate = estates.estate((estates.cluster(NEW),), listed, (now,))
    known = PastHost("esx1", "vc", "domain-c1", "prod", estates.ago(50), estates.ago(1), then, (then,) if then else ())
    past = Past(runs=1, newest_run=estates.ago(1), hosts=(known,))
    return assess(estate, past, ReleaseTable(()))


def test_a_closed_window_is_a_notice_that_leaves_the_verdict_alone() -> None:
    result = assessed(seen(OWN, boot_cfg(NEW, 6)), BEFORE)
    finding = next(f for f in result.findings if f.code is Code.WINDOW_CLOSED)  # type: ignore[attr-defined]
    assert finding.severity is Severity.NOTICE
    assert OLD in finding.summary
    assert any("CONSUMED" in line for line in finding.evidence)
    assert result.verdict is Verdict.IN_SYNC  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("now", "then"),
    [
        (BEFORE, BEFORE),
        (seen(OWN, boot_cfg(NEW, 6)), None),
        (seen(OWN, boot_cfg(NEW, 6)), replace(BEFORE, banks=())),
        (replace(BEFORE, banks=()), BEFORE),
        (seen(OTHER, boot_cfg(NEW, 5, 3), OLD), BEFORE),  # rolled back on purpose
    ],
)
def test_nothing_is_said_without_two_looks_or_without_a_loss(now: HostObservation, then: HostObservation | None) -> None:
    assert Code.WINDOW_CLOSED not in {f.code for f in assessed(now, then).findings}  # type: ignore[attr-defined]


def test_the_banks_compared_down_to_vibs() -> None:
    fdm, agent = Vib("vmware-fdm", "8.0.3-24853646"), Vib("tool", "1.0")
    found = compare_banks(
        observation(own_bank={"image": Read(image(NEW, fdm, agent))}, other_bank={"image": Read(image(OLD, agent))})
    )
    assert isinstance(found, Read)
    assert [(vib.name, vib.now, vib.then) for vib in found.value.vibs] == [
        ("esx-base", NEW, OLD),
        ("vmware-fdm", "8.0.3-24853646", None),
    ]
    assert [vib.name for vib in found.value.lost] == ["vmware-fdm"]
    missing = compare_banks(observation(other_bank={"image": unread()}))
    assert isinstance(missing, Unread)
    assert "/altbootbank" in missing.detail
