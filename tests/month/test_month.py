"""A month in which much happens and nothing is wrong; and that each kind of true finding still comes."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from auditor.cli.exit_codes import ExitCode
from tests.month.driver import Event, Run, quick_folder, replayed
from tests.month.harmless import HARMLESS, RESTORE

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("month"), pytest.mark.timeout(600)]


class Lived:
    """What was seen of the month."""

    def __init__(self) -> None:
        with quick_folder() as folder, replayed(folder, (*HARMLESS, RESTORE), zone="Europe/Berlin") as month:
            self.runs = list(month.live())
            self.recorded = json.loads(month.desk.type("history", "runs", "--last", "2000", "--json").out)["runs"]
            self.surprises = month.desk.surprises

    @property
    def harmless(self) -> list[Run]:
        return [run for run in self.runs if run.hour < RESTORE.at]


@pytest.fixture(scope="module")
def lived() -> Iterator[Lived]:
    return Lived()


def test_a_month_of_harmless_changes_has_no_false_finding(lived: Lived) -> None:
    assert [str(run) for run in lived.harmless if not run.as_expected] == []
    assert lived.surprises == []


@pytest.mark.parametrize("event", HARMLESS, ids=lambda event: event.name)
def test_after_it_the_estate_is_in_sync(lived: Lived, event: Event) -> None:
    """Each by its name: the first audit for which nothing is to be shown ends with 0 and has notices at most."""
    quiet = next(
        run for run in lived.harmless if run.command == "audit" and run.hour >= event.at + event.hours and not run.expected
    )
    assert quiet.code == ExitCode.DONE, quiet
    assert {finding.severity for finding in quiet.findings} <= {"notice"}


def test_it_was_a_month_of_snapshots_and_audits(lived: Lived) -> None:
    day_off = 24
    assert sum(run.command == "snapshot" for run in lived.runs) == 30 * 24 - day_off
    assert sum(run.command == "audit" for run in lived.runs) >= 30
    assert len(HARMLESS) >= 20
    assert [run["kind"] for run in lived.recorded if run["finished"] is None] == ["snapshot"]


def test_at_its_end_a_restore_is_seen_at_once(lived: Lived) -> None:
    audit = next(run for run in lived.runs if run.hour == RESTORE.at and run.command == "audit")
    assert audit.code == ExitCode.DRIFT
    assert RESTORE.shows <= audit.findings
    ahead = {found.subject for found in audit.findings if (found.code, found.severity) == ("host-ahead", "critical")}
    assert ahead == {"Prod-A", "Prod-C"}
