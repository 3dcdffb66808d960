"""Real third-party programs that tests are judged by. Missing ones skip with a reason; in CI that is a failure."""

from __future__ import annotations

import os
import shutil

import pytest


def need(name: str) -> str:
    """The path of program ``name``. Where it is missing the test is skipped, or fails when CI is set."""
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin:/usr/local/bin")
    if path is None:
        reason = f"{name} is not installed, so this part was not judged by it"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return path
