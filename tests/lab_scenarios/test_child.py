"""Commands beside the lab: a signal in the very moment one is started."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from auditor.lab import child
from tests.lab_scenarios.test_lab_command import gone


@pytest.mark.parametrize(
    "start",
    [lambda: child.run(["sleep", "600"], {}), lambda: child.run_auditor(["lab", "up", "steady"], {}, (0,))],
    ids=["run", "run_auditor"],
)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_while_the_command_is_being_started_ends_it_too(
    start: Callable[[], object], number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[int] = []
    popen = subprocess.Popen

    def interrupted(*arguments: Any, **options: Any) -> subprocess.Popen[bytes]:
        process = popen(*arguments, **options)
        started.append(process.pid)
        signal.raise_signal(number)  # the process is there, and whoever asked for it does not know it yet
        return process

    monkeypatch.setattr(subprocess, "Popen", interrupted)
    monkeypatch.setattr(child, "_at_terminal", lambda: False)
    before = signal.getsignal(number)
    with pytest.raises((KeyboardInterrupt, SystemExit)), child.ending_signals():
        start()
    assert signal.getsignal(number) is before
    assert gone(started[0])
