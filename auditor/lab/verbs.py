"""What a person does in a running lab: at a host's console, in vCenter, or somewhere behind our back. One sentence each.

    press shift+r on HOST            sit down at the console; at the next start the keys are pressed
    power off|on|cycle HOST          the button; no orderly shutdown
    reboot HOST                      an orderly one, from the console
    maintenance on|off HOST          by the host's own console
    reconnect|disconnect HOST        in vCenter
    cut off HOST                     vCenter does not get through to it any more
    stage IMAGE on HOST              an update in the other bank, for the next boot
    install live vib on HOST         takes the other bank
    touch [other] boot.cfg of HOST   somebody edits the booted (the other) bank's boot.cfg
    change root password of HOST     to one nobody here knows
    renew host key of HOST           its SSH key
    change SETTING of HOST to VALUE  ntp, dns, syslog, vlan, mtu, nfs, iscsi, domain, shell, certificate; lists with commas
    change vpxuser password of HOST  behind vCenter's back: it does not get in any more
    break HOST FAULTS                TOML keys of the faults table, such as reboot.never = true; replaces what was broken
    mend HOST                        no fault any more
    make HOST TRAITS                 TOML keys of the trait table, such as lockdown = "lockdownStrict"
    restart vcenter [SECONDS]
    schedule remediation of CLUSTER  in vCenter, for tomorrow; nothing here runs it
    hold remediation of CLUSTER      what was scheduled on it is disabled
    show HOST                        its state as JSON

IMAGE is a name of the scenario's or a base image version. HOST may be given without the domain, or as a pattern.
"""

from __future__ import annotations

import datetime as dt
import fnmatch
import json
import re
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from auditor.errors import InputError
from auditor.lab.hosts.bank import BOOT_CFG
from auditor.lab.hosts.host import HostDownError, LabHost
from auditor.lab.hosts.images import LabImage
from auditor.lab.hosts.power import FORGOTTEN_PASSWORD
from auditor.lab.hosts.traits import set_traits
from auditor.lab.play import Play
from auditor.lab.scenario import DOMAIN
from auditor.lab.vcenter.depot import DesiredSoftware

Act = Callable[[Play, LabHost, Sequence[str]], str]


def do(play: Play, sentence: str) -> str:
    """Do it, and return what there is to say of it. Raises `InputError` for a sentence that is none, a host there is not, and
    something that cannot be done now."""
    words = " ".join(sentence.split())
    restart = re.fullmatch(r"restart vcenter(?: ([0-9.]+))?", words, re.IGNORECASE)
    if restart is not None:
        play.vcenter.restart(float(restart[1] or 1))
        return "vCenter restarts"
    planned = re.fullmatch(r"(schedule|hold) remediation of (.+)", words, re.IGNORECASE)
    if planned is not None:
        return _plan(play, planned[1].lower(), planned[2])
    for pattern, act in _VERBS:
        found = re.fullmatch(pattern, words, re.IGNORECASE)
        if found is not None:
            named = found.groupdict()
            rest = [value for key, value in named.items() if key != "host" and value is not None]
            said = []
            for host in _hosts(play, named["host"]):
                with play.lock:
                    try:
                        said.append(act(play, host, rest))
                    except (HostDownError, LookupError, ValueError) as error:
                        raise InputError(f"cannot be done: {error}", where=host.name) from error
            return "\n".join(said)
    raise InputError(f"the lab does not know how to {words!r}", hint="auditor lab do --help lists what it can")


def _plan(play: Play, how: str, name: str) -> str:
    vcenter = play.vcenter
    with play.lock:
        found = [cluster for cluster in vcenter.database.clusters.values() if cluster.name.lower() == name.lower()]
        if not found:
            raise InputError(f"the lab has no cluster {name}")
        if how == "schedule":
            vcenter.schedule(found[0].name, vcenter.clock() + dt.timedelta(days=1), user="carol@lab.example")
            return f"{found[0].name}: a remediation is scheduled for tomorrow"
        for id_, task in vcenter.database.scheduled.items():
            if task.cluster == found[0].moid:
                vcenter.database.scheduled[id_] = replace(task, enabled=False)
        return f"{found[0].name}: no scheduled remediation is enabled"


def _hosts(play: Play, name: str) -> list[LabHost]:
    wanted = name.lower()
    found = [
        host
        for host in play.hosts.values()
        if fnmatch.fnmatchcase(host.name, wanted) or fnmatch.fnmatchcase(host.name.removesuffix(f".{DOMAIN}"), wanted)
    ]
    if not found:
        raise InputError(f"the lab has no host {name}", hint=f"there are: {', '.join(list(play.hosts)[:10])}")
    return found


def _press(play: Play, host: LabHost, _: Sequence[str]) -> str:
    host.press_shift_r()
    return f"{host.name}: Shift+R will be pressed at the next start"


def _power(play: Play, host: LabHost, rest: Sequence[str]) -> str:
    if rest[0] in {"off", "cycle"}:
        host.cancel_restart()
        host.shut_down(orderly=False)
    if rest[0] in {"on", "cycle"}:
        host.boot()
    return f"{host.name} is {host.power}" + (f": {host.console}" if host.console else "")


def _reboot(play: Play, host: LabHost, _: Sequence[str]) -> str:
    host.restart()
    return f"{host.name} is {host.power}"


def _maintenance(play: Play, host: LabHost, rest: Sequence[str]) -> str:
    host.maintenance = rest[0] == "on"
    play.vcenter.refresh_inventory()
    return f"{host.name}: maintenance mode {rest[0]}"


def _connection(play: Play, host: LabHost, rest: Sequence[str]) -> str:
    if rest[0] == "reconnect":
        play.reconnect(host.name)
    elif rest[0] == "disconnect":
        play.vcenter.disconnect(host.name)
    else:
        play.cut_off(host.name)
        play.vcenter.refresh_inventory()
    return f"{host.name} is {play.vcenter.host(host.name).belief.connection} in vCenter"


def _stage(play: Play, host: LabHost, rest: Sequence[str]) -> str:
    image = _image(play, rest[0])
    host.stage(image)
    return f"{host.name}: {image.base_image} is staged"


def _image(play: Play, name: str) -> LabImage:
    software = play.scenario.images.get(name)
    return play.scenario.warehouse.compose(software if software is not None else DesiredSoftware(name))


def _live(play: Play, host: LabHost, _: Sequence[str]) -> str:
    play.install_live(host.name)
    return f"{host.name}: a VIB was installed live, and the other bank is taken"


def _touch(play: Play, host: LabHost, rest: Sequence[str]) -> str:
    bank = host.other_bank if rest else host.boot_bank
    if bank is None:
        raise HostDownError(f"it is {host.power}")
    bank.files[BOOT_CFG] += b"# edited by hand\n"
    return f"{host.name}: {'the other' if rest else 'the booted'} bank's boot.cfg was edited"


def _root_password(play: Play, host: LabHost, _: Sequence[str]) -> str:
    host.password = FORGOTTEN_PASSWORD
    return f"{host.name}: root has another password"


def _key(play: Play, host: LabHost, _: Sequence[str]) -> str:
    host.renew_host_key()
    return f"{host.name} shows another SSH key"


def _setting(play: Play, host: LabHost, rest: Sequence[str]) -> str:
    host.settings = host.settings.changed(*rest)
    host.tell()
    return f"{host.name}: {rest[0]} is {rest[1]}"


def _vpxuser(play: Play, host: LabHost, _: Sequence[str]) -> str:
    host.vpxuser += 1
    host.tell()
    play.vcenter.refresh_inventory()
    return f"{host.name}: vCenter's account has another password"


def _toml(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text.replace("; ", "\n"))
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"not TOML: {error}", where=text) from None


def _break(play: Play, host: LabHost, rest: Sequence[str]) -> str:
    faults = _toml(rest[0])
    host.set_faults(faults)
    return f"{host.name} is broken: {json.dumps(faults)}"


def _mend(play: Play, host: LabHost, _: Sequence[str]) -> str:
    host.set_faults({})
    return f"{host.name} is well"


def _make(play: Play, host: LabHost, rest: Sequence[str]) -> str:
    traits = _toml(rest[0])
    set_traits(host, traits)
    return f"{host.name} is so: {json.dumps(traits)}"


def _show(play: Play, host: LabHost, _: Sequence[str]) -> str:
    return json.dumps(state_of(host), indent=2)


def state_of(host: LabHost) -> dict[str, Any]:
    """A host as it is, for people and tests in other processes."""
    with host.lock:
        banks = {"booted": host.boot_bank, "other": host.other_bank} if host.booted is not None else {}
        return {
            "host": host.name,
            "power": host.power,
            "boots": host.boots,
            "maintenance": host.maintenance,
            "running": host.running_image.base_image if host.booted is not None else None,
            "console": host.console,
            "shift_r_pressed": host.shift_r_pressed,
            "banks": {
                name: {"volume": bank.volume, "state": bank.bootstate, "updated": bank.updated, "files": len(bank.files)}
                for name, bank in banks.items()
                if bank is not None
            },
            "faults": host.faults,
            "acts": [f"{act.time:%Y-%m-%dT%H:%M:%SZ} {act.what}" for act in host.acts],
        }


_HOST = r"(?P<host>\S+)"
_VERBS: tuple[tuple[str, Act], ...] = (
    (rf"press shift\+r on {_HOST}", _press),
    (rf"power (?P<how>off|on|cycle) {_HOST}", _power),
    (rf"reboot {_HOST}", _reboot),
    (rf"maintenance (?P<how>on|off) {_HOST}", _maintenance),
    (rf"(?P<how>reconnect|disconnect|cut off) {_HOST}", _connection),
    (rf"stage (?P<image>\S+) on {_HOST}", _stage),
    (rf"install live vib on {_HOST}", _live),
    (rf"touch (?P<which>other )?boot\.cfg of {_HOST}", _touch),
    (rf"change root password of {_HOST}", _root_password),
    (rf"renew host key of {_HOST}", _key),
    (rf"change (?P<setting>[a-z]+) of {_HOST} to (?P<value>.+)", _setting),
    (rf"change vpxuser password of {_HOST}", _vpxuser),
    (rf"break {_HOST} (?P<faults>.+)", _break),
    (rf"mend {_HOST}", _mend),
    (rf"make {_HOST} (?P<traits>.+)", _make),
    (rf"show {_HOST}", _show),
)


__all__ = ["do", "state_of"]
