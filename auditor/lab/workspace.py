"""The private folder of one running lab: configuration, pinned keys, history, and the environment that points there."""

from __future__ import annotations

import base64
import json
import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

from auditor.errors import InputError
from auditor.lab.hosts.host import DEFAULT_PASSWORD, LabHost
from auditor.lab.scenario import VCENTER
from auditor.lab.vcenter.state import LabVCenter

VCENTER_PASSWORD = "AUDITOR_LAB_VCENTER_PASSWORD"
HOST_PASSWORD = "AUDITOR_LAB_ESXI_PASSWORD"
LAB_FOLDER = "AUDITOR_LAB"
"""Where `auditor lab do` finds the lab."""
KNOWN_HOSTS = "known_hosts"
BACKUP_KEY = "backup.key"
CONFIG = "auditor.toml"
ENVIRONMENT = "environment.sh"
"""For a shell: `. FOLDER/environment.sh`."""


@contextmanager
def folder(keep: Path | None = None) -> Iterator[Path]:
    """A folder only the user may enter: a temporary one that is removed at the end, or ``keep``, which stays.

    Raises `InputError` when ``keep`` is not empty or cannot be made."""
    if keep is None:
        made = Path(tempfile.mkdtemp(prefix="auditor-lab-"))
        try:
            yield made
        finally:
            shutil.rmtree(made, ignore_errors=True)
        return
    try:
        keep.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(keep.iterdir()):
            raise InputError("is not empty", where=str(keep), hint="name a new folder, so that nothing of yours is overwritten")
        keep.chmod(0o700)
    except OSError as error:
        raise InputError(f"cannot be used: {error.strerror}", where=str(keep), hint="name another folder") from error
    yield keep.absolute()


class Workspace:
    """Writes what a client of the lab needs into ``path``, an empty private folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.environment: dict[str, str] = {}
        """The variables a command needs besides the present ones. The passwords are the lab's own, made up and public."""

    @property
    def config(self) -> Path:
        """The configuration file."""
        return self.path / CONFIG

    @property
    def environment_file(self) -> Path:
        """The same for a shell, to be sourced."""
        return self.path / ENVIRONMENT

    def write(
        self,
        vcenter: LabVCenter,
        *,
        address: str,
        port: int,
        thumbprint: str,
        hosts: Iterable[LabHost],
        outside: Iterable[LabHost],
        deadlines: Mapping[str, float],
        rollback: Mapping[str, Any] = MappingProxyType({}),
        host_api: tuple[int, Mapping[str, str]] | None = None,
        leads_to: Mapping[str, LabHost] = MappingProxyType({}),
    ) -> None:
        """Write configuration, known hosts, the environment, and a command `auditor` that is this installation.

        ``hosts`` are all hosts, with the ports they listen on; ``outside`` those that no vCenter lists.
        ``host_api`` is the port of the hosts' own APIs with the thumbprints by host, where they have one. ``leads_to`` has
        the host whose SSH address is written down for another one, by that one's name."""
        hosts = tuple(hosts)
        at = {host.name: leads_to.get(host.name, host) for host in hosts}
        lines = [
            "# Written by auditor lab; it goes away with the lab.",
            "[history]",
            'path = "history.db"',
            "",
            "[[vcenter]]",
            f"name = {_text(VCENTER)}",
            f"host = {_text(address)}",
            f"port = {port}",
            f"upload_port = {port}",
            f"user = {_text(vcenter.sessions.user)}",
            f"password = {{ env = {_text(VCENTER_PASSWORD)} }}",
            f"thumbprint = {_text(thumbprint)}",
            "",
            "[ssh]",
            'user = "root"',
            f"password = {{ env = {_text(HOST_PASSWORD)} }}",
            f"known_hosts = {_text(KNOWN_HOSTS)}",
            "",
            "[ssh.addresses]",
            *(f"{_text(name)} = {_text(f'{host.address}:{host.port}')}" for name, host in at.items()),
        ]
        if host_api is not None:
            port_of_apis, thumbprints = host_api
            lines += ["", "[host-api]", 'user = "root"', f"password = {{ env = {_text(HOST_PASSWORD)} }}"]
            lines += [f"port = {port_of_apis}", 'known_certificates = "known_certificates"', "", "[host-api.thumbprints]"]
            lines += [f"{_text(name)} = {_text(pin)}" for name, pin in thumbprints.items()]
        lines += ["", "[backup]", 'folder = "bundles"', f"key = {{ file = {_text(BACKUP_KEY)} }}"]
        plain = {key: value for key, value in rollback.items() if not isinstance(value, Mapping)}
        lines += ["", "[rollback]", *_pairs(plain)] if rollback else []
        for name, table in rollback.items():
            if isinstance(table, Mapping):
                lines += ["", f"[rollback.{name}]", *_pairs(table)]
        if deadlines:
            lines += ["", "[deadlines]", *(f"{key} = {value}" for key, value in deadlines.items())]
        for host in outside:
            lines += ["", "[[host]]", f"name = {_text(host.name)}", f"address = {_text(f'{host.address}:{host.port}')}"]
        self._file(CONFIG, "\n".join(lines) + "\n")
        self._file(BACKUP_KEY, base64.urlsafe_b64encode(os.urandom(32)).decode() + "\n")
        self._file(KNOWN_HOSTS, "".join(f"{host.known_hosts_line()}\n" for host in hosts))
        # -P: a file in the current folder must not be taken for a module of ours.
        program = f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -P -m auditor "$@"\n'
        (self.path / "bin").mkdir(exist_ok=True)
        self._file("bin/auditor", program, 0o700)
        self.environment = {
            "AUDITOR_CONFIG": str(self.config),
            LAB_FOLDER: str(self.path),
            VCENTER_PASSWORD: vcenter.password,
            HOST_PASSWORD: DEFAULT_PASSWORD,
            "PATH": f"{self.path / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        }
        exports = [f"export {key}={shlex.quote(value)}" for key, value in self.environment.items() if key != "PATH"]
        self._file(ENVIRONMENT, "\n".join([*exports, f'export PATH={shlex.quote(str(self.path / "bin"))}:"$PATH"', ""]))

    def _file(self, name: str, text: str, mode: int = 0o600) -> None:
        path = self.path / name
        path.touch(mode=mode)
        path.write_text(text, "utf-8")


def _pairs(table: Mapping[str, Any]) -> list[str]:
    """Lines of a TOML table whose values are texts, numbers, booleans or lists of them: JSON writes those alike."""
    return [f"{key} = {json.dumps(value)}" for key, value in table.items()]


def _text(value: str) -> str:
    """A TOML basic string; JSON's escapes are among TOML's."""
    return json.dumps(value)
