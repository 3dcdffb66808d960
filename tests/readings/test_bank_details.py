"""What a host prints of its banks: listings, partitions, volumes, image databases; real forms and hostile ones."""

from __future__ import annotations

import gzip
import io
import tarfile
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.domain.observation import Read, Reading, Reason, Unread
from auditor.domain.readings import bank_files, bank_place, boot_volumes, image_database, quick_boot
from auditor.domain.readings.answer import Answer
from auditor.domain.readings.bank_details import BANK_COMMANDS
from auditor.domain.readings.registry import COMMANDS
from auditor.domain.rollback.bank import BankComponent

NOW = Read(datetime(2026, 3, 10, 12, tzinfo=UTC))
NO_STAT = Answer(b"", 127, "stat: not found")
ABSENT = Answer(b"", 1, "ls: /var/run/update_altbootbank: No such file or directory")

VMKFSTOOLS = b"""vfat-0.04 (Raw Major Version: 0) file system spanning 1 partitions.
File system label (if any): BOOTBANK2
Mode: private
Capacity 4293591040 (65515 file blocks * 65536), 4120444928 (62873 blocks) avail, max supported file size 0
Disk Block Size: 512/0/0
UUID: 10096f8b-d044b0e9-8697-0c6ccda4bf06
Partitions spanned (on "disks"):
\tnaa.600508b1001c7ba8871f691e550a30fc:6
Is Native Snapshot Capable: NO
"""


def test_the_audit_asks_for_no_image_database_and_no_times() -> None:
    """Those are large, or change by the hour; what else decides about the next boot is asked."""
    names = [command.name for command in BANK_COMMANDS]
    assert len(set(names)) == len(names)
    assert not {command.name for command in COMMANDS} & {
        "bootbank-image",
        "altbootbank-image",
        "bootbank-stat",
        "altbootbank-stat",
    }
    assert {"bootbank-files", "altbootbank-files", "boot-volumes"} <= {command.name for command in COMMANDS}


def listed(text: bytes, stat: Answer = NO_STAT, clock: Reading[datetime] = NOW) -> Any:
    return bank_files.parse("/bootbank", Answer(text), stat, clock)


def test_ls_as_busybox_prints_it() -> None:
    found = listed(
        b"total 180000\n"
        b"-rwx------    1 root     root         51306 May  1  2017 imgdb.tgz\n"
        b"-rwx------    1 root     root          1203 Mar 10 11:58 boot.cfg\n"
        b"-rwx------    1 0        0               7 Dec 31 23:59 state.tgz\n"
        b"drwxr-xr-x    1 root     root           512 Jan  1 00:00 folder\n"
    )
    assert isinstance(found, Read)
    assert [(file.name, file.size, file.modified) for file in found.value] == [
        ("imgdb.tgz", 51306, datetime(2017, 5, 1, tzinfo=UTC)),
        ("boot.cfg", 1203, datetime(2026, 3, 10, 11, 58, tzinfo=UTC)),
        ("state.tgz", 7, datetime(2025, 12, 31, 23, 59, tzinfo=UTC)),
    ]


@pytest.mark.parametrize(
    ("line", "when"),
    [
        (b"-rwx------ 1 root root 7 2026-01-02 03:04:05 +0200 a b.v00\n", datetime(2026, 1, 2, 1, 4, 5, tzinfo=UTC)),
        (b"-rwx------ 1 root root 7 2026-01-02 03:04:05 a b.v00\n", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        (b"-rwx------ 1 root root 7 Feb 29 10:00 a b.v00\n", datetime(2024, 2, 29, 10, tzinfo=UTC)),
        (b"-rwx------ 1 root root 7 Xyz 29 10:00 a b.v00\n", None),
        (b"-rwx------ 1 root root 7 Feb 31 10:00 a b.v00\n", None),
    ],
)
def test_times_of_a_listing(line: bytes, when: datetime | None) -> None:
    found = listed(line)
    assert isinstance(found, Read)
    assert [(file.name, file.size, file.modified) for file in found.value] == [("a b.v00", 7, when)]


def test_without_the_hosts_clock_a_time_without_a_year_is_not_guessed() -> None:
    found = listed(b"-rwx------ 1 root root 7 Mar 10 11:58 boot.cfg\n", clock=Unread(Reason.FAILED))
    assert isinstance(found, Read)
    assert found.value[0].modified is None


def test_stat_wins_where_it_can_be_read() -> None:
    stat = Answer(b"51306 1772366400 /bootbank/imgdb.tgz\n7 1772366401 /bootbank/a b.v00\n")
    found = listed(b"nonsense\n", stat)
    assert isinstance(found, Read)
    assert [(file.name, file.size) for file in found.value] == [("imgdb.tgz", 51306), ("a b.v00", 7)]
    assert found.value[0].modified == datetime(2026, 3, 1, 12, tzinfo=UTC)
    odd = listed(b"-rwx------ 1 root root 7 Mar 10 11:58 boot.cfg\n", Answer(b"51306 %Y /bootbank/imgdb.tgz\n"))
    assert isinstance(odd, Read)
    assert odd.value[0].name == "boot.cfg"


@pytest.mark.parametrize("text", [b"", b"total 0\n", b"nonsense\n", b"-rwx------ 1 root root 7 Mar 10 11:58 cut"])
def test_what_is_no_listing_is_unread(text: bytes) -> None:
    assert isinstance(listed(text), Unread)


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_any_listing_gives_a_reading(text: bytes, stat: bytes) -> None:
    assert isinstance(listed(text, Answer(stat)), Read | Unread)


def test_the_partition_of_a_real_answer() -> None:
    assert bank_place.parse_partition("/bootbank", Answer(VMKFSTOOLS)) == Read(6)
    without_size = VMKFSTOOLS.replace(b"Disk Block Size: 512/0/0\n", b"").replace(b"BOOTBANK2", b"")
    assert bank_place.parse_partition("/bootbank", Answer(without_size)) == Read(6)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        VMKFSTOOLS.replace(b":6\n", b"\n"),
        VMKFSTOOLS.replace(b":6\n", b":6\n\tmpx.vmhba1:C0:T0:L0:7\n"),
        VMKFSTOOLS.replace(b"Partitions spanned", b"Something else"),
        VMKFSTOOLS[:-60],
    ],
)
def test_no_partition_without_exactly_one(text: bytes) -> None:
    assert isinstance(bank_place.parse_partition("/bootbank", Answer(text)), Unread)


@pytest.mark.parametrize("answer", [Answer(b"", 1), Answer(b"", 0)], ids=["as busybox ends", "silent"])
def test_no_volume_is_believed_of_a_host_without_banks_alone(answer: Answer) -> None:
    parse = boot_volumes.READING.parse
    name = bank_place.VOLUMES_WITH_BOOT_CFG.name
    on_a_volume, in_ram = Answer(b"/vmfs/volumes/a-1\n"), Answer(b"/tmp\n")
    assert parse({name: answer, "bootbank-link": in_ram, "altbootbank-link": in_ram}) == Read(())
    for links in ((on_a_volume, on_a_volume), (in_ram, on_a_volume)):
        found = parse({name: answer, **dict(zip(("bootbank-link", "altbootbank-link"), links, strict=True))})
        assert isinstance(found, Unread)
        assert found.reason is Reason.UNREADABLE


def test_volumes_each_once() -> None:
    text = b"/vmfs/volumes/b-1/boot.cfg\n/vmfs/volumes/a-1/boot.cfg\n/vmfs/volumes/b-1/boot.cfg\n"
    assert bank_place.parse_volumes(Answer(text)) == Read(("/vmfs/volumes/a-1", "/vmfs/volumes/b-1"))
    assert bank_place.parse_volumes(Answer(b"")) == Read(())
    assert isinstance(bank_place.parse_volumes(Answer(b"/tmp/boot.cfg\n")), Unread)
    assert isinstance(bank_place.parse_volumes(Answer(b"", None, "", Unread(Reason.TIMED_OUT))), Unread)


def test_the_live_marker() -> None:
    assert bank_place.parse_live_marker(Answer(b"/var/run/update_altbootbank\n")) == Read(True)
    assert bank_place.parse_live_marker(ABSENT) == Read(False)
    assert isinstance(bank_place.parse_live_marker(Answer(b"", 127, "ls: not found")), Unread)


def test_the_clock() -> None:
    assert bank_files.parse_clock(Answer(b"1772366400\n")) == Read(datetime(2026, 3, 1, 12, tzinfo=UTC))
    assert isinstance(bank_files.parse_clock(Answer(b"Tue Mar 10\n")), Unread)
    assert isinstance(bank_files.parse_clock(Answer(b"+%s\n")), Unread)


def archive(members: dict[str, bytes]) -> bytes:
    inner = io.BytesIO()
    with tarfile.open(fileobj=inner, mode="w") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return gzip.compress(inner.getvalue())


def descriptor(name: str, version: str = "1.0", more: str = "") -> bytes:
    return (
        f'<?xml version="1.0"?>\n<vib version="5.0"><type>bootbank</type><name>{name}</name><version>{version}</version>'
        f"<vendor>VMware</vendor><acceptance-level>certified</acceptance-level>{more}</vib>"
    ).encode()


BASE = {"var/db/esximg/vibs/esx-base-1.xml": descriptor("esx-base", "8.0.3-0.60.24585383")}


def database(data: bytes, status: int = 0) -> Any:
    return image_database.parse("/altbootbank", Answer(data, status))


def test_an_image_database() -> None:
    found = database(
        archive(
            {
                **BASE,
                "var/db/esximg/vibs/drv-2.xml": descriptor("drv", more="<payloads><payload name='x'/></payloads>"),
                "var/db/esximg/profiles/p.xml": b"<imageprofile><name>ESXi-8.0U3d</name></imageprofile>",
                "var/db/esximg/bulletins/b.xml": b"<bulletin><id>x</id></bulletin>",
                "var/db/esximg/vibs/readme.txt": b"\xff not xml",
            }
        )
    )
    assert isinstance(found, Read)
    assert found.value.profile == "ESXi-8.0U3d"
    assert [(vib.name, vib.version, vib.vendor) for vib in found.value.vibs] == [
        ("drv", "1.0", "VMware"),
        ("esx-base", "8.0.3-0.60.24585383", "VMware"),
    ]


def bulletin(name: str, version: str, *ids: str, form: str = "<vibID>{}</vibID>") -> bytes:
    listed = "".join(form.format(each) for each in ids)
    spec = f'<componentNameSpec name="{name}" uiString="x"/><componentVersionSpec version="{version}" uiString="1"/>'
    return f'<?xml version="1.0"?>\n<bulletin><id>{name}_{version}</id>{spec}<vibList>{listed}</vibList></bulletin>'.encode()


def test_a_bulletin_that_names_very_many_vibs_is_read_in_time() -> None:
    """What a host sends is not trusted: the work is that of one look per id, not of comparing it with every VIB."""
    ids = "".join(f"<vibID>V_bootbank_no_{number}</vibID>" for number in range(20_000))
    spec = '<componentNameSpec name="a"/><componentVersionSpec version="1"/>'
    members = {f"vibs/{number}.xml": f"<vib><name>v{number}</name><version>1</version></vib>" for number in range(2_000)}
    members |= {
        "vibs/e.xml": "<vib><name>esx-base</name><version>8.0.3-1</version></vib>",
        "bulletins/a.xml": f"<bulletin>{spec}<vibList>{ids}<vibID>{'_' * 100_000}</vibID></vibList></bulletin>",
    }
    data = archive({name: text.encode() for name, text in members.items()})
    before = time.process_time()
    found = image_database.parse("/bootbank", Answer(data))
    assert time.process_time() - before < 5, "seconds of work; one look per id takes a fifth of one"
    assert isinstance(found, Read)
    [component] = found.value.components
    assert (component.vibs, len(component.missing)) == ((), 20_001)


def test_components_of_an_image_database() -> None:
    """Their VIBs are found by the ids' ends: ids carry the short name of a vendor, descriptors may carry the long one."""
    nested = "<vib><vibID>{}</vibID><name>not looked at</name></vib>"
    found = database(
        archive(
            {
                **BASE,
                "vibs/1.xml": descriptor("nsx-host", "4.1-8.0"),
                "vibs/2.xml": descriptor("host", "4.1-8.0"),
                "vibs/3.xml": descriptor("my_host", "4.1-8.0"),
                "bulletins/a.xml": bulletin("nsx", "4.1", "VMW_bootbank_nsx-host_4.1-8.0", "VMW_bootbank_nsx-gone_4.1-8.0"),
                "bulletins/b.xml": bulletin("two", "1", "VMW_bootbank_host_4.1-8.0", "X_locker_my_host_4.1-8.0", form=nested),
                "bulletins/c.xml": bulletin("old", "4.0", "VMW_bootbank_nsx-host_4.0-8.0"),
                "bulletins/d.xml": b"<bulletin><id>of the old kind</id><vibList><vibID>x</vibID></vibList></bulletin>",
                "bulletins/e.xml": b"<bulletin><componentNameSpec/><componentVersionSpec/></bulletin>",
            }
        )
    )
    assert isinstance(found, Read)
    assert found.value.components == (
        BankComponent("nsx", "4.1", ("nsx-host",), ("VMW_bootbank_nsx-gone_4.1-8.0",)),
        BankComponent("old", "4.0", (), ("VMW_bootbank_nsx-host_4.0-8.0",)),
        BankComponent("two", "1", ("host", "my_host")),
    )


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        (Answer(b"0\n"), Read(False)),
        (Answer(b"1\n"), Read(True)),
        (Answer(b"2\n"), Reason.UNREADABLE),
        (Answer(b""), Reason.UNREADABLE),
        (Answer(b"", 127, "vsish: not found"), Reason.FAILED),
    ],
)
def test_whether_this_boot_was_a_quick_one(answer: Answer, value: Read[bool] | Reason) -> None:
    found = quick_boot.parse(answer)
    assert found == value or (isinstance(found, Unread) and found.reason is value)


def entities() -> bytes:
    return b'<!DOCTYPE vib [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><vib><name>&b;</name></vib>'


def many(count: int) -> dict[str, bytes]:
    return {f"{number}.txt": b"" for number in range(count)}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", Reason.UNREADABLE),
        (b"x" * 100, Reason.UNREADABLE),
        (archive(BASE)[:-20], Reason.UNREADABLE),
        (gzip.compress(b"no tar archive at all" * 100), Reason.UNREADABLE),
        (archive({}), Reason.UNREADABLE),
        (archive({"vibs/drv.xml": descriptor("drv")}), Reason.UNREADABLE),
        (archive({**BASE, "vibs/again.xml": descriptor("esx-base", "2")}), Reason.UNREADABLE),
        (archive({**BASE, "vibs/x.xml": b"<vib><name>x</name>"}), Reason.UNREADABLE),
        (archive({**BASE, "vibs/x.xml": descriptor("two words")}), Reason.UNREADABLE),
        (archive({**BASE, "vibs/x.xml": entities()}), Reason.UNREADABLE),
        (archive({**BASE, "vibs/x.xml": entities().decode().encode("utf-16")}), Reason.UNREADABLE),
        (archive({**BASE, "vibs/x.xml": b" " * (image_database.DESCRIPTOR_LIMIT + 1)}), Reason.TOO_LARGE),
        (archive({**many(image_database.MEMBER_LIMIT), **BASE}), Reason.TOO_LARGE),
        (gzip.compress(bytes(image_database.UNPACKED_LIMIT + 1)), Reason.TOO_LARGE),
    ],
    # Names of our own: gzip writes the time into the bytes, and the names must be the same in every worker.
    ids=lambda value: f"{len(value)} bytes" if isinstance(value, bytes) else value.value,
)
def test_damaged_and_hostile_databases_are_unread(data: bytes, reason: Reason) -> None:
    found = database(data)
    assert isinstance(found, Unread)
    assert found.reason is reason, found


def test_a_missing_database_is_absent() -> None:
    answer = Answer(b"", 1, "cat: can't open '/altbootbank/imgdb.tgz': No such file or directory")
    found = image_database.parse("/altbootbank", answer)
    assert isinstance(found, Unread)
    assert found.reason is Reason.ABSENT


@given(st.binary(max_size=400))
def test_any_bytes_give_a_reading(data: bytes) -> None:
    assert isinstance(database(data), Unread)
    assert isinstance(database(gzip.compress(data)), Unread)
    assert isinstance(database(archive({**BASE, "vibs/x.xml": data})), Read | Unread)
