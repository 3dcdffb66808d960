"""One registry of readings: whatever is listed is asked, kept, published and owed, without another list anywhere."""

from __future__ import annotations

import json
from collections import Counter

from hypothesis import given, settings

from auditor.domain.assessment import HostRow, HostState
from auditor.domain.hosts import facts_of
from auditor.domain.observation import READING_KEYS, HostObservation, Read, Reason, Unread
from auditor.domain.readings.answer import Answer
from auditor.domain.readings.registry import COMMANDS, READINGS, parts
from auditor.esxi.host import observe
from auditor.reports.json import readings_document
from tests.history.strategies import observations

SILENT = Unread(Reason.CUT_OFF, "nothing came")


def test_a_field_of_an_observation_and_the_module_of_its_name_make_a_reading() -> None:
    assert tuple(reading.key for reading in READINGS) == READING_KEYS
    assert all(reading.meaning and reading.commands for reading in READINGS)


def test_every_command_has_one_name_one_text_and_a_time_limit() -> None:
    assert max(Counter(command.name for command in COMMANDS).values()) == 1
    assert max(Counter(command.text for command in COMMANDS).values()) == 1
    assert all(0 < command.seconds <= 60 for command in COMMANDS)


@given(observations)
def test_no_answer_leaves_no_reading_read(seen: HostObservation) -> None:
    found = observe(seen, {command.name: Answer(b"", None, fault=SILENT) for command in COMMANDS})
    values = [value for reading in READINGS for _, value in parts(reading.key, found)]
    assert values
    assert not any(isinstance(value, Read) for value in values)


@settings(max_examples=50)
@given(observations)
def test_every_reading_has_a_published_form(seen: HostObservation) -> None:
    facts = facts_of(seen.host, (seen,), lambda _: None)
    document = json.loads(json.dumps(readings_document(facts.facts)))
    assert tuple(document) == READING_KEYS
    for key, told in document.items():
        reading = getattr(facts.said, key)
        given_ = bool(reading) if key == "banks" else isinstance(reading, Read)
        assert ("value" in told) is given_
        assert set(told) == ({"value", "route", "at"} if given_ else {"unread", "detail"})
    row = HostRow("h", "", "", "", HostState.UNKNOWN, facts.base_image, facts.product, facts=facts.facts)
    assert {fact.key for fact in row.facts} == set(document)
