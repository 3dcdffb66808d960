"""Both boot banks as an audit sees them: where their links point, their boot.cfg byte for byte, their files and partition."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from auditor.domain.banks import VOLUMES
from auditor.domain.observation import NOT_ATTEMPTED, BankReading, Read, Reading, Reason, Unread
from auditor.domain.readings import bank_files, bank_place
from auditor.domain.readings.answer import Answer, Command, failure_of, text_of, unreadable
from auditor.domain.readings.reading import AT_THE_HOST, Answers, HostReading
from auditor.domain.rollback.bank import ALTBOOTBANK, BOOTBANK, BankFacts


def _commands(link: str) -> tuple[Command, Command, Command]:
    name = link.removeprefix("/")
    return (
        Command(f"{name}-link", f"readlink -f {link}", 10),
        Command(f"{name}-ls", f"ls -ld {link}", 10),
        Command(f"{name}-cfg", f"cat {link}/boot.cfg", 20),
    )


BY_LINK = {link: _commands(link) for link in (BOOTBANK, ALTBOOTBANK)}
COMMANDS = (*BY_LINK[BOOTBANK], *BY_LINK[ALTBOOTBANK])


def parse(link: str, resolved: Answer, listed: Answer, boot_cfg: Answer) -> BankReading:
    """One bank from the answers to its first three commands.

    The link is taken from ``readlink -f``, which names the volume at the end of a chain of links. A busybox that lacks -f
    leaves ``ls -ld``, which shows one link. What the target means is not judged here: a link that does not point under
    /vmfs/volumes is a fact to be told (field note, a).
    """
    readlink, ls, cat = BY_LINK[link]
    target = _path(resolved, readlink)
    if isinstance(target, Unread):
        shown = _arrow(listed, ls)
        target = shown if isinstance(shown, Read) or target.reason is Reason.NOT_ATTEMPTED else target
    failure = failure_of(boot_cfg, cat)
    return BankReading(link, target, Read(boot_cfg.data) if failure is None else failure)


def _path(answer: Answer, command: Command) -> Reading[str]:
    text = text_of(answer, command)
    if isinstance(text, Unread):
        return text
    lines = text.splitlines()
    if len(lines) != 1 or not lines[0].startswith("/"):
        return unreadable(command, "not one absolute path", text)
    return Read(lines[0])


def _arrow(answer: Answer, command: Command) -> Reading[str]:
    text = text_of(answer, command)
    if isinstance(text, Unread):
        return text
    _, arrow, target = text.strip().partition(" -> ")
    if not arrow or "\n" in target or not target.startswith("/"):
        return unreadable(command, "not one link with an absolute target", text)
    return Read(target)


def _all(answers: Answers) -> tuple[BankReading, ...]:
    found = []
    for link, commands in BY_LINK.items():
        bank = parse(link, *(answers[command.name] for command in commands))
        ls, _ = bank_files.commands(link)
        files = bank_files.parse(link, answers[ls.name], Answer(b"", None, fault=NOT_ATTEMPTED), NOT_ATTEMPTED)
        partition = bank_place.parse_partition(link, answers[bank_place.partition_command(link).name])
        if isinstance(bank.target, Read) and not bank.target.value.startswith(VOLUMES):
            # What lies there is no bank: that is told by the link, and nothing of it is missing.
            files = partition = Unread(Reason.ABSENT, f"{link} leads to no volume")
        # Names alone are kept: sizes and times of the saved configuration change every hour.
        found.append(replace(BankFacts.of(bank), files=files, partition=partition).recorded)
    return tuple(found)


def _plain(banks: tuple[BankReading, ...]) -> list[dict[str, Any]]:
    """boot.cfg as text of one character a byte (ISO 8859-1), since it may hold any byte."""
    return [
        {
            "link": bank.link,
            "target": _said(bank.target),
            "boot_cfg": _said(bank.boot_cfg, lambda data: data.decode("latin-1")),
            "files": _said(bank.files, list),
            "partition": _said(bank.partition),
        }
        for bank in banks
    ]


def _said(reading: Reading[Any], plain: Callable[[Any], Any] = lambda value: value) -> dict[str, Any]:
    if isinstance(reading, Unread):
        return {"unread": reading.reason.value, "detail": reading.detail}
    return {"value": plain(reading.value)}


READING = HostReading(
    "banks",
    "boot banks",
    (
        *COMMANDS,
        *(bank_files.commands(link)[0] for link in BY_LINK),
        *(bank_place.partition_command(link) for link in BY_LINK),
    ),
    _all,
    _plain,
    routes=AT_THE_HOST,
)
