"""One host's banks: what stands in a file, and the next boot where the readings decide it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.domain.banks import Bank, BootCfg, predict_next_boot
from auditor.domain.observation import BankReading, Read, Reason, Unread

STAGED = b"""bootstate=1
title=Loading VMware ESXi
timeout=5
prefix=
kernel=b.b00
kernelopt=autoPartition=FALSE  diskDump=1
modules=jumpstrt.gz --- useropts.gz --- imgdb.tgz --- state.tgz
build=8.0.3-0.70.24674464
#updated=9
nextkey=kept=whole
updated=6
"""
RUNNING = b"bootstate=0\nbuild=8.0.3-0.60.24585383\nupdated=5\n"
VOLUME = "/vmfs/volumes/5d0c8f6c-2a2b3c4d-0e1f-001122334455"


def bank(name: str, data: bytes | None, partition: int | None = None) -> Bank:
    return Bank(name, Read(data), partition)


def test_a_boot_cfg_is_read_for_people_and_as_the_loader_reads_it() -> None:
    view = BootCfg.parse(STAGED)
    assert view.title == "Loading VMware ESXi"
    assert view.kernelopt == "autoPartition=FALSE  diskDump=1"
    assert view.modules == ("jumpstrt.gz", "useropts.gz", "imgdb.tgz", "state.tgz")
    assert view.build == "8.0.3-0.70.24674464"
    assert view.settings["nextkey"] == "kept=whole"
    assert "#updated" not in view.settings
    assert view.loader is not None
    assert (view.loader.bootstate, view.loader.updated, view.loader.build) == (1, 6, view.build)


def test_the_two_views_may_differ() -> None:
    view = BootCfg.parse(b"updated = 7\nbootstate=0\n")
    assert view.settings["updated"] == "7"
    assert view.loader is not None
    assert view.loader.updated == 0  # the loader does not know a key with a blank behind it
    assert BootCfg.parse(b"updated=seven\n").loader is None


@given(st.binary(max_size=300))
def test_any_bytes_are_read(data: bytes) -> None:
    view = BootCfg.parse(data)
    assert all(key == key.strip().lower() for key in view.settings)
    assert all(view.modules)


def test_the_next_boot_without_partition_numbers() -> None:
    for banks in ([bank("/bootbank", RUNNING), bank("/altbootbank", STAGED)], [bank("b", STAGED), bank("a", RUNNING)]):
        answer = predict_next_boot(banks)
        assert isinstance(answer, Read)
        assert answer.value.bank in {"/altbootbank", "b"}
        assert answer.value.outcome.banks[answer.value.order.index(answer.value.bank)].state_in_use == 2


def test_a_tie_needs_the_partition_numbers() -> None:
    names = ("/bootbank", "/altbootbank")
    for partitions in ((None, None), (5, None), (None, 6)):
        answer = predict_next_boot([bank(n, RUNNING, p) for n, p in zip(names, partitions, strict=True)])
        assert isinstance(answer, Unread)
        assert "updated" in answer.detail
        assert "partition" in answer.detail
    for partitions, winner in (((5, 6), "/bootbank"), ((6, 5), "/altbootbank")):
        answer = predict_next_boot([bank(n, RUNNING, p) for n, p in zip(names, partitions, strict=True)])
        assert isinstance(answer, Read)
        assert answer.value.bank == winner


def test_nothing_to_boot_is_an_answer() -> None:
    answer = predict_next_boot([bank("/bootbank", None), bank("/altbootbank", b"bootstate=3\n")])
    assert isinstance(answer, Read)
    assert answer.value.bank is None


def test_an_unread_bank_makes_the_next_boot_unknown() -> None:
    unread = Bank.of(BankReading("/altbootbank", Read(VOLUME), Unread(Reason.DENIED, "permission denied")))
    answer = predict_next_boot([bank("/bootbank", RUNNING), unread])
    assert isinstance(answer, Unread)
    assert answer.reason is Reason.DENIED
    assert "/altbootbank" in answer.detail


def test_a_missing_file_is_known_to_be_missing() -> None:
    alone = Bank.of(BankReading("/altbootbank", Read(VOLUME), Unread(Reason.ABSENT)))
    assert alone.boot_cfg == Read(None)
    answer = predict_next_boot([bank("/bootbank", RUNNING), alone])
    assert isinstance(answer, Read)
    assert answer.value.bank == "/bootbank"


@pytest.mark.parametrize("target", ["/tmp/_bootbank", "", "/vmfs/volumesX/1", "/vmfs/volumes/", "/vmfs/volumes/../../tmp"])
def test_a_link_that_leads_to_no_volume_is_no_bank(target: str) -> None:
    lost = Bank.of(BankReading("/bootbank", Read(target), Read(RUNNING)))
    answer = predict_next_boot([lost, bank("/altbootbank", STAGED)])
    assert isinstance(answer, Unread)
    assert "/bootbank" in answer.detail


def test_two_links_to_one_volume_are_not_two_banks() -> None:
    links = [BankReading(link, Read(target), Read(RUNNING)) for link, target in (("a", VOLUME), ("b", f"{VOLUME}/"))]
    answer = predict_next_boot([Bank.of(reading, number) for number, reading in enumerate(links, 5)])
    assert isinstance(answer, Unread)
    assert "lead to the same volume" in answer.detail


def test_a_bank_keeps_its_partition() -> None:
    assert Bank.of(BankReading("/bootbank", Read(VOLUME), Read(RUNNING)), 5) == bank("/bootbank", RUNNING, 5)
