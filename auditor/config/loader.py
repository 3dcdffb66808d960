"""Reads ``auditor.toml``. Everything that can be wrong in it is said here, with file and key, before anything is contacted."""

from __future__ import annotations

import os
import stat
import tomllib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from auditor import documents, helpers
from auditor.config.accept import entry
from auditor.config.settings import (
    Address,
    BackupSettings,
    Config,
    Deadlines,
    HostApiSettings,
    HostSettings,
    Limits,
    RollbackSettings,
    SshSettings,
    VCenterSettings,
    normal_thumbprint,
)
from auditor.domain.changed_copy import Change, change_of
from auditor.domain.observation import Route, host_key
from auditor.errors import ConfigError, InputError
from auditor.secrets import Command, Env, File, Keyring, Prompt, Secret, Source

SCHEMA = "config.v1"
_SHOWS = "auditor config init shows every key"
MAX_SIZE = 1_000_000  # bytes; a configuration with a thousand addresses has about 50,000


def search_path() -> tuple[Path, ...]:
    """Where a configuration is looked for when none is named, first one first. A user without a home has none there."""
    try:
        own: tuple[Path, ...] = (user_config_file(),)
    except ConfigError:
        own = ()
    return (Path("auditor.toml"), *own, Path("/etc/auditor/auditor.toml"))


def user_config_file() -> Path:
    """``~/.config/auditor/auditor.toml``, or where ``XDG_CONFIG_HOME`` says."""
    return _xdg("XDG_CONFIG_HOME", ".config") / "auditor" / "auditor.toml"


def data_folder() -> Path:
    """``~/.local/share/auditor``, or where ``XDG_DATA_HOME`` says: the default place of history and known hosts."""
    return _xdg("XDG_DATA_HOME", ".local/share") / "auditor"


def find_config(given: Path | None = None) -> Path:
    """The configuration file of this run: ``given``, ``$AUDITOR_CONFIG``, or the first of ``search_path``.

    Raises ``ConfigError`` when there is none."""
    named = given or (Path(os.environ["AUDITOR_CONFIG"]) if os.environ.get("AUDITOR_CONFIG") else None)
    if named is not None:
        return expanded(named)
    for path in search_path():
        if path.is_file():
            _refuse_foreign(path)
            return path
    raise ConfigError(
        "there is no configuration file",
        tried=", ".join(["$AUDITOR_CONFIG", *(str(path) for path in search_path())]),
        hint="auditor config init writes one to fill in",
    )


def load_config(given: Path | None = None) -> Config:
    """The configuration of this run (see ``find_config``). Secrets are not resolved yet. Raises ``ConfigError``."""
    path = find_config(given)
    data = _parse(path, _read(path))
    documents.validate(data, SCHEMA, where=str(path), error=ConfigError, hint=_SHOWS)
    return _Builder(path.absolute(), data).config()


def _xdg(variable: str, default: str) -> Path:
    value = os.environ.get(variable, "")
    return Path(value) if value.startswith("/") else expanded(Path("~") / default)


def expanded(path: Path) -> Path:
    """``path`` with ``~`` and ``~user`` put in full. A container's or a service's user may have no home: ``ConfigError``."""
    try:
        return path.expanduser()
    except RuntimeError:
        hint = "set HOME, or write paths in full: --config, and in the configuration [history] path, [ssh] known_hosts, "
        raise ConfigError(
            "the user this runs as has no such home directory",
            where=str(path),
            hint=f"{hint}[host-api] known_certificates, [backup] folder",
        ) from None


def _refuse_foreign(path: Path) -> None:
    """A file found in the current folder may have been put there by someone else, and it can name commands to run."""
    owner = path.stat().st_uid
    if owner not in {os.geteuid(), 0}:
        raise ConfigError(
            f"belongs to another user (uid {owner}) and was only found, not named",
            where=str(path.absolute()),
            hint=f"name it with --config {path} if you trust it",
        )


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            data = file.read(MAX_SIZE + 1)
    except OSError as error:
        raise ConfigError(
            f"cannot be read: {error.strerror}", where=str(path), hint="auditor config init writes a configuration to fill in"
        ) from error
    if mode & stat.S_IWOTH:
        raise ConfigError(
            f"everybody may write it (mode {stat.S_IMODE(mode):04o}), and it can name commands to run",
            where=str(path),
            hint=f"chmod 600 '{path}'",
        )
    if len(data) > MAX_SIZE:
        raise ConfigError(f"is larger than {MAX_SIZE} bytes", where=str(path))
    if change_of(data) is Change.UTF_16:
        raise ConfigError(f"is not UTF-8: it {Change.UTF_16.value}", where=str(path), hint="save it as UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ConfigError(f"is not UTF-8 text (line {line})", where=str(path)) from None


def _parse(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        what, hint = f"is not valid TOML: {error}", "correct that line; https://toml.io shows the form"
    except RecursionError:
        what, hint = "has lists or tables far too deep in each other", _SHOWS
    except ValueError:  # Python itself refuses numbers of thousands of digits
        what, hint = "holds a number of thousands of digits", _SHOWS
    raise ConfigError(what, where=str(path), hint=hint)


def _secret_variables(data: Any) -> Iterator[str]:
    """The environment variables that references to secrets name."""
    for key, value in data.items() if isinstance(data, dict) else enumerate(data if isinstance(data, list) else ()):
        if key == "env" and isinstance(value, str):
            yield value
        yield from _secret_variables(value)


class _Builder:
    """Turns checked data into settings; what a schema cannot say is checked here."""

    def __init__(self, path: Path, data: dict[str, Any]) -> None:
        self.path = path
        self.data = data
        self.secret_variables = frozenset(_secret_variables(data))

    def config(self) -> Config:
        ssh = self.ssh()
        host_api = self.host_api()
        names = {vcenter["name"] for vcenter in self.data.get("vcenter", [])}
        config = Config(
            path=self.path,
            history=self.file(self.data.get("history", {}).get("path")) or data_folder() / "history.db",
            vcenters=tuple(self.vcenter(i, item, ssh, host_api) for i, item in enumerate(self.data.get("vcenter", []))),
            hosts=tuple(self.host(i, item, ssh) for i, item in enumerate(self.data.get("host", []))),
            ssh=ssh,
            host_api=host_api,
            deadlines=Deadlines(**self.data.get("deadlines", {})),
            limits=Limits(**self.data.get("limits", {})),
            releases=self.file(self.data.get("releases", {}).get("table")),
            upgrade_paths=self.file(self.data.get("releases", {}).get("upgrade_paths")),
            vendor_builds=self.file(self.data.get("releases", {}).get("vendor_builds")),
            vsan_formats=self.file(self.data.get("releases", {}).get("vsan_formats")),
            accepted=tuple(
                entry(f"accept[{i}]", item, names, self.wrong) for i, item in enumerate(self.data.get("accept", []))
            ),
            rollback=self.rollback(host_api),
            backup=self.backup(),
        )
        self.unique("vcenter", (vcenter.name for vcenter in config.vcenters))
        self.unique("host", (host_key(host.name) for host in config.hosts))
        if not config.vcenters and not config.hosts:
            raise self.wrong("names no vCenter and no host", "add a [[vcenter]] table; auditor config init shows one")
        if config.hosts and ssh is None and host_api is None:
            raise self.wrong("host: hosts outside a vCenter need [ssh] or [host-api] to be read")
        return config

    def vcenter(
        self, index: int, item: dict[str, Any], ssh: SshSettings | None, host_api: HostApiSettings | None
    ) -> VCenterSettings:
        key = f"vcenter[{index}]"
        if "thumbprint" in item and "ca_file" in item:
            raise self.wrong(f"{key}: thumbprint and ca_file exclude each other: pin the certificate, or trust its authority")
        return VCenterSettings(
            name=item["name"],
            host=self.server(f"{key}.host", item["host"]),
            user=item["user"],
            password=self.secret(item["password"], f"password of {item['user']} on vCenter {item['name']}"),
            port=item.get("port", 443),
            upload_port=item.get("upload_port", 9087),
            thumbprint=normal_thumbprint(item.get("thumbprint", "")),
            ca_file=self.existing(f"{key}.ca_file", item.get("ca_file")),
            include=tuple(item.get("include", ())),
            exclude=tuple(item.get("exclude", ())),
            routes=self.routes(f"{key}.routes", item.get("routes"), ssh, host_api),
        )

    def routes(
        self, key: str, given: list[str] | None, ssh: SshSettings | None, host_api: HostApiSettings | None
    ) -> tuple[Route, ...]:
        if given is None:
            return (Route.VCENTER, Route.SSH) if ssh else (Route.VCENTER,)
        routes = tuple(Route(text) for text in given)
        if Route.SSH in routes and ssh is None:
            raise self.wrong(f"{key}: ssh is asked for, but [ssh] is missing or not enabled")
        if Route.HOST_API in routes and host_api is None:
            raise self.wrong(f"{key}: host-api is asked for, but [host-api] is missing")
        return routes

    def ssh(self) -> SshSettings | None:
        item = self.data.get("ssh")
        if item is None or not item.get("enabled", True):
            return None
        user = item.get("user", "root")
        if "password" not in item and "key" not in item:
            raise self.wrong("ssh: needs a password or a key, or enabled = false")
        if "key_passphrase" in item and "key" not in item:
            raise self.wrong("ssh: key_passphrase is given, but no key")
        port = item.get("port", 22)
        return SshSettings(
            known_hosts=self.file(item.get("known_hosts")) or data_folder() / "known_hosts",
            user=user,
            password=self.secret(item.get("password"), f"password of {user} on ESXi hosts"),
            key=self.existing("ssh.key", item.get("key")),
            key_passphrase=self.secret(item.get("key_passphrase"), f"passphrase of {item.get('key')}"),
            port=port,
            addresses=MappingProxyType(
                {
                    host_key(name): self.address(f"ssh.addresses.{name}", text, port)
                    for name, text in item.get("addresses", {}).items()
                }
            ),
        )

    def host_api(self) -> HostApiSettings | None:
        item = self.data.get("host-api")
        if item is None:
            return None
        return HostApiSettings(
            user=item["user"],
            password=self.secret(item["password"], f"password of {item['user']} on the API of ESXi hosts"),
            known_certificates=self.file(item.get("known_certificates")) or data_folder() / "known_certificates",
            port=item.get("port", 443),
            ca_file=self.existing("host-api.ca_file", item.get("ca_file")),
            thumbprints=MappingProxyType(
                {host_key(name): normal_thumbprint(text) for name, text in item.get("thumbprints", {}).items()}
            ),
        )

    def host(self, index: int, item: dict[str, Any], ssh: SshSettings | None) -> HostSettings:
        port = item.get("port", ssh.port if ssh else 22)
        if "address" in item:
            address = self.address(f"host[{index}].address", item["address"], port)
        else:
            listed = ssh.addresses.get(host_key(item["name"])) if ssh else None
            address = listed or Address(item["name"], port)
        return HostSettings(item["name"], address, item.get("cluster", ""))

    def rollback(self, host_api: HostApiSettings | None) -> RollbackSettings:
        item = dict(self.data.get("rollback", {}))
        checks = self.file(item.pop("checks", None))
        if checks is not None and not checks.is_dir():
            raise self.wrong(f"rollback.checks: there is no folder {checks}")
        control = Route(item.pop("control", Route.VCENTER.value))
        if control is Route.HOST_API and host_api is None:
            raise self.wrong("rollback.control: host-api is asked for, but [host-api] is missing")
        changed = {key: self.day(f"rollback.changed.{key}", text) for key, text in item.pop("changed", {}).items()}
        escrow = item.pop("escrow", ())
        given = self.variables("rollback.escrow_environment", item.pop("escrow_environment", ()))
        return RollbackSettings(
            control=control,
            checks=checks,
            escrow=(self.program(escrow[0]), *escrow[1:]) if escrow else (),
            escrow_environment=given,
            changed=MappingProxyType(changed),
            **item,
        )

    def backup(self) -> BackupSettings:
        item = self.data.get("backup", {})
        return BackupSettings(
            folder=self.file(item.get("folder")) or data_folder() / "backup",
            key=self.secret(item.get("key"), "key of the configuration backups"),
            **{key: item[key] for key in ("keep", "days") if key in item},
        )

    def day(self, key: str, text: str) -> datetime:
        try:
            return datetime.fromisoformat(text).replace(tzinfo=UTC)
        except ValueError:
            raise self.wrong(f"{key}: there is no such day: {text!r}") from None

    def server(self, key: str, text: str) -> str:
        """A name or address alone. What stands there is not repeated: a URL can hold a password."""
        host = text.strip()
        if not host.isprintable() or any(char in host for char in " /@[]") or host.count(":") == 1:
            raise self.wrong(
                f"{key}: must be a host name or an IP address alone",
                "leave out https://, brackets, the port and the path; the port is written as port = 443",
            )
        return host

    def address(self, key: str, text: str, port: int) -> Address:
        try:
            return Address.parse(text, port)
        except InputError as error:
            raise self.wrong(f"{key}: {error.what}", error.hint) from None

    def secret(self, item: Any, label: str) -> Any:
        """A ``Secret``, or None for no reference. ``Any`` because a required key's reference is always there."""
        if item is None:
            return None
        return Secret(self.source(item), label)

    def source(self, item: dict[str, Any]) -> Source:
        [(kind, value)] = [(key, value) for key, value in item.items() if key != "environment"]
        match kind:
            case "env":
                self.variables("env", helpers.GIVEN & {value})
                return Env(value)
            case "file":
                return File(self.resolved(value))
            case "command":
                return Command(
                    (self.program(value[0]), *value[1:]), environment=self.variables("environment", item.get("environment", ()))
                )
            case "keyring":
                return Keyring(value["service"], value["user"])
            case _:
                return Prompt()

    def variables(self, key: str, names: Iterable[str]) -> tuple[str, ...]:
        """Environment variables that helpers get. None may be the place of a secret of ours."""
        for name in names:
            if name in self.secret_variables:
                hint = "keep the password in another variable: a helper is given no secret of ours"
                raise self.wrong(f"{key}: {name} is given to a helper, and a secret is kept in it", hint)
        return tuple(names)

    def program(self, name: str) -> str:
        """A helper named with a slash is a path like any other; a bare name is looked up in PATH."""
        return str(self.resolved(name)) if "/" in name else name

    def resolved(self, text: str) -> Path:
        if "\0" in text:
            raise self.wrong(f"no path can hold a NUL character: {text!r}")
        try:
            return self.path.parent / Path(text).expanduser()
        except RuntimeError:
            raise self.wrong(f"there is no such home directory: {text!r}", "write the path in full") from None

    def file(self, text: str | None) -> Path | None:
        return self.resolved(text) if text else None

    def existing(self, key: str, text: str | None) -> Path | None:
        path = self.file(text)
        if path is not None and not path.is_file():
            raise self.wrong(f"{key}: there is no file {path}")
        return path

    def unique(self, key: str, names: Iterable[str]) -> None:
        seen: set[str] = set()
        for name in names:
            if not name.isprintable():
                raise self.wrong(f"{key}: a name must not hold control characters: {name!r}")
            if name in seen:
                raise self.wrong(f"{key}: two are called {name!r}", "names tell them apart in reports and in history")
            seen.add(name)

    def wrong(self, what: str, hint: str = "") -> ConfigError:
        return ConfigError(what, where=str(self.path), hint=hint)


__all__ = ["data_folder", "expanded", "find_config", "load_config", "search_path", "user_config_file"]
