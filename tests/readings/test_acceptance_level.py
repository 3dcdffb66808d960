"""The acceptance level: esxcli's four words and the API's, and nothing else."""

from __future__ import annotations

import pytest

from auditor.domain.observation import Read, Reason, Unread
from auditor.domain.readings.acceptance_level import from_word, parse
from auditor.domain.readings.answer import Answer

LEVELS = {
    "vmware_certified": "VMwareCertified",
    "vmware_accepted": "VMwareAccepted",
    "partner": "PartnerSupported",
    "community": "CommunitySupported",
}


@pytest.mark.parametrize("api", LEVELS)
def test_both_ways_write_the_same_level(api: str) -> None:
    assert from_word(api) == parse(Answer(f"{LEVELS[api]}\n".encode())) == Read(LEVELS[api])


def test_lines_of_something_else_may_come_first() -> None:
    assert parse(Answer(b"WARNING: terminal is not fully functional\nPartnerSupported\n")) == Read("PartnerSupported")


@pytest.mark.parametrize(
    "text", ["", "partnersupported", "PartnerSupported\nVMwareCertified", "PartnerSupported\nmore", "Disabled"]
)
def test_anything_else_is_not_believed(text: str) -> None:
    found = parse(Answer(f"{text}\n".encode()))
    assert isinstance(found, Unread)
    assert found.reason is Reason.UNREADABLE
