"""Imports into the depot: journalled, repeated rather than resumed, one at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from auditor.domain.journal import Phase
from auditor.errors import FailedError, LockedError, RefusedError
from auditor.history.journal import SqliteJournal
from auditor.lab.vcenter.bundle import make_bundle
from auditor.lab.vcenter.depot import DesiredSoftware, LabDepot
from auditor.lab.vcenter.faults import Fault, FaultKind
from auditor.lab.vcenter.state import LabVCenter
from auditor.workflows.depot_import import ImportOutcome, ImportResult, ImportTools, import_bundle
from tests.apply.stage import Now
from tests.vcenter.editing import NEWEST, Place, fill, served
from tests.wire.judging import IMPORTS, forbidden
from tests.workflows.fakes import Quiet

URL = "https://depot.lab.example/u3g.zip"
CREATE = "com.vmware.esx.settings.depots.offline.create$task"


def bundle() -> bytes:
    source = LabDepot()
    source.add_base_image(NEWEST)
    return make_bundle(DesiredSoftware(NEWEST), source)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with served(fill(LabVCenter("8.0.3")), tmp_path) as place:
        place.vcenter.web[URL] = bundle()
        yield place


@contextmanager
def tools(place: Place, folder: Path) -> Iterator[ImportTools]:
    editor = place.depot_editor()
    with SqliteJournal(folder / "history.db") as journal:
        yield ImportTools(editor, journal, Now(), Quiet())
    editor.close()


def run(source: Path | str, made: ImportTools, *, execute: bool = True) -> ImportResult:
    return import_bundle(source, made, execute=execute, operator="me", ticket="CHG1" if execute else "", digest="ab")


@pytest.mark.parametrize("pulled", [True, False])
def test_import_and_again(place: Place, tmp_path: Path, pulled: bool) -> None:
    zip_file = tmp_path / "u3g.zip"
    zip_file.write_bytes(bundle())
    source: Path | str = URL if pulled else zip_file
    with tools(place, tmp_path) as made:
        dry = run(source, made, execute=False)
        assert (dry.outcome, dry.operation, made.journal.operations()) == (ImportOutcome.DRY_RUN, 0, ())
        done = run(source, made)
        assert (done.outcome, done.new.base_images) == (ImportOutcome.IMPORTED, (NEWEST,))
        assert done.brought is not None
        assert done.brought.base_images == (NEWEST,)
        again = run(source, made)
        assert (again.outcome, again.depot, again.new.base_images) == (ImportOutcome.KNOWN, done.depot, ())
        assert [(op.kind, op.outcome, op.ticket) for op in made.journal.operations()] == [
            ("depot-import", "imported", "CHG1"),
            ("depot-import", "known", "CHG1"),
        ]
    assert forbidden(place.vcenter.calls.kinds(), IMPORTS) == {}
    assert place.host_acts() == []


def test_a_failed_import_is_closed_and_said(place: Place, tmp_path: Path) -> None:
    place.vcenter.faults.add(Fault(CREATE, FaultKind.FAIL, error="Error"))
    with tools(place, tmp_path) as made:
        with pytest.raises(FailedError, match="Planned fault"):
            run(URL, made)
        [operation] = made.journal.operations()
        assert operation.outcome == "failed"
        assert made.journal.entries(operation.id)[-1].phase is Phase.FAILED


def test_one_that_was_killed_is_closed_by_the_next(place: Place, tmp_path: Path) -> None:
    with tools(place, tmp_path) as made:
        left = made.journal.open(
            "depot-import", ["depot of lab"], document=URL, digest="", operator="me", ticket="T", at=Now().now()
        )
        made.journal.write(left, "depot of lab", "import", Phase.INTENT, Now().now())
    with tools(place, tmp_path) as made:
        assert run(URL, made).outcome is ImportOutcome.IMPORTED
        assert made.journal.operation(left).outcome == "interrupted"


def test_two_at_once(place: Place, tmp_path: Path) -> None:
    with tools(place, tmp_path) as one, tools(place, tmp_path) as other:
        one.journal.open("depot-import", ["depot of lab"], document=URL, digest="", operator="a", ticket="T", at=Now().now())
        with pytest.raises(LockedError, match="working on it right now"):
            run(URL, other)


def test_another_import_running_in_vcenter_is_refused(place: Place, tmp_path: Path) -> None:
    place.vcenter.tasks.add("com.vmware.esx.settings.depots.offline", "create$task", "Depot", "", "carol", stuck=True)
    with tools(place, tmp_path) as made:
        assert [task.user for task in run(URL, made, execute=False).running] == ["carol"]
        with pytest.raises(RefusedError, match=r"the depot is being worked on: .* by carol"):
            run(URL, made)
        assert made.journal.operations() == ()
