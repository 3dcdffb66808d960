"""Recorded outputs of real hosts, by build and situation. Each has its source beside it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from auditor.codec import to_plain
from auditor.domain.observation import Read, Unread
from auditor.domain.readings import product
from auditor.domain.readings.answer import Answer

from .parsers import PARSERS

HERE = Path(__file__).parent
SAMPLES = sorted(path for name in PARSERS for path in (HERE / name).glob("*.txt"))
TEXTS = [path for path in SAMPLES if path.parent.name != "bootbank-cfg"]
FOREIGN = sorted(path for path in (HERE / "foreign").iterdir() if path.suffix != ".source")

# No public output of `baseimage get` and `addon get` exists, so any structure with the right fields has to be taken; and
# two commands print nothing but the word Disabled. None of these outputs can be told from that of the command itself.
CANNOT_BE_TOLD = {
    ("foreign", "vib-get.5.0-hp-smx.txt", "base-image"),
    ("foreign", "vib-get.5.0-hp-smx.txt", "add-on"),
    ("foreign", "secureBoot-s.disabled.txt", "maintenance-mode"),
}
SAME_FORM = {
    frozenset({"profile", "profile-rebooting"}),
    frozenset({"vib-list", "vib-list-rebooting"}),
    frozenset({"vib-list", "component-list"}),  # the header of the latter is not known, so it cannot be told by it
}


def _id(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def _plain(reading: Read[object] | Unread) -> object:
    plain = to_plain(reading)
    plain.pop("raw", None)
    return plain


@pytest.mark.parametrize("path", TEXTS, ids=_id)
def test_sample_reads_as_recorded(path: Path) -> None:
    reading = PARSERS[path.parent.name](Answer(path.read_bytes()))
    assert _plain(reading) == json.loads(path.with_suffix(".expected.json").read_text())


@pytest.mark.parametrize("path", sorted((HERE / "bootbank-cfg").glob("*.txt")), ids=_id)
def test_boot_cfg_is_kept_byte_for_byte(path: Path) -> None:
    assert PARSERS["bootbank-cfg"](Answer(path.read_bytes())) == Read(path.read_bytes())


@pytest.mark.parametrize("name", ["6.7U3-15160138-realtek", "9.0.0-24755229-vanilla"])
def test_every_row_of_a_vib_list_is_there(name: str) -> None:
    """Against a second, simpler reading of the same text: no name or version holds a blank."""
    text = (HERE / "vib-list" / f"{name}.txt").read_text()
    reading = PARSERS["vib-list"](Answer(text.encode()))
    assert isinstance(reading, Read)
    words = [line.split() for line in text.splitlines()[2:]]
    assert [(vib.name, vib.version, vib.vendor) for vib in reading.value] == [(row[0], row[1], row[2]) for row in words]
    assert {vib.install_date for vib in reading.value} == {row[4] for row in words}


@pytest.mark.parametrize("path", FOREIGN, ids=_id)
@pytest.mark.parametrize("name", [name for name in PARSERS if name != "bootbank-cfg"])
def test_output_of_another_command_gives_a_reason(name: str, path: Path) -> None:
    reading = PARSERS[name](Answer(path.read_bytes()))
    if (path.parent.name, path.name, name) in CANNOT_BE_TOLD:
        assert isinstance(reading, Read)
        return
    assert isinstance(reading, Unread)
    assert reading.detail


@pytest.mark.parametrize(
    ("name", "path"),
    [
        (name, path)
        for name in PARSERS
        for path in TEXTS
        if name not in {path.parent.name, "bootbank-cfg"} and frozenset({name, path.parent.name}) not in SAME_FORM
    ],
    ids=lambda value: _id(value) if isinstance(value, Path) else value,
)
def test_output_of_our_other_commands_gives_a_reason(name: str, path: Path) -> None:
    assert isinstance(PARSERS[name](Answer(path.read_bytes())), Unread)


def test_structured_system_version() -> None:
    """`esxcli --formatter=json` of a real host has the same field names as the structure in the vSphere API."""
    fields = json.loads((HERE / "structured" / "system-version-8.0U3-25205845.json").read_text())
    reading = product.from_fields(fields)
    assert isinstance(reading, Read)
    found = reading.value
    assert (found.version, found.build, found.name, found.update, found.patch) == (
        "8.0.3",
        "25205845",
        "VMware ESXi",
        "3",
        "95",
    )


def test_every_sample_names_its_source() -> None:
    for path in [*SAMPLES, *FOREIGN]:
        beside = path.with_suffix(".source") if path.parent.name != "foreign" else path.with_name(path.name + ".source")
        assert beside.read_text().strip(), path
