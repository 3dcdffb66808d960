"""Secrets: named in the configuration by where they are, resolved when needed, never shown.

A `Secret` is read from its source on the first ``reveal`` and kept in memory after that. Its text form is a mask, it cannot be
pickled or copied, and two secrets are equal only when they are the same object, so no comparison tells anything about the text.
A revealed one is masked wherever it comes back (``auditor.masking``).
"""

from __future__ import annotations

import getpass
import logging
import os
import selectors
import stat
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NoReturn, Protocol, cast

from auditor import helpers, installed
from auditor.domain.changed_copy import Change, change_of
from auditor.errors import ConfigError
from auditor.masking import MASK, SHORTEST, remember

MAX_LENGTH = 4096
"""Longest secret accepted, in bytes. A longer one is a wrong file or a talkative helper."""

HELPER_TIMEOUT = 60.0
"""Seconds a helper command may take; long enough for a person to unlock a password manager."""

_log = logging.getLogger(__name__)
_HELPER_HINT = helpers.MORE + ' { command = ["helper"], environment = ["VAULT_ADDR"] }'
_HELPER_OUTPUT = 65_536  # bytes; what is more is no helper's answer


class Source(Protocol):
    """Where a secret is kept. ``describe`` may be shown; ``fetch`` returns the text or raises ``ConfigError``."""

    def describe(self) -> str: ...

    def fetch(self, label: str) -> str: ...


class Secret:
    """A secret text. ``label`` says what it is for ("password of vCenter vc01"); it may be shown, the text may not."""

    __slots__ = ("_lock", "_source", "_text", "label")

    def __init__(self, source: Source, label: str) -> None:
        self._source = source
        self._text: str | None = None
        self._lock = threading.Lock()
        self.label = label

    def reveal(self) -> str:
        """The text. The source is asked once, whatever the number of threads. Raises ``ConfigError``, naming the source."""
        with self._lock:
            if self._text is None:
                text = self._source.fetch(self.label)
                if not text:
                    raise ConfigError(
                        f"the {self.label} is empty",
                        where=self._source.describe(),
                        hint="store the secret there, or name another place",
                    )
                if len(text.encode(errors="surrogatepass")) > MAX_LENGTH:
                    raise ConfigError(f"the {self.label} is longer than {MAX_LENGTH} bytes", where=self._source.describe())
                if not remember(text):
                    _log.warning("the %s is too short to be masked, take one of %d characters or more", self.label, SHORTEST)
                self._text = text
            return self._text

    def heed(self) -> None:
        """Mask the text from now on, where it can be had without asking a person or a program: a peer may say it again though
        this run does not need it."""
        if isinstance(self._source, (Env, File)):
            with suppress(ConfigError):
                remember(self._source.fetch(self.label))

    @property
    def source(self) -> str:
        """Where the text comes from, in words."""
        return self._source.describe()

    def __repr__(self) -> str:
        return f"<Secret {MASK}>"

    def __str__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return MASK

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a secret is not copied or stored")


@dataclass(frozen=True, slots=True)
class Env:
    """An environment variable."""

    name: str

    def describe(self) -> str:
        return f"environment variable {self.name}"

    def fetch(self, label: str) -> str:
        try:
            return os.environ[self.name]
        except KeyError:
            raise ConfigError(
                f"the {label} is not there",
                where=self.describe(),
                hint=f"export {self.name}, or name another source in the configuration",
            ) from None


@dataclass(frozen=True, slots=True)
class File:
    """The first line of a file that only its owner can read."""

    path: Path

    def describe(self) -> str:
        return f"file {self.path}"

    def fetch(self, label: str) -> str:
        try:
            with self.path.open("rb") as file:
                facts = os.fstat(file.fileno())
                self._check(facts, label)
                data = file.read(MAX_LENGTH + 2)
        except OSError as error:
            raise ConfigError(f"the {label} cannot be read: {error.strerror}", where=self.describe()) from error
        return _first_line(data, label, self.describe())

    def _check(self, facts: os.stat_result, label: str) -> None:
        if not stat.S_ISREG(facts.st_mode):
            raise ConfigError(f"the {label} is not in a regular file", where=self.describe())
        if facts.st_mode & 0o077:
            raise ConfigError(
                f"other users may read the {label} (mode {stat.S_IMODE(facts.st_mode):04o})",
                where=self.describe(),
                hint=f"chmod 600 '{self.path}', and change the password if others had access to this machine",
            )
        if facts.st_uid not in {os.geteuid(), 0}:
            raise ConfigError(f"the file with the {label} belongs to another user (uid {facts.st_uid})", where=self.describe())


@dataclass(frozen=True, slots=True)
class Command:
    """The first line a helper command prints. It is run without a shell; its stderr goes to ours, its terminal is ours. Of our
    environment it gets what every helper gets, and the variables that ``environment`` names."""

    argv: tuple[str, ...]
    timeout: float = HELPER_TIMEOUT
    environment: tuple[str, ...] = ()

    def describe(self) -> str:
        # Arguments are left out: people put things there that they should not.
        return f"helper command {self.argv[0]}"

    def fetch(self, label: str) -> str:
        try:
            status, printed = self._run()
        except subprocess.TimeoutExpired:
            raise ConfigError(
                f"no {label} within {self.timeout:.0f} s",
                where=self.describe(),
                hint="run the helper by hand: does it wait for input?",
            ) from None
        except OSError as error:
            raise ConfigError(f"cannot be run for the {label}: {error.strerror}", where=self.describe()) from error
        if len(printed) > _HELPER_OUTPUT:
            raise ConfigError(
                f"prints more than {_HELPER_OUTPUT} bytes; a helper prints the {label} on its first line and ends",
                where=self.describe(),
                hint="run the helper by hand as the same user",
            )
        if status != 0:
            raise ConfigError(
                f"ended with status {status} instead of giving the {label}", where=self.describe(), hint=_HELPER_HINT
            )
        line = _first_line(printed, label, self.describe())
        if not line:
            raise ConfigError(f"the {label} is empty", where=self.describe(), hint=_HELPER_HINT)
        return line

    def _run(self) -> tuple[int, bytes]:
        """Its status and what it printed, at most a little more than the limit: a helper that prints for ever must not
        take the machine's memory. Raises ``subprocess.TimeoutExpired``."""
        end = time.monotonic() + self.timeout
        with subprocess.Popen(self.argv, stdout=subprocess.PIPE, env=helpers.environment(self.environment)) as process:
            try:
                printed = self._printed(cast("IO[bytes]", process.stdout).fileno(), end)
                if len(printed) > _HELPER_OUTPUT:
                    process.kill()
                return process.wait(max(0.1, end - time.monotonic())), printed
            except BaseException:
                process.kill()
                raise

    def _printed(self, pipe: int, end: float) -> bytes:
        printed = b""
        with selectors.DefaultSelector() as ready:
            ready.register(pipe, selectors.EVENT_READ)
            while len(printed) <= _HELPER_OUTPUT and ready.select(max(0.0, end - time.monotonic())):
                if not (more := os.read(pipe, 65_536)):
                    return printed
                printed += more
        if len(printed) > _HELPER_OUTPUT:
            return printed
        raise subprocess.TimeoutExpired(self.argv[0], self.timeout)


@dataclass(frozen=True, slots=True)
class Keyring:
    """An entry of the operating system's keyring."""

    service: str
    user: str

    def describe(self) -> str:
        return f"keyring entry {self.service}/{self.user}"

    def fetch(self, label: str) -> str:
        try:
            import keyring
            import keyring.errors
        except ImportError as error:
            raise ConfigError(
                f"the {label} is in the keyring, but the keyring support is not installed",
                where=self.describe(),
                hint=installed.advice("keyring"),
            ) from error
        try:
            text = keyring.get_password(self.service, self.user)
        except keyring.errors.KeyringError as error:
            raise ConfigError(
                f"the keyring did not give the {label} ({type(error).__name__})", where=self.describe()
            ) from error
        if text is None:
            raise ConfigError(
                f"the {label} is not there", where=self.describe(), hint=f"keyring set '{self.service}' '{self.user}'"
            )
        return str(text)


@dataclass(frozen=True, slots=True)
class Prompt:
    """Asked on the terminal, never on stdin: stdin may be a pipe."""

    def describe(self) -> str:
        return "prompt on the terminal"

    def fetch(self, label: str) -> str:
        try:
            os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
        except OSError as error:
            raise ConfigError(
                f"there is no terminal to ask for the {label} on",
                where=self.describe(),
                hint="use env, file, command or keyring in the configuration for runs without a terminal",
            ) from error
        return getpass.getpass(f"{label[:1].upper()}{label[1:]}: ")


@dataclass(frozen=True, slots=True, repr=False)
class Known:
    """A text the program has already, such as a simulated vCenter's made-up password."""

    text: Callable[[], str]

    def describe(self) -> str:
        return "given by the program"

    def fetch(self, label: str) -> str:
        return self.text()


def known(text: str, label: str = "password") -> Secret:
    """A secret whose text is at hand."""
    return Secret(Known(lambda: text), label)


def _first_line(data: bytes, label: str, where: str) -> str:
    if change_of(data) is Change.UTF_16:
        hint = "save it as UTF-8; a password in another form would be a wrong one, and wrong ones lock the account"
        raise ConfigError(f"the {label} is not UTF-8: it {Change.UTF_16.value}", where=where, hint=hint)
    line = data.split(b"\n", 1)[0].removesuffix(b"\r")
    try:
        return line.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError(f"the {label} is not UTF-8 text", where=where) from None


__all__ = ["MASK", "Command", "Env", "File", "Keyring", "Prompt", "Secret", "Source", "known"]
