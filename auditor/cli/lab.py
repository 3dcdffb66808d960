"""``auditor lab``: a simulated vCenter and ESXi fleet to try things on."""

from __future__ import annotations

import signal
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from auditor.cli import output
from auditor.cli.exit_codes import ExitCode
from auditor.cli.options import json_option, verbose_option

if TYPE_CHECKING:
    from auditor.lab.running import Running
    from auditor.lab.scenario import Scenario

F = TypeVar("F", bound=Callable[..., object])

SHOWN_HOSTS = 10
"""Hosts `lab up` prints a line for; the configuration file has all."""

# The libraries of the extra `lab` are imported only when a lab starts; that one is missing must be said before.
for _library in ("asyncssh", "cryptography"):
    if find_spec(_library) is None:
        raise ModuleNotFoundError(f"No module named {_library!r}", name=_library)


@click.group()
def lab() -> None:
    """A simulated vCenter and ESXi fleet on this machine, to try the tool on and to practise.

    It listens on loopback addresses only, keeps everything in a private folder, and leaves nothing behind.

    \b
    Examples:
      auditor lab list
      auditor lab run post-restore -- auditor audit
      auditor lab up post-restore
    """


def _lab_options(function: F) -> F:
    """The options of every command that starts a lab."""
    for option in (
        click.option("--hosts", type=click.IntRange(1), metavar="N", help="So many hosts in the clusters altogether."),
        click.option("--version", metavar="VERSION", help="Another vCenter version than the scenario's, such as 8.0.3."),
        click.option(
            "--keep",
            type=click.Path(path_type=Path, file_okay=False),
            metavar="DIR",
            help="Use this new or empty folder for configuration and history, and leave it.",
        ),
        click.option("-q", "--quiet", is_flag=True, help="Say nothing of the lab on stderr."),
    ):
        function = option(function)
    return function


@lab.command("list")
@json_option
@verbose_option
def list_(as_json: bool) -> None:
    """List the scenarios that come with the tool.

    \b
    Example:
      auditor lab list
    """
    from auditor.lab.scenario_file import load
    from auditor.lab.scenario_text import shipped

    scenarios = [load(name) for name in shipped()]
    if as_json:
        output.emit_json({"schema": "auditor/lab-scenarios/v1", "scenarios": [_brief(scenario) for scenario in scenarios]})
        return
    width = max(len(scenario.name) for scenario in scenarios)
    output.emit("\n".join(f"{scenario.name:{width}}  {scenario.title}" for scenario in scenarios))
    output.say("next: auditor lab show NAME, or auditor lab run NAME -- auditor audit")


def _brief(scenario: Scenario) -> dict[str, object]:
    return {
        "name": scenario.name,
        "title": scenario.title,
        "vcenter": scenario.version,
        "clusters": len(scenario.clusters),
        "hosts": len(list(scenario.host_names())),
    }


@lab.command(short_help="Say what a scenario is made of and what must be found.")
@click.argument("scenario")
@click.option("--toml", is_flag=True, help="Print the scenario's file, to make one of your own from.")
@verbose_option
def show(scenario: str, toml: bool) -> None:
    """Say what a scenario is made of, what happened in it, and what an audit must find.

    \b
    Examples:
      auditor lab show post-restore
      auditor lab show post-restore --toml > mine.toml
    """
    from auditor.lab.scenario_file import load
    from auditor.lab.scenario_text import source

    output.emit(source(scenario).rstrip() if toml else _described(load(scenario)))


def _described(scenario: Scenario) -> str:
    lines = [f"{scenario.name}: {scenario.title}", "", scenario.story, "", f"vCenter {scenario.version}", ""]
    width = max((len(cluster.name) for cluster in scenario.clusters), default=0)
    for cluster in scenario.clusters:
        software = scenario.images[cluster.image]
        image = software.base_image + (" with {} {}".format(*software.add_on) if software.add_on else "")
        managed = "" if cluster.by_image else ", on baselines"
        lines.append(f"  {cluster.name:{width}}  {len(cluster.hosts):>4} hosts on {image}{managed}")
    lines += [f"  {host.name}  {host.place.value}, on {scenario.images[host.image].base_image}" for host in scenario.hosts]
    if scenario.past:
        lines += ["", "What happened:", *(f"  {event}" for event in scenario.past)]
    if scenario.expected:
        lines += ["", f"auditor audit ends with exit code {scenario.expected.exit} and finds:"]
        found = sorted(scenario.expected.findings)
        lines += [f"  {code}  {subject}" for code, subject in found] or ["  nothing"]
    return "\n".join(lines)


@lab.command(short_help="Run a command against a scenario's lab.")
@click.argument("scenario")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- COMMAND...")
@_lab_options
@verbose_option
def run(scenario: str, command: tuple[str, ...], hosts: int | None, version: str | None, keep: Path | None, quiet: bool) -> int:
    """Start the lab of SCENARIO, let its past happen, run COMMAND against it, and clean up.

    COMMAND finds the lab through its environment: AUDITOR_CONFIG and the passwords the configuration refers to. `auditor` in
    COMMAND is this installation. Its exit code is passed on. SCENARIO is a name of `auditor lab list`, or a TOML file.

    \b
    Examples:
      auditor lab run post-restore -- auditor audit
      auditor lab run thousand --hosts 200 -- sh -c 'auditor snapshot && auditor audit'
      auditor lab run steady -- bash        (look around; exit ends the lab)
    """
    from auditor.lab import child
    from auditor.lab.running import running
    from auditor.lab.scenario_file import load

    plan = load(scenario, hosts=hosts, version=version)
    tell = _teller(quiet)
    with child.ending_signals(), running(plan, keep=keep, tell=tell) as lab_:
        tell(f"run: {' '.join(command)}")
        return child.run(command, lab_.workspace.environment)


@lab.command(short_help="Keep a scenario's lab running.")
@click.argument("scenario", default="steady")
@_lab_options
@verbose_option
def up(scenario: str, hosts: int | None, version: str | None, keep: Path | None, quiet: bool) -> int:
    """Start the lab of SCENARIO (default: steady), say how to connect, and keep it running until Ctrl-C.

    \b
    Examples:
      auditor lab up
      auditor lab up post-restore --keep /tmp/lab
    """
    from auditor.lab import child
    from auditor.lab.running import running
    from auditor.lab.scenario_file import load

    plan = load(scenario, hosts=hosts, version=version)
    tell = _teller(quiet)
    try:
        with child.ending_signals(), running(plan, keep=keep, tell=tell) as lab_:
            output.emit(_connection(lab_))
            tell("Ctrl-C ends the lab")
            signal.pause()
    except (KeyboardInterrupt, SystemExit):  # the one way to end it, and no failure
        tell("the lab is gone")
    return ExitCode.DONE


@lab.command("do", short_help="Play a person in a running lab.")
@click.argument("words", nargs=-1, required=True, metavar="WORDS...")
@verbose_option
def do_(words: tuple[str, ...]) -> int:
    """Do something in the lab this runs in: at a host's console, in vCenter, or behind everybody's back.

    It finds the lab by AUDITOR_LAB, which `auditor lab run` sets for its command and `auditor lab up` writes into its
    environment.sh.

    \b
    What it knows (HOST without the domain, or a pattern; IMAGE of the scenario, or a base image version):
      press shift+r on HOST            sit down at the console; the keys are pressed at the next start
      power off|on|cycle HOST          the button; no orderly shutdown
      reboot HOST                      orderly, from the console
      maintenance on|off HOST
      reconnect|disconnect|cut off HOST
      stage IMAGE on HOST              an update in the other bank, for the next boot
      install live vib on HOST         takes the other bank
      touch [other] boot.cfg of HOST   somebody edits it
      change root password of HOST     to one nobody here knows
      change vpxuser password of HOST  vCenter does not get in any more
      renew host key of HOST
      change SETTING of HOST to VALUE  ntp, dns, syslog, vlan, mtu, nfs, iscsi, domain, shell, certificate
      break HOST FAULTS                TOML, such as reboot.never = true; see docs/lab.md
      mend HOST
      make HOST TRAITS                 TOML, such as lockdown = "lockdownNormal"; see docs/lab.md
      restart vcenter [SECONDS]
      schedule|hold remediation of CLUSTER
      show HOST                        its state as JSON

    \b
    Examples:
      auditor lab do press shift+r on esx01
      auditor lab do 'break esx01 reboot.old_bank = true'
    """
    import os

    from auditor.lab.doorbell import ring
    from auditor.lab.workspace import LAB_FOLDER

    folder = os.environ.get(LAB_FOLDER)
    if not folder:
        raise click.UsageError(f"{LAB_FOLDER} is not set: run this inside `auditor lab run`, or read environment.sh first")
    output.emit(ring(Path(folder), " ".join(words)))
    return ExitCode.DONE


def _connection(lab_: Running) -> str:
    space, vcenter = lab_.workspace, lab_.play.vcenter
    hosts = list(lab_.play.hosts.values())
    width = max((len(host.name) for host in hosts[:SHOWN_HOSTS]), default=0)
    known = f"-o UserKnownHostsFile={space.path / 'known_hosts'}"
    lines = [
        f"vCenter     {lab_.lab.server.url}",
        f"user        {vcenter.sessions.user}",
        f"thumbprint  {lab_.lab.thumbprint}",
        f"passwords   in {space.environment_file}",
        "",
        "In another terminal:",
        f"  . {space.environment_file}",
        "  auditor audit",
        "",
        f"or only: export AUDITOR_CONFIG={space.config}",
        "",
        "Hosts:",
        *(f"  {h.name:{width}}  ssh {known} -p {h.port} root@{h.address}" for h in hosts[:SHOWN_HOSTS]),
    ]
    if len(hosts) > SHOWN_HOSTS:
        lines.append(f"  and {len(hosts) - SHOWN_HOSTS} more: [ssh.addresses] in {space.config}")
    return "\n".join(lines)


def _teller(quiet: bool) -> Callable[[str], None]:
    def tell(text: str) -> None:
        if not quiet:
            output.say(f"lab: {text}")

    return tell
