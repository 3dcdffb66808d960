"""The twin of each harmless change: the same with the one difference that makes it a true finding, which still comes.

Each is lived through for two days: what happens does so on the second morning, after a day in which all is well.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from auditor.cli.exit_codes import ExitCode
from auditor.domain.image import Commit
from auditor.domain.observation import Connection
from tests.month.driver import Deed, Event, Found, nothing, quick_folder, replayed
from tests.month.estate import BASES, Change, Estate, Image, cluster, commit, host, remediate, scan, unchanged
from tests.month.harmless import (
    OTHER_MACHINE,
    RENAMED,
    SIX,
    cluster_added,
    equal_commit,
    found,
    on_host,
    on_vcenter,
    pins,
    raised,
    remediated,
    removed,
    renamed,
    synced,
)

pytestmark = pytest.mark.slow

THREE = "esx03.example.org"
RESTORED = found("restore-detected", "vc01", "critical")
INCOMPLETE = found("view-incomplete", "vc01", "critical")


@dataclass(frozen=True)
class Twin:
    """``first`` happens before the day in which all is well, ``change`` and ``deed`` after it."""

    of: str
    change: Change
    shows: frozenset[Found]
    deed: Deed = nothing
    first: tuple[Change, ...] = ()
    code: int = ExitCode.DRIFT


def event_back(estate: Estate) -> Estate:
    return on_vcenter("vc01", event=estate.vcenter("vc01").event - 200)(estate)


def commit_back(name: str) -> Change:
    """The cluster has the commit before its last one again, with another id and time, and the same image."""

    def change(estate: Estate) -> Estate:
        known = estate.cluster(name).commit
        assert known is not None
        assert known.time is not None
        earlier = replace(known, id=str(int(known.id) - 1), time=known.time - timedelta(days=9))
        return scan(cluster(estate, name, commit=earlier), name)

    return change


def id_used_again(estate: Estate) -> Estate:
    return scan(cluster(estate, "Prod-A", commit=Commit("7", "VSPHERE.LOCAL\\joe", estate.now, "after")), "Prod-A")


def other_machine(estate: Estate) -> Estate:
    """vCenter's database uses the object's id again for another machine, as it may after a restore."""
    return host(estate, THREE, name=RENAMED, uuid=OTHER_MACHINE)


def took_over(estate: Estate) -> Estate:
    """A host is scrapped, and another one gets its name: one host is gone."""
    return renamed(SIX, "esx07.example.org")(removed("esx07.example.org")(estate))


def chain(*changes: Change) -> Change:
    def change(estate: Estate) -> Estate:
        for each in changes:
            estate = each(estate)
        return estate

    return change


def baselines_again(estate: Estate) -> Estate:
    return cluster(estate, "Prod-B", image=None, commit=None, scan=None)


def one_behind(estate: Estate) -> Estate:
    """A host that comes to a cluster of a newer image."""
    return host(estate, "esx01.example.org", cluster="domain-c20")


def remediated_half(estate: Estate) -> Estate:
    estate = commit(estate, "Prod-A", replace(estate.cluster("Prod-A").image or Image(), base=BASES[2]))
    return remediate(estate, "Prod-A", "esx01.example.org")


TWINS = (
    Twin("vCenter patched", on_vcenter("vc01", build="24022515"), RESTORED),
    Twin("events go on", event_back, RESTORED),
    Twin("commit", commit_back("Prod-A"), RESTORED),
    Twin("commit of another time", id_used_again, RESTORED),
    Twin(
        "clock corrected by NTP",
        chain(on_vcenter("vc01", ahead=timedelta()), commit_back("Prod-A")),
        RESTORED,
        first=(on_vcenter("vc01", ahead=timedelta(days=2)), equal_commit("Prod-A"), lambda e: scan(e, "Prod-A")),
    ),
    Twin("host renamed: same id, other machine", other_machine, found("host-vanished", THREE), pins(RENAMED)),
    Twin(
        "host renamed: same machine, other id",
        on_host(THREE, name=RENAMED, listed="host-900"),
        found("host-vanished", THREE),
        pins(RENAMED),
    ),
    Twin(
        "host renamed: UUID not read", chain(renamed(THREE, RENAMED), on_host(RENAMED, uuid="")), found("host-vanished", THREE)
    ),
    Twin("host renamed to a name of a host that is gone", took_over, found("host-vanished", SIX), pins("esx07.example.org")),
    Twin("host removed, and nobody says so", removed(THREE), found("host-vanished", THREE)),
    Twin(
        "host moved to a cluster of another image",
        one_behind,
        found("host-behind", "Prod-C") | found("mixed-cluster", "Prod-C"),
        first=(synced, cluster_added, raised, remediated("Prod-C")),
    ),
    Twin("image raised and half remediated", remediated_half, found("mixed-cluster", "Prod-A"), first=(synced,)),
    Twin(
        "certificate without its new pin",
        on_vcenter("vc01", certificate="BC" * 32),
        INCOMPLETE | found("identity-changed", "vc01", "critical"),
    ),
    Twin(
        "SSH key without its new pin",
        on_host(THREE, key="second"),
        found("identity-changed", THREE, "critical") | found("readings-missing", "vc01"),
    ),
    Twin(
        "host that vCenter lost and SSH still reads",
        on_host(THREE, connection=Connection.DISCONNECTED.value),
        found("host-disconnected", THREE),
        code=ExitCode.INCOMPLETE,
    ),
    Twin(
        "vCenter under an address nobody configured",
        on_vcenter("vc01", address="new.example.org"),
        INCOMPLETE,
        code=ExitCode.INCOMPLETE,
    ),
    Twin(
        "host in maintenance mode that does not come back",
        on_host(THREE, connection=Connection.NOT_RESPONDING.value, answers=False, maintenance=True),
        found("host-unseen", THREE) | found("host-disconnected", THREE),
        code=ExitCode.INCOMPLETE,
    ),
    Twin(
        "cluster put under an image, and back", baselines_again, found("management-regressed", "Prod-B", "critical") | RESTORED
    ),
    Twin("images removed that are in use", on_vcenter("vc01", depot=BASES[:1]), found("depot-gap", "Prod-A")),
)


@pytest.mark.parametrize("twin", TWINS, ids=lambda twin: twin.of)
def test_the_true_finding_comes(twin: Twin) -> None:
    def pin_all(desk: object) -> None:
        pins(*(machine.name for machine in desk.estate.hosts))(desk)  # type: ignore[attr-defined]

    events = (
        Event(0, 1, "before", chain(*twin.first), pin_all),
        Event(1, 6, twin.of, twin.change, twin.deed, shows=twin.shows, hours=24),
    )
    with quick_folder() as folder, replayed(folder, events, days=2) as month:
        runs = [run for run in month.live() if run.hour > 24]
    before = [run for run in runs if run.hour < 30]
    assert [str(run) for run in before if run.code != ExitCode.DONE] == []
    audit = next(run for run in runs if run.command == "audit" and run.hour == 30)
    assert twin.shows <= audit.findings, audit
    assert audit.code == twin.code, audit


def test_nothing_but_the_change_makes_a_twin() -> None:
    """Two days of which nothing is told end in sync: the twins' own ground."""
    with quick_folder() as folder, replayed(folder, (Event(0, 1, "nothing", unchanged),), days=2) as month:
        assert [str(run) for run in month.live() if run.code != ExitCode.DONE] == []
