"""What the findings of single hosts tell: who says what by which route, what starts next, and what keeps them silent."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from auditor.domain.findings import Code, Finding, Severity
from auditor.domain.image import AddOn, Product
from auditor.domain.observation import (
    BankReading,
    Connection,
    Estate,
    HostObservation,
    InventoryHost,
    Read,
    Reason,
    Route,
    StagedImage,
    Unread,
)
from auditor.domain.past import Past
from tests.domain.estates import NEW, OLD, ago, base, cluster, estate, image, listed, marks, past, product, says, silent
from tests.domain.judging import COMMIT_5, STEADY, judge
from tests.domain.rollback.samples import boot_cfg
from tests.domain.whole import FAILED

HPE, DELL = AddOn("HPE", "803.1"), AddOn("DEL-ESXi", "A03")


def seen(*said: HostObservation, host: InventoryHost | None = None, wanted: str | None = NEW) -> Estate:
    hosts = {o.host: listed(o.host, NEW) for o in said}
    return estate((cluster(wanted),), (host,) if host else tuple(hosts.values()), said)


def told(view: Estate, code: Code, before: Past | None = None) -> Finding | None:
    found = [finding for finding in judge(view, before).findings if finding.code is code]
    assert len(found) <= 1
    return found[0] if found else None


@pytest.mark.parametrize(
    ("vcenter", "runs", "older"),
    [
        ("8.0.2", Product("8.0.3", "1"), True),
        ("7.0.3", Product("8.0.0", "1"), True),
        ("8.0.3", Product("8.0.3", "99999999"), False),  # builds of vCenter and ESXi have nothing to do with each other
        ("9.0.0", Product("8.0.3", "1"), False),
        ("8.0.2", Product("not a version", "1"), False),
        ("not a version", Product("8.0.3", "1"), False),
    ],
)
def test_a_vcenter_is_older_by_its_release_alone(vcenter: str, runs: Product, older: bool) -> None:
    view = estate((cluster(None),), (listed("a", NEW),), (says("a", NEW, product=Read(runs)),), vc_marks=marks(1, vcenter, "7"))
    found = told(view, Code.VCENTER_OLDER_THAN_HOST)
    assert (found is not None) is older
    if found:
        assert (found.hosts, found.evidence[0]) == (("a",), f"vCenter is {vcenter} build 7")


@pytest.mark.parametrize("number", [1, 10, 12])
def test_ten_of_the_newer_hosts_are_quoted_and_all_named(number: int) -> None:
    names = tuple(f"h{n:02}" for n in range(number))
    view = estate(
        (cluster(NEW),), tuple(listed(n, NEW) for n in names), tuple(says(n, NEW) for n in names), vc_marks=marks(1, "8.0.2")
    )
    found = told(view, Code.VCENTER_OLDER_THAN_HOST)
    assert found is not None
    assert (found.hosts, len(found.evidence)) == (names, 1 + min(number, 10))


AWAY = Connection.NOT_RESPONDING


@pytest.mark.parametrize(
    ("shown", "said", "evidence"),
    [
        (listed("a", OLD, connection=AWAY), (says("a", NEW),), "the host itself (ssh)"),
        (listed("a", OLD, connection=AWAY), (says("a", NEW), says("a", NEW, route=Route.HOST_API)), "(ssh, host-api)"),
        (listed("a", OLD, connection=AWAY), (says("a", NEW), silent("a", route=Route.HOST_API)), "the host itself (ssh)"),
        (replace(listed("a", NEW, connection=AWAY), build="1"), (says("a", NEW),), "(ssh)"),
        (listed("a", NEW, connection=AWAY), (says("a", NEW),), None),
        (listed("a", OLD), (says("a", NEW),), None),  # connected: no more than a lag
        (replace(listed("a", OLD, connection=AWAY), version=""), (says("a", NEW),), None),
        (listed("a", OLD, connection=AWAY), (silent("a"),), None),
    ],
)
def test_an_inventory_is_stale_where_vcenter_is_cut_off_and_the_host_says_otherwise(
    shown: InventoryHost, said: tuple[HostObservation, ...], evidence: str | None
) -> None:
    found = told(seen(*said, host=shown), Code.STALE_INVENTORY)
    assert (found is not None) is bool(evidence)
    if found and evidence:
        assert evidence in found.evidence[1]
        assert found.evidence[0] == f"vCenter's inventory: ESXi 8.0.3 build {shown.build}, notResponding"


NEXT = Product("8.0.3", "24674999")


@pytest.mark.parametrize(
    ("other", "evidence"),
    [
        ({}, ()),
        ({"product": Read(NEXT)}, ("product by", "8.0.3 build 24674464", "8.0.3 build 24674999")),
        ({"product": Read(replace(product(NEW), label="Update 3"))}, ()),
        ({"base_image": Read(base(OLD))}, ("base image by", NEW, OLD)),
        ({"add_on": Read(DELL)}, ("add-on by", "HPE 803.1", "DEL-ESXi A03")),
        ({"add_on": Read(None)}, ()),  # its silence is the weaker witness
        ({"product": FAILED, "base_image": FAILED, "add_on": FAILED}, ()),
    ],
)
def test_two_routes_disagree_where_both_read_a_value(other: dict[str, Any], evidence: tuple[str, ...]) -> None:
    by_vcenter = replace(says("a", NEW, HPE, route=Route.VCENTER), **other)
    found = told(seen(says("a", NEW, HPE), by_vcenter), Code.ROUTES_DISAGREE)
    if evidence:
        what, by_ssh, by_vc = evidence
        evidence = (f"{what} ssh at 12:00:00Z: {by_ssh}", f"{what} vcenter at 12:00:00Z: {by_vc}")
    assert (found.evidence if found else ()) == evidence


def banks(own: bytes | None, other: bytes | None) -> tuple[BankReading, ...]:
    files = {"/bootbank": own, "/altbootbank": other}
    return tuple(BankReading(link, Read(f"/vmfs/volumes/{link[1:]}"), Read(f) if f else FAILED) for link, f in files.items())


STAGED = StagedImage("ESXi-8.0U3e", base(NEW))
BY_LOADER = f"/altbootbank/boot.cfg: bootstate=1, build={NEW}; the loader would start it at the next boot"
BY_DATABASE = "the host's image database for the next boot: "


@pytest.mark.parametrize(
    ("own", "other", "database", "starts", "evidence"),
    [
        (boot_cfg(OLD, 5), boot_cfg(NEW, 6, 1), None, NEW, (BY_LOADER,)),
        (boot_cfg(OLD, 5), boot_cfg(NEW, 6, 1), STAGED, NEW, (BY_LOADER, BY_DATABASE + NEW)),
        (boot_cfg(OLD, 5), boot_cfg("", 6, 1), None, None, None),  # the loader starts no bank without a build
        (boot_cfg(OLD, 5), boot_cfg(NEW, 4), STAGED, NEW, (BY_DATABASE + NEW,)),
        (boot_cfg(OLD, 5), boot_cfg(NEW, 4), StagedImage("mine", None), "mine", (BY_DATABASE + "mine",)),
        (boot_cfg(OLD, 5), boot_cfg(NEW, 4), StagedImage("", None), "an image without a name", None),
        (boot_cfg(OLD, 5), boot_cfg(NEW, 4), None, None, None),
        (boot_cfg(OLD, 5), boot_cfg(NEW, 6), None, None, None),  # starts next, but is no update's first boot
        (boot_cfg(OLD, 5), boot_cfg(NEW, 4, 1), None, None, None),  # waits, but the loader passes it by
        (None, boot_cfg(NEW, 6, 1), None, None, None),
        (boot_cfg(OLD, 5), None, None, None, None),
    ],
)
def test_what_the_next_boot_starts_is_told_by_the_banks_before_the_database(
    own: bytes | None, other: bytes | None, database: StagedImage | None, starts: str | None, evidence: tuple[str, ...] | None
) -> None:
    view = seen(says("a", OLD, banks=banks(own, other), staged=Read(database)), wanted=OLD)
    found = told(view, Code.UPDATE_STAGED)
    assert (found.summary if found else None) == (f"The next boot starts another image: {starts}." if starts else None)
    if found and evidence:
        assert found.evidence == evidence
    [row] = judge(view).hosts
    assert row.staged == Read(starts)


def test_a_database_that_was_not_read_hides_no_update_in_the_banks() -> None:
    waiting = says("a", OLD, banks=banks(boot_cfg(OLD, 5), boot_cfg(NEW, 6, 1)), staged=FAILED)
    assert told(seen(waiting, wanted=OLD), Code.UPDATE_STAGED) is not None
    quiet = says("a", OLD, banks=banks(boot_cfg(OLD, 5), boot_cfg(NEW, 4)), staged=FAILED)
    assert told(seen(quiet, wanted=OLD), Code.UPDATE_STAGED) is None
    assert judge(seen(quiet, wanted=OLD)).hosts[0].staged == FAILED


@pytest.mark.parametrize(
    ("said", "shown", "evidence"),
    [
        ((), listed("a", NEW), ("no route was tried", "vCenter shows it connected, ESXi 8.0.3 build 24674464")),
        (
            (silent("a"), silent("a", Reason.DENIED, Route.HOST_API)), replace(listed("a", NEW), version=""),
            (
                "ssh: unreachable: nothing answered", "host-api: denied: nothing answered",
                "vCenter shows it connected, no version",
            ),
        ),
    ],
)  # fmt: skip
def test_of_a_host_that_nobody_saw_is_told_what_was_tried_and_is_known(
    said: tuple[HostObservation, ...], shown: InventoryHost, evidence: tuple[str, ...]
) -> None:
    found = told(seen(*said, host=shown), Code.HOST_UNSEEN)
    assert found is not None
    assert (found.severity, found.evidence) == (Severity.WARNING, evidence)


@pytest.mark.parametrize(
    ("said", "evidence"),
    [
        ((says("gone", NEW),), ("it answers by ssh: 8.0.3 build 24674464",)),
        ((says("gone", NEW), silent("gone", route=Route.HOST_API)), ("it answers by ssh: 8.0.3 build 24674464",)),
        ((says("gone", NEW, product=FAILED),), ("it answers by ssh: its image",)),
        ((silent("gone"),), ("ssh: unreachable: nothing answered",)),
        ((), ()),
    ],
)
def test_of_a_host_that_vanished_is_told_where_it_was_and_whether_it_answers(
    said: tuple[HostObservation, ...], evidence: tuple[str, ...]
) -> None:
    view = replace(STEADY, hosts=(*STEADY.hosts, *said))
    before = past((image(NEW), COMMIT_5), hosts=("a", "b", "gone"))
    found = told(view, Code.HOST_VANISHED, before)
    assert found is not None
    assert found.evidence == (f"history: listed until {ago(1):%Y-%m-%d %H:%MZ} in prod", *evidence)


CHANGED = Unread(Reason.CHANGED, "the pinned one is SHA256:abc")


@pytest.mark.parametrize(
    ("routes", "what"),
    [
        ((Route.SSH,), "SSH key"),
        ((Route.HOST_API,), "certificate"),
        ((Route.SSH, Route.HOST_API), "SSH key"),
        ((), None),
    ],
)
def test_a_host_that_shows_another_identity_is_told_by_its_kind(routes: tuple[Route, ...], what: str | None) -> None:
    answers = [replace(silent("a", route=route), trouble=CHANGED) for route in routes]
    found = told(seen(says("a", NEW, route=Route.VCENTER), *answers), Code.IDENTITY_CHANGED)
    assert (found is not None) is bool(what)
    if found:
        assert found.summary == f"It shows another {what} than the pinned one."
        assert found.evidence == tuple(f"{route.value}: the pinned one is SHA256:abc" for route in routes)


@pytest.mark.parametrize(
    ("connection", "power", "state"),
    [
        ("connected", "poweredOn", None),
        ("disconnected", "poweredOn", "disconnected, power poweredOn"),
        ("notResponding", "", "notResponding"),
        ("", "", "not shown"),
    ],
)
def test_a_host_that_vcenter_does_not_reach_is_told_with_what_vcenter_shows(
    connection: str, power: str, state: str | None
) -> None:
    shown = replace(listed("a", NEW, connection=connection), power=power)
    found = told(seen(says("a", NEW), host=shown), Code.HOST_DISCONNECTED)
    assert (found.evidence if found else ()) == ((f"vCenter's inventory: {state}",) if state else ())
