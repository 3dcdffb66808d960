"""What the rollback window calls UNHEALTHY alarms in the audit, in the same words; nothing else does."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from auditor.domain.assess import assess
from auditor.domain.assessment import Assessment, Verdict
from auditor.domain.findings import Code, Finding, Severity
from auditor.domain.observation import BankReading, Estate, HostObservation, Read, Route
from auditor.domain.past import Past
from auditor.domain.rollback.bank import BankObservation
from auditor.domain.rollback.judge import recorded_of, window_of
from auditor.domain.rollback.window import WindowKind
from auditor.reports.text import render_audit
from auditor.tables import load_release_table
from tests.domain.rollback.samples import FILES, NEW, OLD, boot_cfg, files, observation
from tests.domain.rollback.test_window import CASES
from tests.domain.whole import FAILED, steady

TABLE = load_release_table()


def judged(banks: BankObservation | HostObservation) -> Assessment:
    """A steady estate in which north-01 has these banks."""
    view = steady({Route.SSH})
    seen = recorded_of(banks) if isinstance(banks, BankObservation) else banks
    changed = {"banks": seen.banks, "boot_volumes": seen.boot_volumes, "stateless": seen.stateless}
    hosts = tuple(replace(o, **changed) if o.host == "north-01" else o for o in view.hosts)
    return assess(Estate(view.at, view.vcenters, hosts), Past(), TABLE)


def alarm(banks: BankObservation | HostObservation) -> Finding | None:
    found = [finding for finding in judged(banks).findings if finding.code is Code.BOOT_BANKS]
    assert len(found) <= 1
    return found[0] if found else None


@pytest.mark.parametrize(("seen", "kind"), [(case[1], case[2]) for case in CASES], ids=[case[0] for case in CASES])
def test_window_and_audit_say_the_same(seen: BankObservation, kind: WindowKind) -> None:
    found = alarm(seen)
    if kind is WindowKind.UNHEALTHY:
        assert found is not None
        assert found.evidence[0] == window_of(seen).window.reason
        assert (found.hosts, judged(seen).verdict) == (("north-01",), Verdict.DRIFT)
    elif kind is not WindowKind.UNKNOWN:
        assert found is None


IN_RAM = {"target": Read("/tmp")}
GIVEN_UP = "is not known (failed: /altbootbank: the command ended with status 1): do not reboot this host"


@pytest.mark.parametrize(
    ("seen", "severity", "next_boot"),
    [
        (
            observation(own_bank=IN_RAM, other_bank=IN_RAM),
            Severity.CRITICAL,
            "is not known, since what was read lies in RAM and not on the boot device: do not reboot this host",
        ),
        (observation(b"updated=x\n", b"updated=x\n"), Severity.CRITICAL, "nothing starts: do not reboot this host"),
        (
            observation(b"updated=x\n", b"updated=x\n", own_bank=IN_RAM, other_bank=IN_RAM),
            Severity.CRITICAL,
            "nothing starts: do not reboot this host",
        ),
        (observation(boot_cfg(NEW, 5, 3)), Severity.CRITICAL, f"{OLD} from /altbootbank"),
        (observation(boot_cfg(NEW, 5, 3), other_bank={"boot_cfg": FAILED}), Severity.CRITICAL, GIVEN_UP),
        (observation(other=boot_cfg(OLD, 4, 9)), Severity.WARNING, f"{NEW} from /bootbank"),
        (
            observation(other_bank={"files": Read(files(tuple(n for n in FILES if n != "vmx.v00")))}),
            Severity.WARNING,
            f"{NEW} from /bootbank",
        ),
    ],
    ids=[
        "links only", "nothing starts", "nothing starts from RAM", "the other bank starts", "the other bank unread",
        "a state that is none", "a missing module",
    ],
)  # fmt: skip
def test_how_bad_it_is_follows_from_the_next_boot(seen: BankObservation, severity: Severity, next_boot: str) -> None:
    found = alarm(seen)
    assert found is not None
    assert found.severity is severity
    assert found.evidence[1].startswith(f"next boot: {next_boot}")
    told = "do not reboot this host" in found.summary and "Do not reboot this host" in found.do[0]
    assert told is (severity is Severity.CRITICAL)
    assert any("coming back after maintenance" in line for line in found.avoid) is told
    assert any("KB 306902" in line for line in found.rests_on) is (next_boot is not GIVEN_UP)  # the loader's choice is told
    text = render_audit(judged(seen), width=160)
    assert "north-01" in text
    assert ("do not reboot" in text) is (severity is Severity.CRITICAL)


SHORT = {"files": Read(files(tuple(name for name in FILES if name != "vmx.v00")))}
UPDATE = boot_cfg("8.0.3-0.102.25595708", 6, 1)


@pytest.mark.parametrize(
    ("seen", "severity", "reboot", "advice"),
    [
        (observation(own_bank={"target": Read("/tmp")}, other_bank={"target": Read("/tmp")}), "critical", False, "boot device"),
        (observation(boot_cfg(NEW, 5, 3)), "critical", False, "auditor rollback status"),
        (observation(boot_cfg(NEW, 5, 2)), "warning", False, "Wait some minutes"),
        (observation(other=boot_cfg(OLD, 4, 9)), "warning", True, "support case"),
        (observation(other_bank=SHORT), "warning", True, "support case"),
        (observation(own_bank=SHORT), "critical", False, "support case"),
        (observation(other=UPDATE, other_bank=SHORT), "critical", False, "support case"),
    ],
    ids=["RAM", "armed", "trial", "no state", "module missing there", "module missing here", "module missing in an update"],
)
def test_what_is_to_be_done_follows_from_what_is_wrong(seen: BankObservation, severity: str, reboot: bool, advice: str) -> None:
    found = alarm(seen)
    assert found is not None
    assert (found.severity.value, found.evidence[0]) == (severity, window_of(seen).window.reason)
    assert ("do not reboot this host" in found.summary) is not reboot
    assert ("Do not reboot this host" in found.do[0]) is not reboot
    assert any(advice in line for line in found.do)


def test_a_staged_update_that_is_whole_alarms_nobody() -> None:
    assert alarm(observation(other=UPDATE)) is None


@pytest.mark.parametrize("part", [field.name for field in fields(BankReading) if field.name != "link"])
@pytest.mark.parametrize("link", ["/bootbank", "/altbootbank"])
def test_what_was_not_read_alarms_nobody(link: str, part: str) -> None:
    good = recorded_of(observation())
    banks = tuple(replace(bank, **{part: FAILED}) if bank.link == link else bank for bank in good.banks)
    assert alarm(replace(good, banks=banks)) is None
    assert judged(replace(good, banks=banks)).verdict is Verdict.INCOMPLETE


def test_what_was_not_read_of_one_bank_hides_no_alarm_of_the_other() -> None:
    armed = recorded_of(observation(boot_cfg(NEW, 5, 3)))
    found = alarm(replace(armed, banks=(armed.banks[0], replace(armed.banks[1], boot_cfg=FAILED))))
    assert found is not None
    assert "marked invalid" in found.evidence[0]


def test_a_host_booted_over_the_network_has_no_banks_to_lose() -> None:
    lost = recorded_of(observation(own_bank={"target": Read("/tmp")}, other_bank={"target": Read("/tmp")}))
    assert alarm(lost) is not None
    assert alarm(replace(lost, stateless=Read(False))) is not None
    assert alarm(replace(lost, stateless=Read(True))) is None
