"""Every edit of a rollback plan and of its approval, and what a fitting digest does not help a forger to."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from auditor.domain.rollback.canonical import paper_digest
from auditor.domain.rollback.plan import Method, RollbackPlan
from auditor.errors import InputError, RefusedError
from auditor.workflows.rollback import run as rollback
from auditor.workflows.rollback.papers import approval_document, load_approval, load_plan, plan_document
from tests.papers.edits import edits, written
from tests.workflows.fakes import Quiet
from tests.workflows.rollback.driving import approval, fresh, make
from tests.workflows.rollback.site import SiteHost, means


def passed(document: Any, load: Callable[[Path], object], folder: Path) -> tuple[list[str], int]:
    """The edits that are not refused, and how many were tried."""
    found, tried = [], 0
    load(written(folder, document))
    for name, edited in edits(document):
        tried += 1
        try:
            load(written(folder, edited))
        except (InputError, RefusedError):
            continue
        found.append(name)
    return found, tried


@pytest.mark.parametrize("method", list(Method))
def test_every_edit_of_a_plan_is_refused(method: Method, tmp_path: Path) -> None:
    site = fresh(tmp_path, "s", SiteHost(name="esx1"), SiteHost(name="esx2"))
    found, tried = passed(json.loads(json.dumps(plan_document(make(site, tmp_path, method)))), load_plan, tmp_path)
    assert tried > 500
    assert found == []


def test_every_edit_of_an_approval_is_refused(tmp_path: Path) -> None:
    site = fresh(tmp_path, "s", SiteHost(name="esx1"))
    document = json.loads(json.dumps(approval_document(approval(make(site, tmp_path)))))
    found, tried = passed(document, load_approval, tmp_path)
    assert tried > 20
    assert found == []


def forged(made: RollbackPlan, folder: Path, **said: Any) -> RollbackPlan:
    """The plan of a file in which its one host is said to be otherwise, with hash and digest that fit."""
    plan = replace(made, targets=(replace(made.targets[0], **said),))
    document = json.loads(json.dumps(plan_document(plan)))
    assert document["digest"] == paper_digest(document)
    return load_plan(written(folder, document))


@pytest.mark.parametrize(
    ("said", "names"),
    [({"boot_id": "another"}, "boot id was"), ({"cluster": ""}, "cluster was")],
    ids=lambda value: str(value),
)
def test_a_fitting_digest_does_not_make_a_statement_true(said: dict[str, Any], names: str, tmp_path: Path) -> None:
    site = fresh(tmp_path, "s", SiteHost(name="esx1"))
    plan = forged(make(site, tmp_path), tmp_path, **said)
    with pytest.raises(RefusedError, match=names):
        rollback.check(means(site, tmp_path).sight, plan, approval(plan), "ann", Quiet())


def test_an_approval_cannot_outlive_its_plan(tmp_path: Path) -> None:
    site = fresh(tmp_path, "s", SiteHost(name="esx1"))
    made = make(site, tmp_path)
    longer = replace(approval(made), expires=made.expires + timedelta(hours=1))
    assert load_approval(written(tmp_path, approval_document(longer))) == longer
    with pytest.raises(RefusedError, match="good for longer than its plan"):
        rollback.check(means(site, tmp_path).sight, made, longer, "ann", Quiet())
