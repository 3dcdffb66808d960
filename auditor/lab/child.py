"""Runs commands beside the lab and ends them whatever happens."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from types import FrameType

from auditor.errors import AuditorError, InputError

GRACE = 5.0
"""Seconds a command has to end after it was asked to, before it is killed."""

_ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def ending_signals() -> Iterator[None]:
    """Make SIGTERM and SIGHUP end the block as SIGINT does, by an exception (SystemExit with 128 + the number), so that
    clean-up happens. From the first one on further ones are ignored: they must not cut the clean-up short. Main thread only."""

    def end(number: int, _: FrameType | None) -> None:
        for each in _ENDINGS:
            signal.signal(each, signal.SIG_IGN)
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        raise SystemExit(128 + number)

    # A signal that is ignored already, as SIGINT in a shell's background job, stays so.
    before = {each: handler for each in _ENDINGS if (handler := signal.getsignal(each)) is not signal.SIG_IGN}
    for each in before:
        signal.signal(each, end)
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


@contextmanager
def _held_back() -> Iterator[None]:
    """Let signals with a handler wait for the end of the block, where the handler runs: what is started in the block is known
    by then. They are not blocked, which the started command would inherit. Only the main thread gets signals at all."""
    came: list[tuple[int, FrameType | None]] = []
    before: dict[signal.Signals, Callable[[int, FrameType | None], object]] = {}
    if threading.current_thread() is threading.main_thread():
        before = {each: handler for each in _ENDINGS if callable(handler := signal.getsignal(each))}
    for each in before:
        signal.signal(each, lambda number, frame: came.append((number, frame)))
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
    for number, frame in came:
        before[signal.Signals(number)](number, frame)


def run(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run ``command`` on this process's terminal and return its exit code, 128 + the signal's number if one ended it.

    Ctrl-C at a terminal reaches the command by itself, and it decides what to do, as under any shell; without a terminal an
    interrupt of this process ends the command. Raises `InputError` when it cannot be started."""
    at_terminal = _at_terminal()
    before = signal.getsignal(signal.SIGINT)
    if at_terminal and before is not signal.SIG_IGN:
        # Before the command starts, for it may be interrupted at once. A handler of ours is not inherited, SIG_IGN would be.
        signal.signal(signal.SIGINT, lambda *_: None)
    process = None
    try:
        with _held_back():
            process = _start(command, environment, own_group=not at_terminal)
        code = process.wait()
    except BaseException:
        if process is not None:
            _end(process, group=not at_terminal)
        raise
    finally:
        signal.signal(signal.SIGINT, before)
    return code if code >= 0 else 128 - code


def run_auditor(arguments: Sequence[str], environment: Mapping[str, str], allowed: Sequence[int]) -> str:
    """Run `auditor` of this installation with ``arguments`` in the background and return what it printed on stdout.

    Raises `AuditorError` with its last words when it ends with another code than one of ``allowed``."""
    command = (sys.executable, "-P", "-m", "auditor", *arguments)
    process = None
    try:
        with _held_back():
            process = _start(command, environment, own_group=True, piped=True)
        out, err = process.communicate()
    except BaseException:
        if process is not None:
            _end(process, group=True)
        raise
    if process.returncode not in allowed:
        raise AuditorError(
            f"auditor {' '.join(arguments)} ended with {process.returncode} while the past was played",
            tried=err.decode("utf-8", "replace").strip()[-1500:],
            hint="auditor lab up gives you the same lab to look around in",
        )
    return out.decode("utf-8", "replace")


def _start(
    command: Sequence[str], environment: Mapping[str, str], *, own_group: bool, piped: bool = False
) -> subprocess.Popen[bytes]:
    pipe = subprocess.PIPE if piped else None
    stdin = subprocess.DEVNULL if piped else None
    try:
        return subprocess.Popen(
            command,
            env={**os.environ, **environment},
            stdin=stdin,
            stdout=pipe,
            stderr=pipe,
            process_group=0 if own_group else None,
        )
    except OSError as error:
        raise InputError(f"cannot be started: {error.strerror}", where=command[0], hint="check the command after --") from error


def _end(process: subprocess.Popen[bytes], *, group: bool) -> None:
    """Ask the command to end, with all it started where it has a group of its own; kill it after the grace."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError, PermissionError):
            if group:
                os.killpg(process.pid, number)
            else:
                process.send_signal(number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(GRACE)
            return


def _at_terminal() -> bool:
    """Whether a terminal's Ctrl-C goes to this process and its group."""
    try:
        return os.isatty(0) and os.tcgetpgrp(0) == os.getpgrp()
    except OSError:
        return False
