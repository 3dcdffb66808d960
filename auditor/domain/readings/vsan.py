"""vSAN as a host sees it: whether it takes part, its node's health, what resyncs, and the format of its disks.

Only the commands' names and their way of printing fields are known, not a published output of each, so a field that is not
there gives no answer rather than a guess.
"""

from __future__ import annotations

import re

from auditor.domain.observation import Read, Reading, Reason, Unread
from auditor.domain.readings.answer import Answer, Command, raw_of, text_of, unreadable
from auditor.domain.readings.table import fields

CLUSTER = Command("vsan-cluster", "esxcli vsan cluster get", 30)
RESYNC = Command("vsan-resync", "esxcli vsan debug resync summary get", 60)
STORAGE = Command("vsan-storage", "esxcli vsan storage list", 60)

_OFF = re.compile(r"\b(?:vsan|virtual san)\b[^\n]*\bnot enabled", re.IGNORECASE)
_FORMAT = re.compile(r"^\s*On-disk format version:\s*([0-9]{1,9})\s*$", re.MULTILINE | re.IGNORECASE)
_RESYNCING = re.compile(r"^\s*Total Number Of Resyncing Objects:\s*([0-9]{1,18})\s*$", re.MULTILINE | re.IGNORECASE)


def parse_enabled(answer: Answer) -> Reading[bool]:
    """Whether the host is part of a vSAN cluster. Where it is not, the command fails and says so."""
    off = answer.fault is None and _OFF.search(f"{raw_of(answer)}\n{answer.told}")
    if off and answer.status:
        return Read(False)
    text = text_of(answer, CLUSTER)
    if isinstance(text, Unread):
        return text
    enabled = fields(text).get("Enabled", "").lower()
    if off and not enabled:
        return Read(False)
    if enabled not in {"true", "false"}:
        return unreadable(CLUSTER, "no field Enabled", text)
    return Read(enabled == "true")


def parse_healthy(cluster: Answer, resync: Answer) -> Reading[bool]:
    """False when the node is not HEALTHY or objects resync; True only when both are known to be well."""
    node = parse_node_healthy(cluster)
    if isinstance(node, Unread) or not node.value:
        return node
    objects = parse_resyncing(resync)
    return objects if isinstance(objects, Unread) else Read(objects.value == 0)


def parse_node_healthy(cluster: Answer) -> Reading[bool]:
    """Whether the node's health is HEALTHY."""
    text = text_of(cluster, CLUSTER)
    if isinstance(text, Unread):
        return text
    health = fields(text).get("LocalNodeHealthState", "")
    if not health:
        return unreadable(CLUSTER, "no Local Node Health State", text)
    return Read(health.upper() == "HEALTHY")


def parse_resyncing(answer: Answer) -> Reading[int]:
    """The number of objects that resync."""
    text = text_of(answer, RESYNC)
    if isinstance(text, Unread):
        return text
    total = _RESYNCING.search(text)
    return unreadable(RESYNC, "no total of resyncing objects", text) if total is None else Read(int(total[1]))


def parse_format(answer: Answer) -> Reading[int]:
    """The newest on-disk format of the host's disks; ABSENT when it lists none."""
    text = text_of(answer, STORAGE)
    if isinstance(text, Unread):
        return text
    if not text.strip():
        return Unread(Reason.ABSENT, f"`{STORAGE.text}` lists no disk")
    found = [int(number) for number in _FORMAT.findall(text)]
    return Read(max(found)) if found else unreadable(STORAGE, "no field On-disk format version", text)
