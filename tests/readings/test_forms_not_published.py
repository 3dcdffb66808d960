"""Forms that nobody published: one rule reads both of two likely ones, or there is a reason and no statement about the host."""

from __future__ import annotations

import io
import json
import re
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from auditor.domain.image import Component, Solution
from auditor.domain.observation import Read, Reason, Unread
from auditor.domain.readings import (
    bank_details,
    banks,
    boot_device,
    image_database,
    own_settings,
    product,
    recorded,
    registry,
    security,
    situation,
    vibs,
    vsan,
)
from auditor.domain.readings.answer import Answer
from auditor.domain.rollback.owned import owned_vibs

from .parsers import PARSERS

HERE = Path(__file__).parent
NTG3 = Solution("com.example.ntg3", "1", (Component("Broadcom-ntg3", ""),))
TEXTS = sorted(path for name in PARSERS for path in (HERE / name).glob("*.txt") if name != "bootbank-cfg")


def archive(members: Mapping[str, str]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, text in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(text.encode())
            tar.addfile(info, io.BytesIO(text.encode()))
    return packed.getvalue()


def members(name: str) -> dict[str, str]:
    found: dict[str, str] = json.loads((HERE / "image-database" / f"{name}.members.json").read_text())
    return found


@pytest.mark.parametrize("folder", ["reservedComponents", "reservedcomponents", "reservedComponents/bulletins", "other"])
def test_a_component_kept_in_reserve_is_not_installed(folder: str) -> None:
    files = {
        name.replace("/reservedComponents/", f"/{folder}/"): text
        for name, text in members("reserved-component-shares-a-vib").items()
    }
    image = image_database.parse("/bootbank", Answer(archive(files)))
    assert isinstance(image, Read)
    assert [(one.name, one.version) for one in image.value.components] == [("Broadcom-ntg3", "4.1.14.0-1OEM")]
    assert owned_vibs([NTG3], image) == Read(("ntg3", "ntg3-tools"))


def test_of_two_described_versions_the_whole_one_counts() -> None:
    files = {
        name.replace("/reservedComponents/", "/bulletins/"): text
        for name, text in members("reserved-component-shares-a-vib").items()
    }
    assert owned_vibs([NTG3], image_database.parse("/bootbank", Answer(archive(files)))) == Read(("ntg3", "ntg3-tools"))
    del files["var/db/esximg/bulletins/a.xml"]
    alone = owned_vibs([NTG3], image_database.parse("/bootbank", Answer(archive(files))))
    assert isinstance(alone, Unread)
    assert "VMW_bootbank_ntg3_4.1.9.0" in alone.detail


@pytest.mark.parametrize("folder", ["reservedVibs", "reserved/vibs", "vibs/reserved", "cache"])
def test_vibs_kept_in_reserve_are_not_installed(folder: str) -> None:
    files = {name.replace("/reservedVibs/", f"/{folder}/"): text for name, text in members("reserved-vibs-folder").items()}
    image = image_database.parse("/bootbank", Answer(archive(files)))
    assert isinstance(image, Read)
    assert [(vib.name, vib.version) for vib in image.value.vibs] == [
        ("esx-base", "8.0.3-0.70.24674464"),
        ("ntg3", "4.1.14.0-1OEM.800.1.0.20613240"),
    ]


def test_two_descriptors_of_one_vib_where_the_installed_ones_lie_are_no_answer() -> None:
    files = {name.replace("/reservedVibs/", "/vibs/"): text for name, text in members("reserved-vibs-folder").items()}
    image = image_database.parse("/bootbank", Answer(archive(files)))
    assert isinstance(image, Unread)
    assert "twice" in image.detail


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        ((HERE.parent / "recorded" / "vsan-storage" / "capitals.txt").read_text(), Read(15)),
        ("   On-disk format version: 15\n", Read(15)),
        ("   Device: naa.1\n   Format of the disk: 15\n", Reason.UNREADABLE),
        ("\n", Reason.ABSENT),
        ("", Reason.ABSENT),
    ],
)
def test_the_vsan_format_is_never_denied_for_want_of_a_field(printed: str, expected: Read[int] | Reason) -> None:
    found = vsan.parse_format(Answer(printed.encode()))
    assert found == expected or (isinstance(found, Unread) and found.reason is expected)


def test_health_in_other_capitals_is_no_trouble() -> None:
    for health, healthy in (("Healthy", True), ("HEALTHY", True), ("UNHEALTHY", False)):
        cluster = Answer(f"   Local Node Health State: {health}\n".encode())
        assert vsan.parse_healthy(cluster, Answer(b"   total number of resyncing objects: 0\n")) == Read(healthy)


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("vSAN Clustering is not enabled on this host", Read(False)),
        ("Virtual SAN Clustering is not enabled on this host", Read(False)),
        ("the service hostd is not enabled", Reason.FAILED),
    ],
)
def test_only_words_about_vsan_say_that_it_is_off(told: str, expected: Read[bool] | Reason) -> None:
    found = vsan.parse_enabled(Answer(told.encode(), 1))
    assert found == expected or (isinstance(found, Unread) and found.reason is expected)


def capitals(text: str) -> str:
    """The text with the names of fields and columns in other capitals, the values as they are."""
    lines = [re.sub(r"^( *)([A-Za-z][A-Za-z ]*):", lambda m: f"{m[1]}{m[2].swapcase()}:", line) for line in text.split("\n")]
    rulers = [number for number, line in enumerate(lines) if re.fullmatch(r"-+(?: +-+)+ *", line)]
    return "\n".join(line.swapcase() if number + 1 in rulers else line for number, line in enumerate(lines))


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_names_of_fields_in_other_capitals_are_the_same_fields(path: Path) -> None:
    text = path.read_text()
    parse = PARSERS[path.parent.name]
    assert parse(Answer(capitals(text).encode())) == parse(Answer(text.encode()))


def test_the_samples_do_have_fields_and_columns() -> None:
    changed = {path.parent.name for path in TEXTS if capitals(path.read_text()) != path.read_text()}
    assert {"system-version", "profile", "vib-list"} <= changed


def test_fields_in_other_capitals_of_the_readings_before_a_rollback() -> None:
    device = "   boot filesystem uuid: 5f\n   BOOT NIC:\n   stateless Boot NIC:\n"
    assert boot_device.parse_stateless(Answer(device.encode())) == Read(False)
    assert security.parse_mode(Answer(b"   MODE: TPM\n")) == Read("TPM")
    assert vsan.parse_enabled(Answer(b"Cluster Information\n   enabled: true\n")) == Read(True)


def test_one_field_twice_in_different_capitals_is_a_guess() -> None:
    found = product.parse_system_version(Answer(b"   Version: 8.0.3\n   version: 8.0.2\n   Build: Releasebuild-1\n"))
    assert isinstance(found, Unread)


class TestNoSuchFile:
    """ABSENT is a statement about the host: only what the command was told to look at can be absent."""

    def test_of_what_was_looked_at(self) -> None:
        told = "cat: can't open '/bootbank/boot.cfg': No such file or directory"
        bank = banks.parse("/bootbank", Answer(b"", 1), Answer(b"", 1), Answer(b"", 1, told))
        assert isinstance(bank.boot_cfg, Unread)
        assert bank.boot_cfg.reason is Reason.ABSENT

    @pytest.mark.parametrize(
        "told",
        ["[Errno 2] No such file or directory: '/altbootbank/boot.cfg'", "esxcli: No such file or directory"],
    )
    def test_of_what_a_program_needs_inside(self, told: str) -> None:
        found = vibs.parse(Answer(told.encode() + b"\n", 1))
        assert isinstance(found, Unread)
        assert found.reason is Reason.FAILED

    def test_of_the_program_itself(self) -> None:
        told = "python: can't open file '/usr/lib/vmware/secureboot/bin/secureBoot.py': [Errno 2] No such file or directory"
        found = security.parse_secure_boot(Answer(b"", 2, told))
        assert isinstance(found, Unread)
        assert found.reason is Reason.FAILED
        sums = own_settings.parse_authorized_keys(Answer(b"", 127, "sh: sha256sum: No such file or directory"))
        assert isinstance(sums, Unread)


def test_an_output_that_powershell_wrote_is_named_as_that() -> None:
    for path in TEXTS:
        found = PARSERS[path.parent.name](Answer(path.read_text().encode("utf-16")))
        assert isinstance(found, Unread)
        assert "UTF-16" in found.detail


def test_every_command_that_a_host_is_asked_can_be_read_from_a_file() -> None:
    """By the command's own name: what it prints can be recorded, and the reader asked what it makes of it."""
    for command in (*registry.COMMANDS, *bank_details.BANK_COMMANDS, *situation.SITUATION_COMMANDS, *own_settings.COMMANDS):
        found = recorded.find(command.name)
        assert found is not None, command
        assert command in found[0].commands
