"""Lives through a stretch of an estate's life, hour by hour: cron runs ``auditor snapshot`` every hour and ``auditor audit``
every morning, in this process, with the real commands, configuration and history file.

Only what is outside of the process is replayed (``replay``), and nothing waits for a clock. To add to a month, write an
``Event`` (``harmless`` has many): a name, when, a function from one estate to the next, and what an audit has to show of it.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from auditor.cli import wiring
from auditor.cli.exit_codes import ExitCode
from auditor.cli.main import main
from auditor.domain.findings import Code
from auditor.esxi import known_hosts
from tests.month.estate import Change, Estate, Host, small, unchanged
from tests.month.replay import Replay, host_key

EVENTS_AN_HOUR = 37
"""By how much the newest event key of a vCenter grows."""

Deed: TypeAlias = Callable[["Desk"], None]


@dataclass(frozen=True, slots=True)
class Found:
    """A finding as a script sees it."""

    code: str
    severity: str
    subject: str

    @property
    def drifts(self) -> bool:
        return self.severity != "notice" and not Code(self.code).hides

    @classmethod
    def of(cls, document: dict[str, Any]) -> frozenset[Found]:
        return frozenset(cls(f["code"], f["severity"], f["subject"]["name"]) for f in document.get("findings", ()))


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str


def nothing(desk: Desk) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happens on ``day`` (from 0) at ``hour``: ``change`` to the estate, then ``deed`` at the auditor's desk.

    ``shows`` are the findings that are true from then on for ``hours``; an audit is run in the first of them. ``gap``: not
    everything can be read in that time. ``notices`` are codes of notices that are true once: in the first audit after it."""

    day: int
    hour: int
    name: str
    change: Change = unchanged
    deed: Deed = nothing
    shows: frozenset[Found] = frozenset()
    hours: int = 0
    gap: bool = False
    notices: frozenset[str] = frozenset()

    @property
    def at(self) -> int:
        """In hours from the start."""
        return self.day * 24 + self.hour


@dataclass(frozen=True, slots=True)
class Run:
    """A command that cron ran in hour ``hour``: its exit code, and its document where it printed one. ``after`` names the last
    event before it, ``true`` has those whose time it is, ``since`` those since the last audit."""

    hour: int
    command: str
    code: int
    document: dict[str, Any]
    after: str
    true: tuple[Event, ...]
    since: tuple[Event, ...]
    errors: str = ""

    @property
    def findings(self) -> frozenset[Found]:
        return Found.of(self.document)

    @property
    def expected(self) -> frozenset[Found]:
        """What an audit has to show."""
        return frozenset(found for event in self.true for found in event.shows)

    @property
    def false(self) -> frozenset[Found]:
        """Findings that nothing that happened gives a reason for."""
        explained = {code for event in self.since for code in event.notices}
        return frozenset(f for f in self.findings - self.expected if f.severity != "notice" or f.code not in explained)

    @property
    def as_expected(self) -> bool:
        """Whether the command ended, and an audit found, what is true."""
        drift = self.command == "audit" and any(found.drifts for found in self.expected)
        gap = any(event.gap for event in self.true)
        code = ExitCode.DRIFT if drift else ExitCode.INCOMPLETE if gap else ExitCode.DONE
        found = self.command != "audit" or self.expected <= self.findings
        return self.code == code and found and not self.false

    def __str__(self) -> str:
        shown = sorted(f"{f.code} ({f.severity}) {f.subject}" for f in self.findings)
        when = f"day {self.hour // 24}, {self.hour % 24}:17, after {self.after!r}"
        return f"{when}: {self.command} ended with {self.code}: {'; '.join(shown) or self.errors or 'no finding'}"


@dataclass
class Desk:
    """The machine the auditor runs on: its configuration, its known_hosts, its cron, and who sits there."""

    folder: Path
    replay: Replay
    addresses: dict[str, str] = field(default_factory=dict)
    cron: bool = True
    exclude: dict[str, list[str]] = field(default_factory=dict)
    surprises: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.vcenters = {v.name: (v.address, v.certificate) for v in self.replay.estate.vcenters}
        for host in self.replay.estate.hosts:
            self.pin(host)
        self.configure()

    @property
    def estate(self) -> Estate:
        return self.replay.estate

    def configure(self) -> None:
        """Write the configuration file; to be called after a change to this desk's settings."""
        lines = ["[history]", 'path = "history.db"', "[limits]", "concurrency = 2"]
        for name, (address, certificate) in self.vcenters.items():
            lines += ["[[vcenter]]", f'name = "{name}"', f'host = "{address}"', 'user = "auditor@vsphere.local"']
            lines += ['password = { env = "VC_PASSWORD" }', f'thumbprint = "{certificate}"']
            lines += [f"exclude = {json.dumps(self.exclude.get(name, []))}"]
            lines += ['routes = ["vcenter", "ssh"]'] if name == "vc01" else []
        lines += ["[ssh]", 'password = { env = "ESXI_PASSWORD" }', 'known_hosts = "known_hosts"', "[ssh.addresses]"]
        lines += [f'"{name}" = "{address}"' for name, address in self.addresses.items()]
        for host in self.estate.outside:
            lines += ["[[host]]", f'name = "{host.name}"', f'address = "{host.address}"']
        path = self.folder / "auditor.toml"
        path.write_text("\n".join(lines) + "\n")
        path.chmod(0o600)

    def pin(self, host: Host, *, address: str = "") -> None:
        """Pin the SSH key that a host has now, by its name or another address."""
        places = [address] if address else [host.name, host.address]
        for place in places:
            known_hosts.pin(self.folder / "known_hosts", place, 22, host_key(host), host_key(host).fingerprint)

    def type(self, *arguments: str) -> Done:
        """Type ``auditor ARGUMENTS``."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main([*arguments, "--config", str(self.folder / "auditor.toml")])
        return Done(code, out.getvalue(), err.getvalue())

    def expect(self, code: int, *arguments: str) -> None:
        """Type a command, and remember it among the ``surprises`` if it ends otherwise."""
        done = self.type(*arguments)
        if done.code != code:
            self.surprises.append(f"{' '.join(arguments)} ended with {done.code}: {done.out}{done.err}")


@dataclass
class Month:
    """A stretch of days, an event at a time. Use it inside of ``replayed``."""

    desk: Desk
    events: tuple[Event, ...]
    days: int = 30
    audit_at: int = 6

    def live(self) -> Iterator[Run]:
        """Each run as it ends: in every hour what happens, then the snapshot, then an audit if one is due."""
        after, since = "the start", list[Event]()
        for hour in range(self.days * 24):
            self._pass(hour)
            for event in (event for event in self.events if event.at == hour):
                self.desk.replay.estate = event.change(self.desk.estate)
                event.deed(self.desk)
                after = event.name
                since.append(event)
            if not self.desk.cron:
                continue
            yield self._run(hour, after, "snapshot", since)
            if hour % 24 == self.audit_at or any(event.at == hour and event.shows for event in since):
                yield self._run(hour, after, "audit", since)
                since = []

    def _pass(self, hour: int) -> None:
        """An hour goes by: time, and events in the vCenters' databases."""
        estate = self.desk.estate
        now: datetime = small().now + timedelta(hours=hour, minutes=17)
        vcenters = tuple(replace(v, event=v.event + EVENTS_AN_HOUR) if v.up else v for v in estate.vcenters)
        self.desk.replay.estate = replace(estate, now=now, vcenters=vcenters)

    def _run(self, hour: int, after: str, command: str, since: list[Event]) -> Run:
        done = self.desk.type(command, "--json")
        document = json.loads(done.out) if done.out.startswith("{") else {}
        true = tuple(event for event in self.events if event.at <= hour < event.at + event.hours)
        return Run(hour, command, done.code, document, after, true, tuple(since), done.err)


@contextlib.contextmanager
def replayed(folder: Path, events: Iterable[Event], days: int = 30, *, zone: str = "UTC") -> Iterator[Month]:
    """A month in ``folder``, with the replay where the outside world was and the machine in a time zone."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AUDITOR_CONFIG", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
            patch.delenv(name, raising=False)
        patch.setenv("HOME", str(folder))
        patch.setenv("VC_PASSWORD", "hunter2-vcenter")
        patch.setenv("ESXI_PASSWORD", "hunter2-esxi")
        patch.setenv("TZ", zone)
        time.tzset()
        month = Month(Desk(folder, Replay(small())), tuple(sorted(events, key=lambda event: event.at)), days)
        patch.setattr(wiring, "outside", month.desk.replay)
        try:
            yield month
        finally:
            patch.undo()
            time.tzset()


@contextlib.contextmanager
def quick_folder() -> Iterator[Path]:
    """A folder in memory where there is one: a month makes some six thousand transactions, and a disk takes time for each."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as folder:
        yield Path(folder)


__all__ = ["Deed", "Desk", "Done", "Event", "Found", "Month", "Run", "nothing", "quick_folder", "replayed"]
