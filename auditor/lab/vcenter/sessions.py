"""Sessions and tasks of a simulated vCenter. They live in memory: a restore loses them."""

from __future__ import annotations

import datetime as dt
import hmac
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass
class Session:
    """A login. The same store serves SOAP cookies and vAPI session ids, which real ones keep apart."""

    id: str
    key: str
    user: str
    created: dt.datetime
    last_used: dt.datetime
    calls: int = 0


class SessionStore:
    """The logins of one vCenter."""

    def __init__(self, user: str, password: str, now: Callable[[], dt.datetime]) -> None:
        self.user = user
        self._password, self._now = password, now
        self._open: dict[str, Session] = {}

    def login(self, user: str, password: str) -> Session | None:
        """A new session, or None for wrong credentials."""
        known = hmac.compare_digest(user.lower().encode(), self.user.lower().encode())
        if not (hmac.compare_digest(password.encode(), self._password.encode()) and known):
            return None
        now = self._now()
        session = Session(uuid.uuid4().hex, str(uuid.uuid4()), self.user, now, now)
        self._open[session.id] = session
        return session

    def find(self, session_id: str | None) -> Session | None:
        """The open session of that id, marked as used now."""
        session = self._open.get(session_id or "")
        if session is not None:
            session.last_used = self._now()
            session.calls += 1
        return session

    def all(self) -> list[Session]:
        """The open sessions, oldest first."""
        return list(self._open.values())

    def end(self, session_id: str | None) -> None:
        """Close a session; an unknown id is no error."""
        self._open.pop(session_id or "", None)

    def end_all(self) -> None:
        """Close every session, as a restart does."""
        self._open.clear()


@dataclass
class Task:
    """A vAPI task. `result` is the SDK structure of the operation's result; `error` an SDK error."""

    id: str
    service: str
    operation: str
    target_type: str
    target: str
    user: str
    started: dt.datetime
    ends: dt.datetime | None
    """None for a task that never ends."""
    result: Any = None
    error: Exception | None = None

    def status(self, now: dt.datetime) -> str:
        """RUNNING, SUCCEEDED or FAILED at that time."""
        if self.ends is None or now < self.ends:
            return "RUNNING"
        return "SUCCEEDED" if self.error is None else "FAILED"

    def percent(self, now: dt.datetime) -> int:
        """How far it is: 100 only when it is over, 10 for one that never ends."""
        if self.ends is None:
            return 10
        whole = (self.ends - self.started).total_seconds()
        part = (now - self.started).total_seconds() / whole if whole > 0 else 1.0
        return 100 if now >= self.ends else max(0, min(99, int(100 * part)))


class TaskStore:
    """The tasks of one vCenter."""

    def __init__(self, now: Callable[[], dt.datetime]) -> None:
        self._now = now
        self._tasks: dict[str, Task] = {}
        self.duration = dt.timedelta(0)
        """How long every task is seen as running."""

    def add(self, service: str, operation: str, target_type: str, target: str, user: str, *, stuck: bool = False) -> Task:
        """A new task; the caller sets its result or error at once, clients see it when the duration has passed."""
        now = self._now()
        # The id's form (UUID, colon, service) is that of vAPI task ids as seen in the SDK's samples.
        task_id = f"{uuid.uuid4()}:{service}"
        ends = None if stuck else now + self.duration
        self._tasks[task_id] = Task(task_id, service, operation, target_type, target, user, now, ends)
        return self._tasks[task_id]

    def find(self, task_id: str) -> Task | None:
        """The task of that id."""
        return self._tasks.get(task_id)

    def all(self) -> list[Task]:
        """All tasks, oldest first."""
        return list(self._tasks.values())

    def clear(self) -> None:
        """Forget all tasks, as a restart does."""
        self._tasks.clear()
