"""What can keep another image from starting: encryption of the configuration, and Secure Boot."""

from __future__ import annotations

from auditor.domain.observation import Read, Reading, Unread
from auditor.domain.readings.answer import Answer, Command, text_of, unreadable
from auditor.domain.readings.table import fields

ENCRYPTION = Command("encryption", "esxcli system settings encryption get", 30)
SECURE_BOOT = Command("secure-boot", "/usr/lib/vmware/secureboot/bin/secureBoot.py -s", 30)


def parse_mode(answer: Answer) -> Reading[str]:
    """The Mode: "NONE" or "TPM" (7.0U2 and later; NOT_SUPPORTED before)."""
    text = text_of(answer, ENCRYPTION)
    if isinstance(text, Unread):
        return text
    mode = fields(text).get("Mode", "")
    if not mode.isalnum():
        return unreadable(ENCRYPTION, "no Mode", text)
    return Read(mode)


def parse_secure_boot(answer: Answer) -> Reading[bool]:
    """Whether the firmware checks signatures: "Enabled" or "Disabled", alone on the line."""
    text = text_of(answer, SECURE_BOOT)
    if isinstance(text, Unread):
        return text
    word = text.strip()
    if word not in {"Enabled", "Disabled"}:
        return unreadable(SECURE_BOOT, "neither Enabled nor Disabled", text)
    return Read(word == "Enabled")
