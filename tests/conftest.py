"""What every test process starts from, whatever started it."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest
from hypothesis import settings

# How long an example takes is the machine's mood; and CI tries the same examples every time, so that it fails for a change.
settings.register_profile("project", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("project")

# A shell's background job and nohup ignore these, and what is ignored stays so in every command a test runs.
for number, usual in (
    (signal.SIGINT, signal.default_int_handler),
    (signal.SIGQUIT, signal.SIG_DFL),
    (signal.SIGHUP, signal.SIG_DFL),
):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, usual)

ONE_LAB = (
    "tests/cli/test_history_settings.py",
    "tests/cli/test_parts_and_firmware.py",
    "tests/cli/test_propose_command.py",
    "tests/cli/test_rollback_gates.py",
    "tests/month/test_month.py",
    "tests/supply/test_wheelhouse.py",
    "tests/wire/test_verbs.py",
)
"""Files whose tests share what takes seconds to make: each file stays in one worker, or every worker would make it."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """``-n auto``: half as many again as there are cores, for many tests wait: for a host that is silent, for a disk."""
    return (len(os.sched_getaffinity(0)) * 3 + 1) // 2


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """``--dist loadgroup`` by file. xdist's own marks each name with its group, which pytest 9.2 no longer lets it do."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            return file if file in ONE_LAB else nodeid

    return ByFile(config, log) if config.getvalue("dist") == "loadgroup" else None
