"""Recorded outputs: every reading by its name, what one command's output alone makes of it, and files beside the commands.

Names are those of ``audit --json`` for what an audit reads, and the commands' own for what is asked before a rollback. They
and the values' forms are published: they keep what they are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from auditor.domain.banks import BootCfg
from auditor.domain.bootbank import simulate_boot
from auditor.domain.bootexplain import explain
from auditor.domain.changed_copy import FETCH, Change, change_of
from auditor.domain.observation import NOT_ATTEMPTED, Read, Reading, Reason, Unread
from auditor.domain.readings import (
    bank_files,
    bank_health,
    bank_place,
    banks,
    boot_device,
    boot_identity,
    hardware_id,
    image_database,
    own_settings,
    quick_boot,
    security,
    vsan,
)
from auditor.domain.readings.answer import Answer, Command, failure_of, raw_of, unreadable
from auditor.domain.readings.reading import AT_THE_HOST, Answers, HostReading
from auditor.domain.readings.registry import COMMANDS, READINGS

SILENT = Answer(b"", None, fault=NOT_ATTEMPTED)
BOOT_CFG = Command("boot-cfg", "cat boot.cfg", 0)
"""Not asked of a host: a copy of the file, from wherever it is."""

_SAVE = "save what the command prints with the > of the host's own shell or of cmd.exe, and copy the file"


def _one(command: Command, meaning: str, parse: Callable[[Answer], Any]) -> HostReading:
    return HostReading(command.name, meaning, (command,), lambda answers: parse(answers[command.name]), routes=AT_THE_HOST)


def _of_links(name: str, meaning: str, command: Callable[[str], Command], parse: Callable[[str, Answer], Any]) -> HostReading:
    """A reading that is made of either bank in the same way."""
    by_name = {command(link).name: link for link in banks.BY_LINK}

    def read(answers: Answers) -> Any:
        given = next((name for name in by_name if answers[name] is not SILENT), next(iter(by_name)))
        return parse(by_name[given], answers[given])

    return HostReading(name, meaning, tuple(map(command, banks.BY_LINK)), read, routes=AT_THE_HOST)


def _vsan_cluster(answer: Answer) -> Reading[dict[str, bool | None]]:
    enabled = vsan.parse_enabled(answer)
    if isinstance(enabled, Unread):
        return enabled
    healthy = vsan.parse_node_healthy(answer) if enabled.value else Read(None)
    return healthy if isinstance(healthy, Unread) else Read({"enabled": enabled.value, "node_healthy": healthy.value})


def boot_cfg(answer: Answer) -> Reading[dict[str, Any]]:
    """A boot.cfg as it was handed in, and what the boot loader makes of it were it the only bank."""
    found = _as_handed_in(answer, BOOT_CFG)
    if isinstance(found, Unread):
        return found
    seen, outcome = BootCfg.parse(found.value), simulate_boot((found.value,))
    return Read(
        {
            "settings": dict(seen.settings),
            "loader": None if seen.loader is None else asdict(seen.loader),
            "outcome": outcome.as_dict(),
            "explanation": list(explain(outcome)),
        }
    )


def _as_handed_in(answer: Answer, command: Command) -> Reading[bytes]:
    """The bytes of a boot.cfg, unless something shows that they are not the host's."""
    failure, change = failure_of(answer, command), change_of(answer.data)
    if failure is not None:
        return failure
    if change is not None:
        return Unread(Reason.UNREADABLE, f"the file {change.value}; {FETCH}", raw_of(answer))
    if not BootCfg.parse(answer.data).recognised:
        return Unread(Reason.UNREADABLE, f"it has no key of a boot.cfg; {FETCH}", raw_of(answer))
    return Read(answer.data)


_BEFORE_A_ROLLBACK: tuple[HostReading, ...] = (
    _of_links(
        "bank-files",
        "files of a boot bank with sizes and times",
        lambda link: bank_files.commands(link)[1],
        lambda link, answer: bank_files.parse(link, SILENT, answer, NOT_ATTEMPTED),
    ),
    _of_links("image-database", "image database of a boot bank (imgdb.tgz)", image_database.command, image_database.parse),
    _one(bank_health.COMMAND, "files of the boot banks that cannot be read", bank_health.parse),
    _one(bank_files.CLOCK, "the host's clock", bank_files.parse_clock),
    _one(bank_place.LIVE_MARKER, "mark of a VIB that was installed live", bank_place.parse_live_marker),
    _one(boot_identity.COMMAND, "name of this boot of the host", boot_identity.parse),
    _one(boot_device.COMMAND, "booted over the network (Auto Deploy)", boot_device.parse_stateless),
    _one(quick_boot.COMMAND, "started by a Quick Boot", quick_boot.parse),
    _one(hardware_id.COMMAND, "hardware UUID", hardware_id.parse),
    _one(security.ENCRYPTION, "mode of the configuration's encryption", security.parse_mode),
    _one(security.SECURE_BOOT, "Secure Boot", security.parse_secure_boot),
    _one(own_settings.AUTHORIZED_KEYS, "checksum of root's authorized SSH keys", own_settings.parse_authorized_keys),
    _one(vsan.CLUSTER, "vSAN and this node's health", _vsan_cluster),
    _one(vsan.RESYNC, "objects that vSAN resyncs", vsan.parse_resyncing),
    _one(vsan.STORAGE, "on-disk format of vSAN", vsan.parse_format),
)
ALL: tuple[HostReading, ...] = (
    *READINGS,
    *(each for each in _BEFORE_A_ROLLBACK if not any(command in COMMANDS for command in each.commands)),
)
"""What an audit reads, and what it does not ask but a rollback does."""


def find(name: str) -> tuple[HostReading, tuple[Command, ...]] | None:
    """The reading of a name, with the commands whose output it may be: all of its own, or the one whose name was given.
    Blanks in a name may be ``_`` or ``-``."""
    for reading in ALL:
        if plain_name(reading.key) == plain_name(name):
            return reading, reading.commands
    for reading in ALL:
        for command in reading.commands:
            if plain_name(command.name) == plain_name(name):
                return reading, (command,)
    return None


def plain_name(name: str) -> str:
    """A name as names are compared."""
    return name.lower().replace("_", "-")


def read(reading: HostReading, commands: tuple[Command, ...], answer: Answer) -> tuple[Command | None, Reading[Any]]:
    """What a reading is by the output of one of ``commands`` alone, and which one that was: the first that can be read so. The
    value is in its published form. None for the command when no one alone can be meant."""
    if change_of(answer.data) is Change.UTF_16:
        alone = commands[0] if len(commands) == 1 else None
        cure = FETCH if reading.key == "banks" else _SAVE
        return alone, Unread(Reason.UNREADABLE, f"the file {Change.UTF_16.value}; {cure}", raw_of(answer))
    # A boot.cfg may be any bytes, so it is looked for last.
    tried = [(c, _by(reading, c, answer)) for c in sorted(commands, key=lambda c: c.name.endswith("-cfg"))]
    read_by = next(((command, found) for command, found in tried if isinstance(found, Read)), None)
    if read_by is not None:
        return read_by
    unread = [(command, found) for command, found in tried if isinstance(found, Unread)]
    if len(unread) == 1:
        return unread[0]
    reasons = {found.reason for _, found in unread}
    detail = "; ".join(dict.fromkeys(found.detail for _, found in unread))
    return None, Unread(reasons.pop() if len(reasons) == 1 else Reason.UNREADABLE, detail, raw_of(answer))


def _by(reading: HostReading, command: Command, answer: Answer) -> Reading[Any]:
    answers = {each.name: SILENT for each in reading.commands} | {command.name: answer}
    found = reading.parse(answers)
    if reading.key == "banks":
        found = _bank(found, command, answer)
    if isinstance(found, Read):
        return Read(reading.plain(found.value))
    if found.reason is Reason.NOT_ATTEMPTED:  # of a command that was not given; this one's own was not understood
        return failure_of(answer, command) or unreadable(command, "not what it is known to print", raw_of(answer))
    if found.reason is Reason.UNREADABLE and not answer.data.strip():
        return unreadable(command, "the file is empty; the command is not known to print nothing")
    return found  # type: ignore[no-any-return]


def _bank(found: tuple[Any, ...], command: Command, answer: Answer) -> Reading[Any]:
    """The bank that a command tells of, if it could be read."""
    link = next(link for link in banks.BY_LINK if command.name.startswith(f"{link.removeprefix('/')}-"))
    bank = next(bank for bank in found if bank.link == link)
    part = command.name.rpartition("-")[2]
    told = {"cfg": bank.boot_cfg, "files": bank.files, "partition": bank.partition}.get(part, bank.target)
    if part == "cfg":
        told = _as_handed_in(answer, command)
    return told if isinstance(told, Unread) else Read((bank,))


__all__ = ["ALL", "BOOT_CFG", "boot_cfg", "find", "plain_name", "read"]
