"""``auditor hosts trust``: pin what hosts show of who they are, once somebody or a list confirmed it."""

from __future__ import annotations

import shlex
import sys
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from auditor import handed_in
from auditor.cli import output
from auditor.cli.exit_codes import ExitCode
from auditor.cli.options import Invocation, config_option, json_option, vcenter_option, verbose_option
from auditor.domain.changed_copy import Change, change_of
from auditor.domain.hostnames import spelled
from auditor.domain.observation import Route
from auditor.domain.trust import Expected, Kind, State, Value, expected_of, fingerprint_of
from auditor.errors import ConfigError, InputError, RefusedError, TrustError
from auditor.ports import HostTarget
from auditor.reports.safe import printable

if TYPE_CHECKING:
    from auditor.config import Config

_CHARACTERS_TO_TYPE = 6
_LIST_LIMIT = 64 * 1024 * 1024
_KINDS = {Kind.SSH_KEY: "host key", Kind.CERTIFICATE: "certificate"}
_SAID = {
    State.UNREACHABLE: "not reached",
    State.REVOKED: "REVOKED",
    State.UNEXPECTED: "NOT AS EXPECTED",
    State.CHANGED: "CHANGED",
    State.NEW: "new",
    State.VOUCHED: "signed by ca_file",
    State.SAME: "pinned already",
}


@click.command(short_help="Pin SSH host keys and certificates of hosts.")
@click.argument("name", required=False)
@click.option("--all", "every", is_flag=True, help="All hosts known here, in one table with one confirmation.")
@click.option("--cluster", metavar="NAME", default="", help="With --all: only hosts of this cluster.")
@vcenter_option
@click.option(
    "--fingerprint",
    "fingerprints",
    metavar="SHA256:…",
    multiple=True,
    help="The fingerprint to expect of NAME's key, or the thumbprint of its certificate; without it you are asked.",
)
@click.option(
    "--expected",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="A list of expected fingerprints: what it has is pinned without asking, what differs from it never.",
)
@json_option
@config_option
@verbose_option
@click.pass_obj
def trust(
    invocation: Invocation,
    name: str | None,
    every: bool,
    cluster: str,
    vcenter: str,
    fingerprints: tuple[str, ...],
    expected: Path | None,
    as_json: bool,
) -> int:
    """Show the SSH host key and the certificate of host NAME, or of all hosts, and pin them once you confirm them.

    No password is sent. Read the fingerprint on the host's own console, or take it from a record you trust, and compare.
    What was pinned until now is shown and replaced. The certificate is looked at where [host-api] is configured, the SSH key
    where [ssh] is. NAME is a host of `auditor hosts list`, by its whole name, the start of it (esx01) or its address; or any
    host name or address that is not known yet. --all takes the hosts of the configuration and of history and does not ask
    vCenter: run `auditor snapshot` first.

    The list of --expected has lines `NAME FINGERPRINT`, lines of known_hosts or ssh-keyscan, or CSV with a heading: a column
    Name, and columns Thumbprint or Fingerprint. There is no way to accept everything unseen: without a list, or for what it
    does not have, the end of one fingerprint is to be typed at a terminal. With --json nothing is asked.

    Exit code 0: all is pinned; 4: some hosts were not reached; 5: something is not pinned, for it was not confirmed, differs
    from the list, or is revoked.

    \b
    Examples:
      auditor hosts trust esx01
      auditor hosts trust esx01 --fingerprint SHA256:uNiVztksCsDhcc0u9e8BgrJXVGDsWGTfD6r9hXKyoXo
      auditor hosts trust --all
      auditor hosts trust --all --cluster Prod --expected fingerprints.csv
    """
    if bool(name) == every:
        raise click.UsageError("give the NAME of a host, or --all")
    if fingerprints and every:
        raise click.UsageError("--fingerprint is for one NAME; --expected FILE is for many")
    if cluster and not every:
        raise click.UsageError("--cluster goes with --all")
    config = invocation.config()
    kinds = [kind for kind, route in ((Kind.SSH_KEY, config.ssh), (Kind.CERTIFICATE, config.host_api)) if route is not None]
    if not kinds:
        raise ConfigError(
            "the ssh route is off, and there is no [host-api]", where=str(config.path), hint="add [ssh] to the configuration"
        )
    wanted = _expected(expected) if expected is not None else Expected()
    if name:
        name = _named(config, name)
        if fingerprints:
            given = [fingerprint_of(text) for text in fingerprints]
            wanted = Expected({(spelled(name), kind): frozenset({value}) for kind, value in given}, ((name,),))
            kinds = [kind for kind in kinds if kind in dict(given)]
            if not kinds:
                raise ConfigError("the route of that fingerprint is off", where=str(config.path))
        hosts = [(name, vcenter)]
    else:
        hosts = _all(config, cluster, vcenter)
    values = _shown(config, hosts, kinds, wanted, typed=not every)
    _refuse(values, single=not every, given=bool(fingerprints))
    confirmed = [value for value in values if value.to_pin and value.expected is not None]
    asked = [value for value in values if value.to_pin and value.expected is None]
    if not as_json:
        _print(values, wanted, output.emit if every else output.say)
        if asked and sys.stdin.isatty() and _typed(asked):
            confirmed, asked = confirmed + asked, []
    _pin(config, confirmed)
    if as_json:
        output.emit_json(_document(config, values, frozenset(confirmed), wanted))
    if confirmed:
        output.say(f"pinned: {len(confirmed)} in {' and '.join(printable(str(path)) for path in _files(config, confirmed))}")
    return _code(values, asked, as_json=as_json)


def _expected(path: Path) -> Expected:
    data = handed_in.read(path, _LIST_LIMIT)
    if change_of(data) is Change.UTF_16:  # as PowerShell's > and Export-Csv -Encoding Unicode write it
        data = data.decode("utf-16", "replace").encode()
    return expected_of(handed_in.text(data, str(path)), str(path))


def _named(config: Config, name: str) -> str:
    """The known host that was meant; a name nobody knows as it is, since a host is trusted before it is first read. Raises
    ``InputError`` when several are meant."""
    from auditor.cli import wiring
    from auditor.domain.hostnames import meant

    known = wiring.known_hosts(config, history_needed=False)
    return known.name(name) if meant(name, known.names(), known.reached) else name


def _all(config: Config, cluster: str, vcenter: str) -> list[tuple[str, str]]:
    """The name and vCenter of every host known here. A host of two vCenters is there twice: it may be two hosts."""
    from auditor.cli import wiring
    from auditor.workflows.choosing import choose

    known = wiring.known_hosts(config, history_needed=False)
    if cluster or vcenter:
        return [(host.name, host.vcenter) for host in choose(known, (), cluster, vcenter)]
    listed = [(host.name, host.vcenter) for host in known.hosts]
    found = listed + [(name, "") for name in set(known.reached) - {name for name, _ in listed}]
    if not found:
        raise InputError("no host is known", hint="record the hosts: auditor snapshot")
    return sorted(found)


def _shown(
    config: Config, hosts: Sequence[tuple[str, str]], kinds: Collection[Kind], expected: Expected, *, typed: bool
) -> list[Value]:
    """What the hosts show, side by side. ``typed``: the name may be an address with the port of SSH."""
    from auditor.cli import probe, wiring
    from auditor.parallel import each

    def at(kind: Kind, name: str, vcenter: str) -> HostTarget:
        from auditor.config import Address

        target = wiring.direct_target(config, vcenter, name, Route.SSH if kind is Kind.SSH_KEY else Route.HOST_API)
        if target.address != name or not typed:
            return target
        given = Address.parse(name, target.port)
        return HostTarget(name, given.host, given.port if kind is Kind.SSH_KEY else target.port, vcenter)

    jobs = []
    if config.ssh is not None and Kind.SSH_KEY in kinds:
        keys = probe.keys_shown(config, config.ssh, expected)
        jobs += [(keys, place) for place in probe.places(at(Kind.SSH_KEY, *host) for host in hosts)]
    if config.host_api is not None and Kind.CERTIFICATE in kinds:
        certificates = probe.certificates_shown(wiring.host_api_settings(config, config.host_api), expected)
        jobs += [(certificates, place) for place in probe.places(at(Kind.CERTIFICATE, *host) for host in hosts)]
    values = []
    with wiring.progress() as progress:
        progress.start("looking at hosts", len(jobs))
        for value in each(jobs, lambda job: job[0](job[1]), config.limits.concurrency):
            progress.advance("looking at hosts")
            values.append(value)
    return sorted(values, key=lambda value: (value.host, value.address, list(Kind).index(value.kind), value.port))


def _refuse(values: Sequence[Value], *, single: bool, given: bool) -> None:
    """Of one host alone what is wrong is the error of the command."""
    if not single:
        return
    if all(value.trouble for value in values) and values[0].trouble is not None:
        raise values[0].trouble
    for value in values:
        if given and value.state is State.UNEXPECTED:
            raise TrustError(
                f"the host shows the {_KINDS[value.kind]} {value.seen}, not {' or '.join(value.expected or ())}",
                where=value.address,
                tried="comparing the fingerprint given with the one of the host",
                hint="read it on the host's own console; if the two still differ, something is between you and it",
            )


def _print(values: Sequence[Value], expected: Expected, put: Any) -> None:
    """A line for each value, what is pinned already only counted among many; then what must not be overlooked."""
    shown = [value for value in values if value.state is not State.SAME or len(values) <= 2]
    rows = [(value, _place(value), _KINDS[value.kind], _state(value)) for value in shown]
    widths = [max((len(row[n]) for row in rows), default=0) for n in (1, 2, 3)]  # type: ignore[arg-type]
    for value, *cells in rows:
        words = [cell.ljust(width) for cell, width in zip(cells, widths, strict=True)]
        put("  ".join([*words, printable(value.trouble.what if value.trouble else value.seen)]).rstrip())
        if value.state is State.CHANGED or value.state is State.UNEXPECTED:
            for label, others in (("pinned until now", value.old), ("expected", sorted(value.expected or ()))):
                for other in others:
                    put(f"    {label + ':':<18}{printable(other)}")
        if value.kept:
            put(f"    not pinned here: {printable(value.kept)}")
    counts = Counter(value.state for value in values)
    if len(values) > 2:
        put(", ".join(f"{counts[state]} {_SAID[state]}" for state in State if counts[state]))
    for kind, what in _KINDS.items():
        if hosts := [value.host for value in values if value.kind is kind and value.state is State.CHANGED]:
            output.say(
                f"THE {what.upper()} HAS CHANGED: {_few(hosts)}. A reinstallation, a rollback or a renewal on the host does "
                "that; so does someone in between. Who pinned the old one, and when, is not recorded."
            )
    if unknown := expected.unknown(values):
        output.say(f"{len(unknown)} of the list are no hosts shown here: {_few(unknown)}")


def _place(value: Value) -> str:
    place = f"[{value.address}]:{value.port}" if ":" in value.address else f"{value.address}:{value.port}"
    return printable(f"{value.host}  {place}")


def _state(value: Value) -> str:
    seen = value.trouble is None and value.expected is not None and value.state is not State.UNEXPECTED
    return _SAID[value.state] + (", as expected" if seen else "")


def _few(names: Sequence[str]) -> str:
    shown = ", ".join(printable(name) for name in dict.fromkeys(names[:5]))
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"


def _typed(values: Sequence[Value]) -> bool:
    """Have the end of one fingerprint typed, which nobody does without looking: of a changed one, if there is any."""
    value = next((value for value in values if value.state is State.CHANGED), values[0])
    others = f", to pin all {len(values)} values above that wait for it" if len(values) > 1 else ""
    typed = click.prompt(
        f"Type the last {_CHARACTERS_TO_TYPE} characters of the fingerprint of {printable(value.host)} ({_KINDS[value.kind]}) "
        f"as its own console shows it{others}",
        err=True,
    )
    if typed.strip() == value.fingerprint[-_CHARACTERS_TO_TYPE:]:
        return True
    output.say("what you typed is not the end of this fingerprint; if the host's own console differs, something is in between")
    return False


def _pin(config: Config, values: Sequence[Value]) -> None:
    from auditor.esxi import known_hosts
    from auditor.vcenter import certificates

    keys = [value for value in values if value.kind is Kind.SSH_KEY]
    if keys and config.ssh is not None:
        known = known_hosts.load(config.ssh.known_hosts)
        known_hosts.pin_all(
            config.ssh.known_hosts,
            [
                known_hosts.NewPin(
                    value.address,
                    value.port,
                    known_hosts.HostKey(value.seen.partition(" ")[0], value.blob),
                    tuple(key for key in known.keys_of(value.address, value.port) if str(key) in value.old),
                )
                for value in keys
            ],
        )
    shown = [value for value in values if value.kind is Kind.CERTIFICATE]
    if shown and config.host_api is not None:
        pins = [certificates.NewPin(value.address, value.port, value.seen, value.old) for value in shown]
        certificates.pin_all(config.host_api.known_certificates, pins)


def _files(config: Config, values: Sequence[Value]) -> list[Path]:
    kinds = {value.kind for value in values}
    keys = [config.ssh.known_hosts] if config.ssh is not None and Kind.SSH_KEY in kinds else []
    return keys + ([config.host_api.known_certificates] if config.host_api is not None and Kind.CERTIFICATE in kinds else [])


def _code(values: Sequence[Value], waiting: Sequence[Value], *, as_json: bool) -> int:
    """The exit code, with what is to be done next."""
    if waiting and not as_json and not sys.stdin.isatty():
        raise RefusedError(
            f"{len(waiting)} not pinned: there is no terminal to confirm fingerprints on",
            hint="give what you know from the host's console: --fingerprint SHA256:…, or a list: --expected FILE",
        )
    if waiting and not as_json:
        raise RefusedError(f"{len(waiting)} not pinned: not confirmed", hint="compare with the hosts' own consoles")
    wrong = [value for value in values if value.kept or value.state in {State.UNEXPECTED, State.REVOKED}]
    if wrong:
        output.say(f"NOT pinned: {_few([value.host for value in wrong])}. Find out why: auditor runbook show identity-changed")
    silent = [value.host for value in values if value.trouble is not None]
    if silent:
        output.say(f"not reached: {_few(silent)}. next: auditor hosts trust {printable(shlex.quote(silent[0].split(', ')[0]))}")
    if wrong or waiting:
        return ExitCode.REFUSED
    return ExitCode.INCOMPLETE if silent else ExitCode.DONE


def _document(config: Config, values: Sequence[Value], pinned: Collection[Value], expected: Expected) -> dict[str, Any]:
    return {
        "schema": "auditor/hosts-trust/v1",
        "known_hosts": str(config.ssh.known_hosts) if config.ssh is not None else None,
        "known_certificates": str(config.host_api.known_certificates) if config.host_api is not None else None,
        "values": [
            {
                "host": value.host,
                "kind": value.kind.value,
                "address": value.address,
                "port": value.port,
                "state": value.state.value,
                "seen": value.seen or None,
                "pinned": list(value.old),
                "expected": sorted(value.expected) if value.expected is not None else None,
                "pinned_now": value in pinned,
                "trouble": value.trouble.what if value.trouble is not None else value.kept or None,
            }
            for value in values
        ],
        "unknown": list(expected.unknown(values)),
    }
