"""Run many small jobs side by side and hand out results as they come."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

_LOOK_UP = 0.2
"""Seconds the caller's thread sleeps at a time. A signal that comes just before it falls asleep does not wake it, so with no
limit Ctrl-C could be lost (seen)."""

Job = TypeVar("Job")
Result = TypeVar("Result")


def each(jobs: Iterable[Job], do: Callable[[Job], Result], concurrency: int) -> Iterator[Result]:
    """Yield ``do(job)`` for every job, in the order they finish, with at most ``concurrency`` at a time.

    Daemon threads of our own rather than ``concurrent.futures``: an interrupted run must end at once and not wait for a
    host's deadline. ``do`` is expected not to raise; if it does, the exception is raised here and the rest is dropped.
    """
    waiting: queue.SimpleQueue[Job] = queue.SimpleQueue()
    done: queue.SimpleQueue[tuple[Result | None, BaseException | None]] = queue.SimpleQueue()
    count = 0
    for job in jobs:
        waiting.put(job)
        count += 1
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            try:
                job = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                done.put((do(job), None))
            except BaseException as error:  # handed to the caller's thread, which raises it
                done.put((None, error))

    for number in range(min(concurrency, count)):
        threading.Thread(target=work, name=f"auditor-{number}", daemon=True).start()
    try:
        while count:
            try:
                result, error = done.get(timeout=_LOOK_UP)
            except queue.Empty:
                continue
            count -= 1
            if error is not None:
                raise error
            yield result  # type: ignore[misc] # a result exists where there is no error
    finally:
        stop.set()
