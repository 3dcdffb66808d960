"""Where the boot banks lie: the partition behind a link, every volume with a boot.cfg, and the mark of a live VIB."""

from __future__ import annotations

import re

from auditor.domain.banks import VOLUMES
from auditor.domain.observation import Read, Reading, Reason, Unread
from auditor.domain.readings.answer import Answer, Command, text_of, unreadable
from auditor.masking import masked

VOLUMES_WITH_BOOT_CFG = Command("boot-volumes", "sh -c 'for f in /vmfs/volumes/*/boot.cfg; do readlink -f \"$f\"; done'", 30)
"""The pattern is expanded inside, under the command's own time limit: a lost datastore can make it hang."""

_MARKER = "/var/run/update_altbootbank"
LIVE_MARKER = Command("live-vib-marker", f"ls -d {_MARKER}", 10)

_SPANNED = re.compile(r'^Partitions spanned \(on "[^"\n]*"\):[ \t]*\n((?:[ \t]+\S+[ \t]*\n)+)', re.MULTILINE)
_PARTITION = re.compile(r"\S+:([0-9]{1,4})")


def partition_command(link: str) -> Command:
    """What tells the partition behind a link."""
    return Command(f"{link.removeprefix('/')}-partition", f"vmkfstools -P {link}", 20)


def parse_partition(link: str, answer: Answer) -> Reading[int]:
    """The one partition that the volume spans, as its number on the disk."""
    command = partition_command(link)
    text = text_of(answer, command)
    if isinstance(text, Unread):
        return text
    spanned = _SPANNED.search(text)
    lines = spanned[1].split() if spanned else []
    number = _PARTITION.fullmatch(lines[0]) if len(lines) == 1 else None
    if number is None:
        return unreadable(command, "not one partition that the volume spans", text)
    return Read(int(number[1]))


def parse_volumes(answer: Answer) -> Reading[tuple[str, ...]]:
    """The volumes with a boot.cfg at their top, each once: labels are links to them. Where there is none, the shell leaves the
    pattern as it is, and busybox's ``readlink -f`` ends with status 1 and without a word (tried with BusyBox 1.35)."""
    if answer.fault is None and answer.status == 1 and not answer.data.strip() and not answer.told.strip():
        return Read(())
    text = text_of(answer, VOLUMES_WITH_BOOT_CFG)
    if isinstance(text, Unread):
        return text
    volumes = set()
    for line in text.splitlines():
        volume, slash, name = line.rpartition("/")
        if not slash or name.lower() != "boot.cfg" or not volume.startswith(VOLUMES):
            return unreadable(VOLUMES_WITH_BOOT_CFG, f"not a boot.cfg on a volume: {masked(line)[:100]!r}", text)
        volumes.add(volume)
    return Read(tuple(sorted(volumes)))


def parse_live_marker(answer: Answer) -> Reading[bool]:
    """Whether the mark is there: since the last boot a VIB was installed live, and the other bank holds the next boot's
    image (comments in backup.sh, grade CODE)."""
    text = text_of(answer, LIVE_MARKER)
    if isinstance(text, Unread):
        return Read(False) if text.reason is Reason.ABSENT else text
    return Read(True) if text.strip() == _MARKER else unreadable(LIVE_MARKER, "not the mark's path", text)
