"""The JSON reports: valid by their schemas, lossless where it matters, equal for equal input."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from auditor import documents
from auditor.domain.findings import Code, Finding, Severity, Subject, SubjectKind
from auditor.domain.observation import Read, Reason, Unread
from auditor.domain.snapshot import summarise
from auditor.reports.json import audit_document, snapshot_document
from tests.reports import estates

EXAMPLES = Path(__file__).parents[1] / "schemas"


def drifted() -> Any:
    return audit_document(estates.drifted())


def steady() -> Any:
    return audit_document(estates.steady())


def snapshot() -> Any:
    return snapshot_document(summarise(estates.recorded(), run=7, history="/var/lib/history.db", new_documents=3))


@pytest.mark.parametrize(
    ("path", "make"),
    [
        ("audit.v1/pass/drifted.json", drifted),
        ("audit.v1/pass/steady.json", steady),
        ("snapshot.v1/pass/half-dead.json", snapshot),
    ],
)
def test_document_is_the_example_and_valid(path: str, make: Callable[[], Any]) -> None:
    document = make()
    golden = EXAMPLES / path
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    assert document == json.loads(golden.read_text())
    assert documents.problems(document, golden.parent.parent.name) == ()


@pytest.mark.parametrize("code", list(Code))
@pytest.mark.parametrize("severity", list(Severity))
def test_every_code_and_severity_is_valid(code: Code, severity: Severity) -> None:
    finding = Finding(code, severity, Subject(SubjectKind.VCENTER, "vc01"), "x")
    document = audit_document(replace(estates.steady(), findings=(finding,)))
    assert documents.problems(document, "audit.v1") == ()
    assert document["counts"]["findings"][severity.value] == 1


@pytest.mark.parametrize("reason", list(Reason))
def test_unread_is_never_a_value(reason: Reason) -> None:
    why = Unread(reason, "because", raw="root:secret-raw-text")
    row = estates.host(1, runs=why, product=why, staged=why)
    document = audit_document(replace(estates.steady(), hosts=(row,)))
    host = document["hosts"][0]
    assert host["runs"] == host["product"] == host["staged"] == {"unread": reason.value, "detail": "because"}
    assert documents.problems(document, "audit.v1") == ()


def test_nothing_staged_differs_from_not_known() -> None:
    nothing = audit_document(replace(estates.steady(), hosts=(estates.host(1, staged=Read(None)),)))["hosts"][0]["staged"]
    assert nothing == {"value": None}


def test_text_from_outside_is_kept_and_escaped() -> None:
    name = "esx\x1b[31m\u202e01"
    document = audit_document(replace(estates.steady(), hosts=(estates.host(1, name=name),)))
    assert document["hosts"][0]["name"] == name
    assert "\x1b" not in json.dumps(document)
    assert "\u202e" not in json.dumps(document)


def test_snapshot_names_what_was_not_seen() -> None:
    document = snapshot()
    seen = {host["name"]: host["seen"] for host in document["hosts"]}
    assert seen == {
        "esx01.example.org": True,
        "esx02.example.org": False,
        "esx03.example.org": False,
        "esx99.example.org": True,
    }
    assert document["complete"] is False
    gaps = {vcenter["name"]: [(gap["part"], gap["unread"]) for gap in vcenter["gaps"]] for vcenter in document["vcenters"]}
    assert gaps == {"vc01": [("compliance of cluster Prod-A", "denied")], "vc02": [("everything", "unreachable")]}
