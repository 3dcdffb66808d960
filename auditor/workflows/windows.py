"""The windows of hosts: whose banks to read, read them, judge them, and say what changed since the last audit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from auditor.domain.observation import host_key
from auditor.domain.past import Past
from auditor.domain.rollback.bank import BankObservation
from auditor.domain.rollback.change import window_change
from auditor.domain.rollback.compare import compare_banks
from auditor.domain.rollback.judge import boot_cfg_window, recorded_window, window_of
from auditor.domain.rollback.report import ChosenHost, WindowRow
from auditor.domain.rollback.window import Window, WindowKind
from auditor.errors import InputError
from auditor.parallel import each
from auditor.ports import BankReader, HostTarget, Progress

PHASE = "boot banks"


def choose(past: Past, configured: Sequence[tuple[str, str]], names: Sequence[str], cluster: str) -> tuple[ChosenHost, ...]:
    """The hosts meant by ``names`` or ``cluster``, all that are known when neither is given, each once, by name.

    ``configured`` are names and cluster labels of the configuration. What history knows wins, and its newest listing where
    two vCenters list one name. A name that nobody knows is taken as it is: it may be reachable all the same. Nothing is
    contacted, so this works while vCenter is down. Raises ``InputError`` for a cluster without hosts, or when none is known.
    """
    found: dict[str, ChosenHost] = {host_key(name): ChosenHost(host_key(name), "", label, None) for name, label in configured}
    for host in sorted(past.hosts, key=lambda host: (host.last_listed is not None, host.last_listed or host.first_seen)):
        found[host_key(host.name)] = ChosenHost(host_key(host.name), host.vcenter, host.cluster_name, host)
    if names:
        keys = dict.fromkeys(host_key(name) for name in names)
        return tuple(found.get(key, ChosenHost(key, "", "", None)) for key in keys)
    hosts = tuple(found[key] for key in sorted(found))
    if cluster:
        hosts = tuple(host for host in hosts if host.cluster.casefold() == cluster.casefold())
    if not hosts:
        clusters = sorted({host.cluster for host in found.values() if host.cluster})
        what = f"no host of a cluster {cluster!r} is known" if cluster else "no host is known"
        hint = f"known clusters: {', '.join(clusters)}" if clusters else "name the hosts, or record them: auditor snapshot"
        raise InputError(what, hint=hint)
    return hosts


def read_windows(
    hosts: Sequence[ChosenHost],
    reader: BankReader,
    target: Callable[[str, str], HostTarget],
    concurrency: int,
    progress: Progress,
) -> tuple[WindowRow, ...]:
    """Read the banks of all hosts side by side. A host that cannot be read is a row that says why, and what was known."""
    progress.start(PHASE, len(hosts))
    rows = {}
    for host, seen in each(hosts, lambda host: (host, reader.read_banks(target(host.vcenter, host.name))), concurrency):
        rows[host.name] = _row(host, seen)
        progress.advance(PHASE, host.name)
    return tuple(rows[host.name] for host in hosts)


def _row(host: ChosenHost, seen: BankObservation) -> WindowRow:
    state = window_of(seen)
    last = host.known.last if host.known else None
    recorded = recorded_window(last) if last is not None and last.banks else None
    if seen.trouble is not None and recorded is not None:
        reason = f"{state.window.reason}; last seen {recorded.window}"
        window = Window(WindowKind.UNKNOWN, recorded.window.build, reason, seen.at - recorded.at)
        state = replace(state, window=window)
    change = window_change(recorded, boot_cfg_window(seen)) if recorded is not None else None
    return WindowRow(host, seen, state, compare_banks(seen), change)


def unknown(rows: Iterable[WindowRow]) -> tuple[WindowRow, ...]:
    """The rows whose window is not known."""
    return tuple(row for row in rows if row.state.window.kind is WindowKind.UNKNOWN)


__all__ = ["choose", "read_windows", "unknown"]
