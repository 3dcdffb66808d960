"""Every schema has examples that pass and examples that fail, and means what the code means."""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import fields
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest

from auditor import documents, resources
from auditor.config import Deadlines, Limits, load_config
from auditor.config.settings import SshSettings, VCenterSettings
from auditor.domain import assessment, findings, image, observation
from auditor.errors import ConfigError, InputError

HERE = Path(__file__).parent


def examples(pattern: str) -> list[Any]:
    found = sorted(HERE.glob(pattern))
    assert found, pattern
    return [pytest.param(path, id=str(path.relative_to(HERE))) for path in found]


FOLDERS = sorted(path.name for path in HERE.iterdir() if (path / "pass").is_dir() or (path / "fail").is_dir())


def test_the_outputs_that_scripts_live_by_have_examples() -> None:
    wanted = {"config.v1", "audit.v1", "snapshot.v1", "apply.v1", "depot-import.v1", "export-file.v1", "depot-inspect.v1"}
    assert wanted <= set(FOLDERS)


@pytest.mark.parametrize("name", FOLDERS)
def test_has_examples_of_both_kinds(name: str) -> None:
    assert list((HERE / name / "pass").iterdir())
    assert list((HERE / name / "fail").iterdir())


@pytest.mark.parametrize("path", examples("config.v1/pass/*.toml"))
def test_config_passes(path: Path) -> None:
    assert load_config(path).path == path


@pytest.mark.parametrize("path", examples("config.v1/fail/*.toml"))
def test_config_fails_with_key_and_file(path: Path) -> None:
    expected = path.read_text().splitlines()[0].removeprefix("# expect: ")
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    text = str(caught.value)
    assert expected in text
    assert str(path) in text
    assert "hunter2" not in text


@pytest.mark.parametrize("path", examples("*/pass/*.json"))
def test_document_passes(path: Path) -> None:
    assert documents.problems(json.loads(path.read_text()), path.parent.parent.name) == ()


@pytest.mark.parametrize("path", examples("*/fail/*.json"))
def test_document_fails(path: Path) -> None:
    case = json.loads(path.read_text())
    document = json.loads((path.parent.parent / "pass" / case["from"]).read_text())
    *parents, last = case["at"]
    target = document
    for part in parents:
        target = target[part]
    if "put" in case:
        target[last] = case["put"]
    else:
        del target[last]
    with pytest.raises(InputError) as caught:
        documents.validate(document, path.parent.parent.name, where="x.json")
    assert case["expect"] in str(caught.value)
    assert str(caught.value).startswith("x.json: ")


def test_many_problems_are_counted_not_listed_without_end() -> None:
    document = {"schema": "auditor/runs/v1", "runs": [5] * 30}
    with pytest.raises(InputError) as caught:
        documents.validate(document, "runs.v1")
    text = str(caught.value)
    assert "30 problems" in text
    assert text.count("must be a table") == documents.MAX_PROBLEMS
    assert "and 20 more" in text


def walk(schema: Any, path: str = "") -> list[tuple[str, dict[str, Any]]]:
    """Every subschema with its path."""
    found = []
    if isinstance(schema, dict):
        found.append((path, schema))
        for key, value in schema.items():
            found += walk(value, f"{path}/{key}")
    elif isinstance(schema, list):
        for number, value in enumerate(schema):
            found += walk(value, f"{path}/{number}")
    return found


OURS = [
    "config.v1",
    "audit.v1",
    "snapshot.v1",
    "config-check.v1",
    "depot-inspect.v1",
    "host.v1",
    "hosts.v1",
    "operations.v1",
    "runs.v1",
    "images.v1",
    "settings.v1",
    "runbooks.v1",
    "lab-scenarios.v1",
    "apply.v1",
    "depot-import.v1",
    "export-file.v1",
    "depot-gap.v1",
    "proposal.v1",
    "proposal.v2",
    "backup.v1",
    "banks-predict.v1",
    "read.v1",
    "rollback-approval.v1",
    "rollback-approval.v2",
    "rollback-events.v1",
    "rollback-operations.v1",
    "rollback-plan.v1",
    "rollback-plan.v2",
    "rollback-window.v1",
]


@pytest.mark.parametrize("name", OURS)
def test_schema_is_closed_and_described(name: str) -> None:
    schema = resources.schema(name)
    assert schema["$id"] == f"urn:auditor:schema:{name.replace('.', ':')}"
    documents._validator(name).check_schema(schema)
    for path, part in walk(schema):
        if isinstance(part.get("properties"), dict):
            assert part.get("additionalProperties") is False, path
        if path.rpartition("/")[0].endswith("/properties") and not path.endswith("/value") and "/counts/" not in path:
            assert part.get("description") or part.keys() & {"$ref", "anyOf", "const", "enum"}, path


def enum_at(name: str, *path: str) -> set[str]:
    part = resources.schema(name)
    for key in path:
        part = part[key]
    return set(part["enum"])


def words(enum: type[StrEnum]) -> set[str]:
    return {member.value for member in enum}


def test_enums_are_those_of_the_code() -> None:
    defs = ("audit.v1", "$defs")
    for name in ("audit.v1", "snapshot.v1"):
        assert enum_at(name, "$defs", "reason") == words(observation.Reason)
        assert enum_at(name, "$defs", "route", "properties", "route") == words(observation.Route)
    assert enum_at(*defs, "state") == words(assessment.HostState)
    assert enum_at(*defs, "layer", "properties", "state") == words(assessment.LayerState)
    assert enum_at(*defs, "layer", "properties", "layer") == words(assessment.Layer)
    assert enum_at(*defs, "finding", "properties", "code") == words(findings.Code)
    assert enum_at(*defs, "finding", "properties", "severity") == words(findings.Severity)
    assert enum_at(*defs, "finding", "properties", "subject", "properties", "kind") == words(findings.SubjectKind)
    mode = resources.schema("audit.v1")["$defs"]["cluster"]["properties"]["mode"]["oneOf"][0]["properties"]["value"]
    assert set(mode["enum"]) == words(image.ManagementMode)
    assert enum_at("audit.v1", "properties", "verdict") == words(assessment.Verdict)
    assert enum_at("audit.v1", "properties", "source") == words(assessment.Source)
    counts = resources.schema("audit.v1")["properties"]["counts"]["properties"]
    assert set(counts["hosts"]["properties"]) == words(assessment.HostState)
    assert set(counts["findings"]["properties"]) == words(findings.Severity)
    assert enum_at("config.v1", "$defs", "vcenter", "properties", "routes", "items") == words(observation.Route)


def test_config_defaults_are_those_of_the_code() -> None:
    properties = resources.schema("config.v1")["properties"]
    for table, cls in (("deadlines", Deadlines), ("limits", Limits)):
        documented = {key: part["default"] for key, part in properties[table]["properties"].items()}
        assert documented == {field.name: field.default for field in fields(cls)}
    ssh = {field.name: field.default for field in fields(SshSettings)}
    assert properties["ssh"]["properties"]["port"]["default"] == ssh["port"]
    assert properties["ssh"]["properties"]["user"]["default"] == ssh["user"]
    vcenter = {field.name: field.default for field in fields(VCenterSettings)}
    assert resources.schema("config.v1")["$defs"]["vcenter"]["properties"]["port"]["default"] == vcenter["port"]


def test_the_template_passes_and_shows_every_key() -> None:
    text = (Path(documents.__file__).parent / "config" / "auditor.toml").read_text("utf-8")
    assert documents.problems(tomllib.loads(text), "config.v1") == ()
    # With every example switched on it shows every key there is, and each of them is one.
    example = re.compile(r'# (?=\[|"?[\w.]+"? = )')
    live = [example.sub("", line, count=1) if example.match(line) else line for line in text.splitlines()]
    live = [line.replace('"AA:BB:..."', f'"{"ab" * 32}"') for line in live]
    data = tomllib.loads("\n".join(live))
    assert documents.problems(data, "config.v1") == ()
    schema = resources.schema("config.v1")
    assert set(data) == set(schema["properties"])
    for table in ("ssh", "host-api", "deadlines", "limits", "history", "releases", "rollback", "backup"):
        assert set(data[table]) == set(schema["properties"][table]["properties"]), table
    assert set(data["vcenter"][0]) == set(schema["$defs"]["vcenter"]["properties"])
    assert set(data["host"][0]) == set(schema["properties"]["host"]["items"]["properties"])
    assert set().union(*data["accept"]) == set(schema["properties"]["accept"]["items"]["properties"])
