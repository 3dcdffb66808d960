"""``auditor hosts``: which hosts are known here, and whose SSH host key is pinned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from auditor.cli import output
from auditor.cli.exit_codes import ExitCode
from auditor.cli.hosts_show import show
from auditor.cli.hosts_trust import trust
from auditor.cli.options import Invocation, config_option, json_option, verbose_option
from auditor.domain.observation import host_key
from auditor.errors import ConfigError
from auditor.reports.safe import printable

if TYPE_CHECKING:
    from auditor.config import Address, Config, SshSettings


@click.group()
def hosts() -> None:
    """List the hosts known here, show what is recorded of one, and pin SSH host keys and certificates."""


hosts.add_command(show)
hosts.add_command(trust)


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
        address = _address(config, name)
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


def _ssh(config: Config) -> SshSettings:
    if config.ssh is None:
        raise ConfigError("the ssh route is off", where=str(config.path), hint="add [ssh] to the configuration")
    return config.ssh


def _address(config: Config, name: str) -> Address:
    from auditor.cli import wiring
    from auditor.config import Address

    target = wiring.direct_target(config, "", name)
    return Address(target.address, target.port)


def _names(config: Config) -> dict[str, str]:
    """Every host by name with its vCenter: configured, given an address, or recorded in history if there is one."""
    from auditor.cli import wiring

    found = dict.fromkeys(config.ssh.addresses if config.ssh else (), "")
    found |= {host_key(host.name): "" for host in config.hosts}
    if config.history.is_file():
        with wiring.open_history(config, read_only=True) as history:
            found |= {host_key(host.name): host.vcenter for host in history.past().hosts}
    return found
