"""Settings that only the host itself tells: who gets in over SSH, by which key it is known there, and Secure Boot.

Fingerprints alone: the file of authorised keys stays where it is. Its place is that of root's (ESXi 5.x to 9).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from auditor.domain.observation import Read, Reading, Reason, Unread
from auditor.domain.readings import security
from auditor.domain.readings.answer import Answer, Command, text_of, unreadable
from auditor.domain.settings.values import Entries, SettingsGroup, entries

AUTHORIZED_KEYS = Command("authorized-keys", "sha256sum /etc/ssh/keys-root/authorized_keys", 10)
HOST_KEY = Command("host-key", "the connection itself", 0)
"""Not a command: the key that the host showed and that was verified, as the connection's owner adds it to the answers."""

COMMANDS = (AUTHORIZED_KEYS, security.SECURE_BOOT)
NO_FILE = "none"
STARTED_WITH_IT = "started with it"

_SUM = re.compile(r"([0-9a-f]{64})  ?/etc/ssh/keys-root/authorized_keys\s*")


def parse_authorized_keys(answer: Answer) -> Reading[str]:
    """The file's SHA-256, or "none" where there is no such file."""
    text = text_of(answer, AUTHORIZED_KEYS)
    if isinstance(text, Unread):
        return Read(NO_FILE) if text.reason is Reason.ABSENT else text
    found = _SUM.fullmatch(text)
    return Read(f"SHA256 {found[1]}") if found else unreadable(AUTHORIZED_KEYS, "no checksum", text)


def parse_host_key(answer: Answer) -> Reading[str]:
    """Type and fingerprint."""
    text = text_of(answer, HOST_KEY)
    return text if isinstance(text, Unread) else Read(text.strip())


def groups(answers: Mapping[str, Answer]) -> dict[SettingsGroup, Reading[Entries]]:
    """The host's own word, from the answers to `COMMANDS`."""
    return in_groups(
        parse_host_key(answers[HOST_KEY.name]),
        parse_authorized_keys(answers[AUTHORIZED_KEYS.name]),
        security.parse_secure_boot(answers[security.SECURE_BOOT.name]),
    )


def in_groups(
    host_key: Reading[str], authorized_keys: Reading[str], secure_boot: Reading[bool]
) -> dict[SettingsGroup, Reading[Entries]]:
    """The same from readings."""
    return {
        SettingsGroup.HOST_KEY: _one("key", host_key),
        SettingsGroup.AUTHORIZED_KEYS: _one("root", authorized_keys),
        SettingsGroup.SECURE_BOOT: (
            secure_boot
            if isinstance(secure_boot, Unread)
            else Read(entries({STARTED_WITH_IT: "yes" if secure_boot.value else "no"}))
        ),
    }


def _one(name: str, reading: Reading[str]) -> Reading[Entries]:
    return reading if isinstance(reading, Unread) else Read(entries({name: reading.value}))


__all__ = [
    "AUTHORIZED_KEYS",
    "COMMANDS",
    "HOST_KEY",
    "NO_FILE",
    "STARTED_WITH_IT",
    "groups",
    "in_groups",
    "parse_authorized_keys",
    "parse_host_key",
]
