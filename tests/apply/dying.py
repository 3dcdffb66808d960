"""A process that applies or resumes and is killed at a named point.

``python -m tests.apply.dying`` makes them: a line on stdin (JSON: arguments of ``main`` and a file for what it says) is one,
forked with everything loaded; a line on stdout is how it ended (as ``subprocess.Popen.returncode``).

Points are told as they pass, one a line on stdout: every write to the journal, every call of the editor that changes something
or starts a commit, the saving of the inverse. Killed is right before a point; killed after one is killed before the next.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from auditor.domain.journal import Entry, Operation, Phase
from auditor.ports import ImageEditor, Journal
from auditor.workflows.apply import apply, resume
from auditor.workflows.proposal_file import read_proposal
from tests.apply.stage import SHORT, Access, tools

WRITES = frozenset(
    {
        "create_draft",
        "import_spec",
        "discard",
        "set_base_image",
        "set_add_on",
        "delete_add_on",
        "set_components",
        "start_commit",
    }
)


class Death:
    """Kills this process before its point."""

    def __init__(self, point: str) -> None:
        self._point = point

    def __call__(self, point: str) -> None:
        print(point, flush=True)
        if point == self._point:
            os.kill(os.getpid(), signal.SIGKILL)


class DyingJournal:
    """A journal that is told of before each write."""

    def __init__(self, real: Journal, death: Death) -> None:
        self._real, self._death = real, death

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def open(self, *arguments: Any, **named: Any) -> int:
        self._death("open")
        return self._real.open(*arguments, **named)

    def resume(self, operation: int) -> Operation:
        self._death("resume")
        return self._real.resume(operation)

    def write(
        self, operation: int, subject: str, step: str, phase: Phase, at: datetime, data: Mapping[str, str] | None = None
    ) -> Entry:
        self._death(f"{step} {phase.value}")
        return self._real.write(operation, subject, step, phase, at, data)

    def close_operation(self, operation: int, outcome: str, at: datetime) -> None:
        self._death("close")
        self._real.close_operation(operation, outcome, at)


class DyingEditor:
    """An editor that is told of before each call that changes something."""

    def __init__(self, real: ImageEditor, death: Death) -> None:
        self._real, self._death = real, death

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._real, name)
        if name not in WRITES:
            return found

        def call(*arguments: Any, **named: Any) -> Any:
            self._death(name)
            return found(*arguments, **named)

        return call


def main(access: str, verb: str, point: str) -> None:
    """``verb`` is apply, dry or resume."""
    at, death = Access.from_json(access), Death(point)
    with tools(at, may_commit=verb == "apply") as real:
        keep = real.keep

        def kept(proposal: Any) -> str:
            death("keep")
            return keep(proposal)

        dying = replace(real, editor=DyingEditor(real.editor, death), journal=DyingJournal(real.journal, death), keep=kept)  # type: ignore[arg-type]
        if verb == "resume":
            [left] = real.journal.operations("apply", unfinished=True)
            result = resume(left.id, dying, SHORT)
        else:
            proposal = read_proposal(Path(at.folder) / "proposal.json")
            ticket = "CHG1" if verb == "apply" else ""
            result = apply(proposal, dying, execute=verb == "apply", operator="me", ticket=ticket, patience=SHORT)
    print("=", result.outcome.value)


def serve() -> None:
    for line in sys.stdin:
        access, verb, point, file = json.loads(line)
        child = os.fork()
        if child == 0:
            said = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(said, 1)
            os.dup2(said, 2)
            code = 1
            try:
                main(access, verb, point)
                code = 0
            except BaseException:
                traceback.print_exc()
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    serve()
