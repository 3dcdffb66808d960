"""Every finding leads to a runbook, and every command a runbook names is one."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import click
import pytest

from auditor import documents, resources
from auditor.cli.main import cli, main
from auditor.domain.findings import Code
from auditor.domain.observation import Reason
from auditor.reports.next import runbook_for

ROOT = Path(__file__).parents[2]
NAMES = sorted(path.stem for path in (ROOT / "runbooks").glob("*.md"))
COMMAND = re.compile(r"`(auditor [^`]+)`|^(?: {4,}|\S.*\s{2})(auditor .*)$", re.MULTILINE)


def commands(text: str) -> list[str]:
    """The ``auditor …`` command lines in a text, without what a shell would take for itself."""
    found = ["".join(match) for match in COMMAND.findall(text)]
    return [re.split(r"\s(?:>|\||\|\|)\s", line)[0].strip() for line in found]


def parse(line: str) -> click.Context:
    """Parse a command line as ``auditor`` would, without running it. Raises ``click.UsageError``."""
    words = shlex.split(line)[1:]
    command: click.Command = cli
    context = click.Context(cli, info_name="auditor")
    while isinstance(command, click.Group):
        name, found, words = command.resolve_command(context, words)
        assert found is not None
        command = found
        context = click.Context(command, info_name=name, parent=context)
    command.parse_args(context, list(words))
    return context


def test_there_are_runbooks() -> None:
    assert set(NAMES) == set(resources.runbook_names())
    assert len(NAMES) >= 10


@pytest.mark.parametrize("code", list(Code))
def test_every_finding_has_a_runbook_that_speaks_of_it(code: Code) -> None:
    text = resources.runbook(runbook_for(code))
    assert code.value in text or code.value == runbook_for(code), f"{runbook_for(code)} does not name {code.value}"


@pytest.mark.parametrize("name", NAMES)
def test_every_command_line_parses(name: str) -> None:
    found = commands(resources.runbook(name))
    assert found, "a runbook without a command"
    for line in found:
        try:
            parse(line)
        except click.UsageError as error:
            pytest.fail(f"{line}: {error.format_message()}")


@pytest.mark.parametrize("name", NAMES)
def test_runbooks_that_are_named_exist(name: str) -> None:
    named = set(re.findall(r"auditor runbook show ([\w-]+)", resources.runbook(name)))
    assert named <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_form(name: str) -> None:
    text = resources.runbook(name)
    assert text.startswith("# ")
    assert text.count("\n# ") == 0
    assert max(len(line) for line in text.splitlines()) <= 140


def test_a_command_that_is_none_is_found() -> None:
    for line in ("auditor heal", "auditor config check --fix", "auditor history export"):
        with pytest.raises(click.UsageError):
            parse(line)


def test_every_reason_is_explained() -> None:
    text = resources.runbook("host-unseen")
    assert [reason.value for reason in Reason if f"`{reason.value}`" not in text] == []


def test_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runbook", "list"]) == 0
    text = capsys.readouterr().out
    assert all(name in text for name in NAMES)
    assert all(code.value in text for code in Code)
    assert main(["runbook", "list", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert documents.problems(document, "runbooks.v1") == ()
    assert [entry["name"] for entry in document["runbooks"]] == NAMES


@pytest.mark.parametrize("name", [*NAMES, *(code.value for code in Code)])
def test_show_takes_runbooks_and_codes(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runbook", "show", name]) == 0
    expected = name if name in NAMES else runbook_for(Code(name))
    assert capsys.readouterr().out == resources.runbook(expected)


def test_show_of_an_unknown_name_lists_the_known(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runbook", "show", "../../etc/passwd"]) == 1
    assert f"one of: {NAMES[0]}, " in capsys.readouterr().err


def test_findings_name_commands_that_exist() -> None:
    """The advice in findings is code, not a runbook; its commands must be real as well."""
    pattern = re.compile(r"auditor ((?:snapshot|audit|config|hosts|history|banks|runbook|lab)(?: [a-z][a-z-]*)?)")
    named = {found for path in sorted((ROOT / "auditor").rglob("*.py")) for found in pattern.findall(path.read_text("utf-8"))}
    assert named
    for line in named:
        words = line.split()
        command = cli.get_command(click.Context(cli), words[0])
        if isinstance(command, click.Group) and len(words) > 1:
            assert command.get_command(click.Context(command), words[1]), f"auditor {line}"
