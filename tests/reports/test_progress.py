"""Progress: a bar on a terminal, sparse lines elsewhere, never a character that acts, never on stdout."""

from __future__ import annotations

import io
import logging
import threading

import pytest

from auditor.ports import Progress
from auditor.reports.progress import BarProgress, LogProgress, progress_for


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_kind_follows_the_stream() -> None:
    assert isinstance(progress_for(Terminal()), BarProgress)
    assert isinstance(progress_for(io.StringIO()), LogProgress)


def test_log_lines_are_sparse(caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]) -> None:
    caplog.set_level(logging.INFO, "auditor")
    with LogProgress() as progress:
        progress.start("hosts", 1000)
        for _ in range(1000):
            progress.advance("hosts", "esx01")
    assert caplog.messages == [
        "hosts: 1000",
        "hosts: 250 of 1000",
        "hosts: 500 of 1000",
        "hosts: 750 of 1000",
        "hosts: 1000 of 1000",
    ]
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("total", [None, 0, 1, 3])
def test_small_and_unknown_totals(total: int | None) -> None:
    stream = Terminal()
    for progress in (LogProgress(), BarProgress(stream)):
        with progress:
            progress.start("phase", total)
            progress.advance("phase", "note\x1b[2J")
            progress.advance("never started")
            progress.start("phase", 5)


def test_a_bar_from_many_threads_shows_the_count_and_no_raw_note(capsys: pytest.CaptureFixture[str]) -> None:
    stream = Terminal()
    with BarProgress(stream) as progress:
        told: Progress = progress
        told.start("hosts", 200)
        threads = [
            threading.Thread(target=lambda: [told.advance("hosts", "esx\x1b]0;x\x07") for _ in range(50)]) for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert "200/200" in stream.getvalue()
    assert "\x1b]0;" not in stream.getvalue()
    assert capsys.readouterr().out == ""
