"""Both boot banks: where their links point, and their boot.cfg byte for byte."""

from __future__ import annotations

from auditor.domain.observation import BankReading, Read, Reading, Unread
from auditor.domain.readings.answer import Answer, Command, failure_of, text_of, unreadable

BOOTBANK = "/bootbank"
ALTBOOTBANK = "/altbootbank"


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
    """One bank from the answers to its three commands.

    The link is taken from ``readlink -f``, which names the volume at the end of a chain of links. A busybox that lacks -f
    leaves ``ls -ld``, which shows one link. What the target means is not judged here: a link that does not point under
    /vmfs/volumes is a fact to be told (field note, a).
    """
    readlink, ls, cat = BY_LINK[link]
    target = _path(resolved, readlink)
    if isinstance(target, Unread):
        shown = _arrow(listed, ls)
        target = shown if isinstance(shown, Read) else target
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
