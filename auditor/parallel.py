"""Run many small jobs side by side and hand out results as they come."""

from __future__ import annotations

import math
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

_LOOK_UP = 0.2
"""Seconds the caller's thread sleeps at a time. A signal that comes just before it falls asleep does not wake it, so with no
limit Ctrl-C could be lost (seen)."""

Job = TypeVar("Job")
Result = TypeVar("Result")


class Crew(Generic[Job, Result]):
    """Does jobs with at most ``concurrency`` threads; more may be added while results are taken.

    Daemon threads of our own rather than ``concurrent.futures``: an interrupted run must end at once and not wait for a
    host's deadline. ``do`` is expected not to raise; if it does, ``results`` raises it and drops the rest.
    """

    def __init__(self, do: Callable[[Job], Result], concurrency: int) -> None:
        self._do, self._concurrency = do, concurrency
        self._lock = threading.Lock()
        self._waiting: deque[tuple[int, Job]] = deque()
        self._open: dict[int, Job] = {}
        self._added = 0
        self._workers = 0
        self._stopped = False
        self._done: queue.SimpleQueue[tuple[int, Result | None, BaseException | None]] = queue.SimpleQueue()

    def add(self, job: Job, *, extra: bool = False) -> None:
        """``extra``: the job gets a thread of its own, beside the others."""
        with self._lock:
            number, self._added = self._added, self._added + 1
            self._open[number] = job
            if extra:
                self._start(lambda: self._one(number, job), number)
                return
            self._waiting.append((number, job))
            if self._workers < self._concurrency:
                self._workers += 1
                self._start(self._work, number)

    def results(self, end: float = math.inf) -> Iterator[tuple[Job, Result]]:
        """Each job with its result, in the order they finish, until none is open or ``time.monotonic()`` reaches ``end``."""
        try:
            while self._open:
                left = end - time.monotonic()
                if left <= 0:
                    return
                try:
                    number, result, error = self._done.get(timeout=min(_LOOK_UP, left))
                except queue.Empty:
                    continue
                job = self._open.pop(number)
                if error is not None:
                    raise error
                yield job, result  # type: ignore[misc] # a result exists where there is no error
        finally:
            with self._lock:
                self._stopped = True

    @property
    def unfinished(self) -> tuple[Job, ...]:
        """The jobs without a result, in the order they were added."""
        return tuple(self._open[number] for number in sorted(self._open))

    def _start(self, target: Callable[[], None], number: int) -> None:
        threading.Thread(target=target, name=f"auditor-{number}", daemon=True).start()

    def _work(self) -> None:
        while True:
            with self._lock:
                if self._stopped or not self._waiting:
                    self._workers -= 1
                    return
                number, job = self._waiting.popleft()
            self._one(number, job)

    def _one(self, number: int, job: Job) -> None:
        try:
            self._done.put((number, self._do(job), None))
        except BaseException as error:  # handed to the caller's thread, which raises it
            self._done.put((number, None, error))


def each(jobs: Iterable[Job], do: Callable[[Job], Result], concurrency: int, end: float = math.inf) -> Iterator[Result]:
    """Yield ``do(job)`` for every job, in the order they finish, with at most ``concurrency`` at a time; after ``end``
    (``time.monotonic()``) no more."""
    crew = Crew(do, concurrency)
    for job in jobs:
        crew.add(job)
    for _, result in crew.results(end):
        yield result


def until(items: Iterable[Result], end: float) -> Iterator[Result]:
    """What ``items`` gives, fetched in a thread of its own; after ``end`` (``time.monotonic()``) nothing more is waited for."""
    source = iter(items)
    nothing = object()
    while True:
        found = next(each([source], lambda each_of: next(each_of, nothing), 1, end), nothing)
        if found is nothing:
            return
        yield found  # type: ignore[misc] # what is not ``nothing`` came from ``items``


__all__ = ["Crew", "each", "until"]
