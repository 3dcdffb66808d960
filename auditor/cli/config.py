"""``auditor config``: write a configuration to fill in, and check one."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from auditor.cli import output
from auditor.cli.exit_codes import ExitCode
from auditor.cli.options import Invocation, config_option, json_option, verbose_option
from auditor.errors import AuditorError, ConfigError
from auditor.reports.safe import printable

if TYPE_CHECKING:
    from auditor.config import Config, VCenterSettings

SCHEMA = "auditor/config-check/v1"


@click.group()
def config() -> None:
    """Write or check the configuration file."""


@config.command()
@click.option("--force", is_flag=True, help="Replace a file that exists.")
@config_option
@verbose_option
@click.pass_obj
def init(invocation: Invocation, force: bool) -> int:
    """Write a commented configuration to fill in.

    It goes to the path given with --config, else to ~/.config/auditor/auditor.toml. Only you can read it (mode 0600).

    \b
    Examples:
      auditor config init
      auditor config init --config /etc/auditor/auditor.toml
    """
    from auditor.config.loader import expanded, user_config_file

    path = expanded(invocation.config_path or user_config_file())
    text = (files("auditor.config") / "auditor.toml").read_text("utf-8")
    _write(path, text, force)
    output.say(f"written: {printable(str(path))}")
    output.say(f"next: fill it in, then auditor config check --config {printable(str(path))}")
    return ExitCode.DONE


def _write(path: Path, text: str, force: bool) -> None:
    """Create the file for its owner only, or replace it whole; never half."""
    target = path.with_name(f".{path.name}.{os.getpid()}") if force else path
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        if target is not path:
            target.replace(path)
    except FileExistsError:
        raise ConfigError("exists and is left as it is", where=str(path), hint="--force replaces it") from None
    except OSError as error:
        raise ConfigError(
            f"cannot be written: {error.strerror}", where=str(path), hint="--config names another place"
        ) from error


@config.command(short_help="Check the configuration, its secrets, and vCenters.")
@click.option("--connect", is_flag=True, help="Contact each vCenter: show its certificate and try the login.")
@json_option
@config_option
@verbose_option
@click.pass_obj
def check(invocation: Invocation, connect: bool, as_json: bool) -> int:
    """Check the configuration file and that every secret it refers to is there.

    No secret is shown. With --connect each vCenter is contacted: its certificate's thumbprint is shown, to compare with
    the one on vCenter's own console before it is written into the configuration, and the login is tried.

    Exit code 0: all is well; 1: something is not.

    \b
    Examples:
      auditor config check
      auditor config check --connect
    """
    settings = invocation.config()
    secrets = [_secret(secret.label, secret.source, secret.reveal) for secret in settings.secrets()]
    vcenters: list[dict[str, Any]] = [
        {
            "name": vcenter.name,
            "address": f"{vcenter.host}:{vcenter.port}",
            "routes": [route.value for route in vcenter.routes],
            "trust": "thumbprint" if vcenter.thumbprint else "ca_file" if vcenter.ca_file else "system",
            "contact": _contact(settings, vcenter) if connect else None,
        }
        for vcenter in settings.vcenters
    ]
    failed = any(item["error"] for item in secrets) or any(item["contact"] and item["contact"]["error"] for item in vcenters)
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "path": str(settings.path),
        "ok": not failed,
        "history": str(settings.history),
        "known_hosts": str(settings.ssh.known_hosts) if settings.ssh else None,
        "secrets": secrets,
        "vcenters": vcenters,
        "hosts": [host.name for host in settings.hosts],
    }
    if as_json:
        output.emit_json(document)
    else:
        output.emit(_text(document))
    return ExitCode.FAILED if failed else ExitCode.DONE


def _secret(label: str, source: str, reveal: Callable[[], str]) -> dict[str, str | None]:
    told: dict[str, str | None] = {"error": None, "hint": None}
    try:
        reveal()
    except ConfigError as problem:
        told = _told(problem)
    return {"label": label, "source": source, **told}


def _told(error: AuditorError) -> dict[str, str | None]:
    return {"error": error.what, "hint": error.hint or None}


def _contact(settings: Config, vcenter: VCenterSettings) -> dict[str, str | None]:
    """What a vCenter shows, and what it says to a login. The login is tried only with the trust that is configured."""
    from auditor.cli import probe

    result: dict[str, str | None] = {"thumbprint": None, "version": None, "error": None, "hint": None}
    try:
        result["thumbprint"] = probe.certificate_of(vcenter, settings.deadlines.connect)
        marks = probe.log_in(settings, vcenter)
        result["version"] = f"{marks.version} build {marks.build}"
    except AuditorError as error:
        result |= _told(error)
    return result


def _text(document: dict[str, Any]) -> str:
    lines = [f"{'OK' if document['ok'] else 'NOT OK'}: {printable(document['path'])}"]
    lines.append(f"history: {printable(document['history'])}")
    if document["known_hosts"]:
        lines.append(f"known hosts: {printable(document['known_hosts'])}")
    else:
        lines.append("ssh: off; boot banks, and hosts that vCenter cannot reach, will not be seen")
    for item in document["secrets"]:
        state = f"MISSING: {printable(item['error'])}" if item["error"] else "there"
        lines.append(f"{printable(item['label'])}: {state} ({printable(item['source'])})")
        lines += [f"  {printable(item['hint'])}"] if item["hint"] else []
    for item in document["vcenters"]:
        lines.append(
            f"vCenter {printable(item['name'])}: {printable(item['address'])}, routes {', '.join(item['routes'])}, "
            f"certificate trusted by {item['trust']}"
        )
        if contact := item["contact"]:
            lines += [f"  thumbprint: {contact['thumbprint']}"] if contact["thumbprint"] else []
            lines += [f"  login: ok, {printable(contact['version'])}"] if contact["version"] else []
            lines += [f"  FAILED: {printable(contact['error'])}"] if contact["error"] else []
            lines += [f"  {printable(contact['hint'])}"] if contact["hint"] else []
    lines += [f"host {printable(name)}" for name in document["hosts"]]
    lines.append("next: auditor snapshot" if document["ok"] else "next: fix the items above, then auditor config check")
    return "\n".join(lines)
