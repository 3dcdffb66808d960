"""Commands that say "none" by printing nothing, on hosts where nothing is printed at all."""

from __future__ import annotations

from datetime import UTC, datetime

from auditor.domain.observation import HostObservation, Read, Reason, Route, Unread
from auditor.domain.readings.answer import Answer
from auditor.domain.readings.registry import COMMANDS
from auditor.esxi.host import observe

SEEN = HostObservation("esx1.example", Route.SSH, datetime(2026, 3, 1, tzinfo=UTC), "vc1")
BASE_IMAGE = b"   Version: 8.0.3-0.70.24674464\n"
VIBS = (
    b"Name      Version                Vendor\n"
    b"--------  ---------------------  ------\n"
    b"esx-base  8.0.3-0.70.24674464    VMware\n"
)


def observed(**told: Answer) -> HostObservation:
    """What is seen where commands answer as ``told``, by their names with an underscore, and others succeed silently."""
    answers = {command.name: Answer(b"") for command in COMMANDS}
    return observe(SEEN, answers | {name.replace("_", "-"): answer for name, answer in told.items()})


def test_a_host_that_prints_nothing_says_nothing() -> None:
    seen = observed()
    for reading in (seen.add_on, seen.staged):
        assert isinstance(reading, Unread)
        assert reading.reason is Reason.UNREADABLE
        assert "printed nothing" in reading.detail


def test_silence_counts_where_the_others_speak() -> None:
    seen = observed(base_image=Answer(BASE_IMAGE), vib_list=Answer(VIBS))
    assert (seen.add_on, seen.staged) == (Read(None), Read(None))


def test_a_command_that_failed_keeps_its_own_reason() -> None:
    unknown = Answer(b"", 1, "Error: Unknown command or namespace software addon get")
    seen = observed(add_on=unknown, base_image=unknown)
    assert isinstance(seen.add_on, Unread)
    assert seen.add_on.reason is Reason.NOT_SUPPORTED
