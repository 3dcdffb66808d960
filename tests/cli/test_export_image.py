"""``auditor export image`` from the record: the image of that cluster at that time, or none."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from auditor.domain.image import Commit
from auditor.domain.observation import Read
from auditor.history.store import SqliteHistory
from tests.cli.conftest import Run, image
from tests.domain.estates import NEW, OLD, cluster, estate, marks

DAY = datetime(2026, 3, 1, 12, tzinfo=UTC)


def seen(history: SqliteHistory, day: int, text: str, commit: str, vcenter: str = "vc01", uuid: str = "") -> None:
    """A run of that day in which cluster Prod-A had that image, by a commit of that id."""
    at = DAY + timedelta(days=day)
    made = replace(
        cluster(text),
        name="Prod-A",
        image=Read(image(text)),
        commit=Read(Commit(commit, "jane", DAY + timedelta(days=int(commit) - 10))),
    )
    [view] = estate((made,), (), ()).vcenters
    told = Read(marks(uuid=uuid)) if uuid else view.marks
    run = history.begin("snapshot", at)
    history.record_vcenter(run, replace(view, name=vcenter, at=at, marks=told))
    history.finish(run, at + timedelta(minutes=1), "complete")


@pytest.fixture
def history(home: Path) -> Iterator[SqliteHistory]:
    with SqliteHistory(home / "history.db") as made:
        yield made


def exported(auditor: Run, *arguments: str) -> str:
    done = auditor("export", "image", "Prod-A", *arguments)
    assert done.code == 0, done.err
    return str(json.loads(done.out)["base_image"]["version"])


def test_an_image_that_a_restore_brought_back_is_the_image_again(auditor: Run, history: SqliteHistory) -> None:
    for day, text, commit in ((0, OLD, "1"), (2, NEW, "2"), (3, NEW, "2"), (5, OLD, "1"), (7, OLD, "1")):
        seen(history, day, text, commit)
    history.close()
    days = {1: OLD, 2: NEW, 4: NEW, 5: OLD, 6: OLD, 9: OLD}
    assert {day: exported(auditor, "--at", f"2026-03-{day + 1:02} 13:00:00Z") for day in days} == days
    assert exported(auditor) == OLD


def test_two_clusters_of_one_name_are_never_mixed_up(auditor: Run, history: SqliteHistory) -> None:
    seen(history, 0, OLD, "1")
    seen(history, 1, NEW, "1", "vc02", "99999999-2222-3333-4444-555555555555")
    history.close()
    done = auditor("export", "image", "Prod-A")
    assert (done.code, done.out) == (1, "")
    assert "2 clusters are recorded under this name" in done.err
    assert exported(auditor, "--vcenter", "vc01") == OLD
    assert exported(auditor, "--vcenter", "vc02") == NEW
