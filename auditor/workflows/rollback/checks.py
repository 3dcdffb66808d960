"""Checks of a host that came back: built-in ones, and a folder of the site's own programs.

Programs in ``required/`` must end with 0, else the host counts as unhealthy; what those in ``wanted/`` say is shown and
recorded. Each is run with the host's name as its only argument, in the order of their names, without our environment (it may
hold passwords), with nothing on standard input, and is ended with everything it started when its time is over.
"""

from __future__ import annotations

import os
import signal
import stat
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from auditor.domain.observation import Unread, value_of
from auditor.domain.rollback.build import same_build
from auditor.domain.rollback.judge import window_of
from auditor.domain.rollback.plan import Target
from auditor.domain.rollback.situation import HostSituation
from auditor.errors import InputError
from auditor.masking import masked
from auditor.workflows.rollback.means import CheckResult

OUTPUT_LIMIT = 2_000  # characters of a program's output that are kept
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def built_in(target: Target, now: HostSituation, connected: bool | None) -> Iterator[CheckResult]:
    """What every host that came back must show. ``connected`` None: no vCenter is known for it."""
    product = now.banks.product
    if isinstance(product, Unread):
        yield CheckResult("build", True, None, str(product))
    else:
        same = same_build(product.value.build, target.to_build)
        yield CheckResult("build", True, same, f"it runs {product.value.build}, planned {target.to_build}")
    confirmed = window_of(now.banks).confirmed
    said = str(confirmed) if isinstance(confirmed, Unread) else "ESXi has confirmed this boot" if confirmed.value else ""
    yield CheckResult("boot-confirmed", True, value_of(confirmed), said or "its boot is not confirmed")
    if target.vcenter:
        yield CheckResult("vcenter", True, connected, "vCenter is connected to it" if connected else "vCenter is not connected")
    errors = now.bank_errors
    if isinstance(errors, Unread):
        yield CheckResult("bank-health", False, None, str(errors))
    else:
        yield CheckResult("bank-health", False, not errors.value, "; ".join(errors.value) or "no complaint")
    mode = now.maintenance_mode
    said = str(mode) if isinstance(mode, Unread) else "in maintenance mode" if mode.value else "not in maintenance mode"
    yield CheckResult("maintenance-mode", False, value_of(mode), said)


class DropInChecks:
    """The programs of one folder. Raises ``InputError`` when made, for a folder or program that others may write: they would
    choose what runs here."""

    def __init__(self, folder: Path, timeout: float) -> None:
        self._timeout = timeout
        self._programs = [
            (kind == "required", path)
            for kind in ("required", "wanted")
            for path in sorted((folder / kind).iterdir() if (folder / kind).is_dir() else ())
            if path.is_file() and not path.name.startswith(".") and not path.name.endswith("~")
        ]
        for place in (folder, *(path.parent for _, path in self._programs), *(path for _, path in self._programs)):
            _refuse_foreign(place)
        for _, path in self._programs:
            if not os.access(path, os.X_OK):
                raise InputError("is among the checks and cannot be run", where=str(path), hint=f"chmod 700 '{path}'")

    @property
    def names(self) -> tuple[str, ...]:
        """What will be run, for people."""
        return tuple(f"{path.parent.name}/{path.name}" for _, path in self._programs)

    def run(self, host: str) -> Iterator[CheckResult]:
        """Run them one after another."""
        for required, path in self._programs:
            yield self._one(f"{path.parent.name}/{path.name}", path, host, required)

    def _one(self, name: str, path: Path, host: str, required: bool) -> CheckResult:
        try:
            process = subprocess.Popen(
                [str(path), host],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env={"PATH": _PATH, "LANG": "C.UTF-8"},
                cwd=path.parent,
                start_new_session=True,
            )
        except OSError as error:
            return CheckResult(name, required, None, f"cannot be started: {error.strerror}")
        try:
            output, _ = process.communicate(timeout=self._timeout)
        except subprocess.TimeoutExpired:
            _end(process)
            return CheckResult(name, required, None, f"did not end within {self._timeout:g} s")
        except BaseException:
            _end(process)
            raise
        said = masked(output[-4 * OUTPUT_LIMIT :].decode("utf-8", "replace"))[-OUTPUT_LIMIT:].strip()
        return CheckResult(name, required, process.returncode == 0, said or f"ended with {process.returncode}")


def _end(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdout is not None:
        process.stdout.close()


def _refuse_foreign(path: Path) -> None:
    try:
        facts = path.stat()
    except OSError as error:
        raise InputError(f"the checks cannot be read: {error.strerror}", where=str(path)) from error
    if facts.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise InputError("others may write it, and it would be run", where=str(path), hint=f"chmod go-w '{path}'")
    if facts.st_uid not in {0, os.geteuid()}:
        raise InputError(f"belongs to another user (uid {facts.st_uid}), and would be run", where=str(path))


__all__ = ["DropInChecks", "built_in"]
