"""``auditor hosts``: which hosts are known here, and whose SSH host key is pinned."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from auditor.cli import output
from auditor.cli.exit_codes import ExitCode
from auditor.cli.hosts_show import show
from auditor.cli.options import Invocation, config_option, json_option, verbose_option
from auditor.domain.observation import host_key
from auditor.errors import ConfigError, InputError, RefusedError
from auditor.reports.safe import printable

if TYPE_CHECKING:
    from auditor.config import Address, Config, SshSettings

_CHARACTERS_TO_TYPE = 6


@click.group()
def hosts() -> None:
    """List the hosts known here, show what is recorded of one, and pin SSH host keys."""


hosts.add_command(show)


@hosts.command("list", short_help="List the known hosts with their addresses and pinned host keys.")
@json_option
@config_option
@verbose_option
@click.pass_obj
def list_(invocation: Invocation, as_json: bool) -> int:
    """List every host known from the configuration and from history, with its address and its pinned host key.

    Nothing is contacted. A host without a pinned key is not read over SSH.

    \b
    Examples:
      auditor hosts list
      auditor hosts list --json
    """
    config = invocation.config()
    ssh = _ssh(config)
    from auditor.esxi.known_hosts import load

    known = load(ssh.known_hosts)
    entries: list[dict[str, Any]] = []
    for name, vcenter in sorted(_names(config).items()):
        address = _address(config, ssh, name)
        pinned = [str(key) for key in known.keys_of(address.host, address.port)]
        entries.append({"name": name, "vcenter": vcenter or None, "address": str(address), "pinned": pinned})
    if as_json:
        output.emit_json({"schema": "auditor/hosts/v1", "known_hosts": str(ssh.known_hosts), "hosts": entries})
        return ExitCode.DONE
    for entry in entries:
        keys = ", ".join(entry["pinned"]) or "no host key pinned"
        output.emit(f"{printable(entry['name'])}  {printable(entry['address'])}  {keys}")
    missing = [entry["name"] for entry in entries if not entry["pinned"]]
    if missing:
        output.say(f"next: auditor hosts trust {printable(missing[0])}   ({len(missing)} without a pinned host key)")
    return ExitCode.DONE


@hosts.command(short_help="Pin the SSH host key of a host.")
@click.argument("name")
@click.option("--fingerprint", metavar="SHA256:…", help="The fingerprint to expect; without it you are asked.")
@config_option
@verbose_option
@click.pass_obj
def trust(invocation: Invocation, name: str, fingerprint: str | None) -> int:
    """Fetch the SSH host key of host NAME, and pin it once you confirm its fingerprint.

    Read the fingerprint on the host's own console, or take it from a record you trust, and compare. A pinned key of the
    same type is replaced. NAME is a host of `auditor hosts list`, by its whole name, the start of it (esx01) or its address;
    or any host name or address that is not known yet.

    For many hosts, collect their keys in a file of OpenSSH's known_hosts form and name it in [ssh] known_hosts.

    Exit code 5: the fingerprint was not confirmed, and nothing was pinned.

    \b
    Examples:
      auditor hosts trust esx01
      auditor hosts trust esx01 --fingerprint SHA256:uNiVztksCsDhcc0u9e8BgrJXVGDsWGTfD6r9hXKyoXo
    """
    config = invocation.config()
    ssh = _ssh(config)
    from auditor.esxi.known_hosts import load, pin
    from auditor.esxi.ssh.link import fetch_host_key

    name = _named(config, name)
    address = _address(config, ssh, name)
    key, _ = fetch_host_key(address.host, address.port, config.deadlines.connect)
    pinned = load(ssh.known_hosts).keys_of(address.host, address.port)
    output.say(f"{printable(name)} at {address} shows {printable(str(key))}")
    if key in pinned:
        output.say("it is pinned already")
        return ExitCode.DONE
    for old in pinned:
        output.say(f"pinned until now: {old}")
    if any(old.type == key.type for old in pinned):
        output.say(
            "THE HOST KEY HAS CHANGED. A reinstallation or a rollback of the host does that; so does someone in between."
        )
    pin(ssh.known_hosts, address.host, address.port, key, fingerprint or _confirmed(key.fingerprint))
    output.say(f"pinned in {printable(str(ssh.known_hosts))}")
    return ExitCode.DONE


def _confirmed(fingerprint: str) -> str:
    """Have the last characters typed, which nobody does without looking. Raises ``RefusedError``."""
    if not sys.stdin.isatty():
        raise RefusedError(
            "nothing pinned: there is no terminal to confirm the fingerprint on",
            hint="give the one you know from the host's console: --fingerprint SHA256:…",
        )
    typed = click.prompt(f"Type the last {_CHARACTERS_TO_TYPE} characters of the fingerprint on the host's console", err=True)
    if typed.strip() != fingerprint[-_CHARACTERS_TO_TYPE:]:
        raise RefusedError(
            "nothing pinned: what you typed is not the end of this fingerprint",
            hint="compare with the host's own console; if they differ, something is between you and the host",
        )
    return fingerprint


def _ssh(config: Config) -> SshSettings:
    if config.ssh is None:
        raise ConfigError("the ssh route is off", where=str(config.path), hint="add [ssh] to the configuration")
    return config.ssh


def _named(config: Config, name: str) -> str:
    """The known host that was meant; a name nobody knows as it is, since a host is trusted before it is first read. Raises
    ``InputError`` when several are meant."""
    from auditor.cli import wiring
    from auditor.domain.hostnames import meant

    known = wiring.known_hosts(config, history_needed=False)
    return known.name(name) if meant(name, known.names(), known.reached) else name


def _address(config: Config, ssh: SshSettings, name: str) -> Address:
    from auditor.config import Address

    for host in config.hosts:
        if host_key(host.name) == host_key(name):
            return host.address
    if host_key(name) in ssh.addresses:
        return ssh.addresses[host_key(name)]
    try:
        return Address.parse(name, ssh.port)
    except InputError as error:
        raise InputError(error.what, hint="auditor hosts list shows the names") from None


def _names(config: Config) -> dict[str, str]:
    """Every host by name with its vCenter: configured, given an address, or recorded in history if there is one."""
    from auditor.cli import wiring

    found = dict.fromkeys(config.ssh.addresses if config.ssh else (), "")
    found |= {host_key(host.name): "" for host in config.hosts}
    if config.history.is_file():
        with wiring.open_history(config, read_only=True) as history:
            found |= {host_key(host.name): host.vcenter for host in history.past().hosts}
    return found
