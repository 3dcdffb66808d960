"""What a host itself tells of its settings: fingerprints, never a file's content."""

from __future__ import annotations

import pytest

from auditor.domain.observation import Read, Reason, Unread
from auditor.domain.readings import security
from auditor.domain.readings.answer import Answer
from auditor.domain.readings.own_settings import AUTHORIZED_KEYS, HOST_KEY, groups, parse_authorized_keys
from auditor.domain.settings.values import SettingsGroup

SUM = "ab" * 32
PATH = "/etc/ssh/keys-root/authorized_keys"


@pytest.mark.parametrize("blanks", [" ", "  "])
def test_the_checksum_of_the_file(blanks: str) -> None:
    assert parse_authorized_keys(Answer(f"{SUM}{blanks}{PATH}\n".encode())) == Read(f"SHA256 {SUM}")


def test_no_file_is_an_answer() -> None:
    """As busybox and coreutils word it."""
    for told in (f"sha256sum: can't open '{PATH}': No such file or directory", f"sha256sum: {PATH}: No such file or directory"):
        assert parse_authorized_keys(Answer(b"", 1, told)) == Read("none")


@pytest.mark.parametrize(
    "answer",
    [
        Answer(b"", 1, f"sha256sum: can't open '{PATH}': Permission denied"),
        Answer(b"", 127, "sh: sha256sum: not found"),
        Answer(b"", None, fault=Unread(Reason.TIMED_OUT, "late")),
        Answer(f"{SUM[:60]}  {PATH}\n".encode()),
        Answer(f"{SUM}  /etc/other\n".encode()),
        Answer(b"ssh-ed25519 AAAA a@b\n"),
    ],
)
def test_anything_else_is_unread(answer: Answer) -> None:
    assert isinstance(parse_authorized_keys(answer), Unread)


def test_groups() -> None:
    found = groups(
        {
            HOST_KEY.name: Answer(b"ecdsa-sha2-nistp256 SHA256:abc\n"),
            AUTHORIZED_KEYS.name: Answer(f"{SUM}  {PATH}\n".encode()),
            security.SECURE_BOOT.name: Answer(b"Enabled\n"),
        }
    )
    assert found == {
        SettingsGroup.HOST_KEY: Read((("key", "ecdsa-sha2-nistp256 SHA256:abc"),)),
        SettingsGroup.AUTHORIZED_KEYS: Read((("root", f"SHA256 {SUM}"),)),
        SettingsGroup.SECURE_BOOT: Read((("started with it", "yes"),)),
    }
