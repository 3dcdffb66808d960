"""Reads an ESXi host over SSH: one connection, one script, all readings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from auditor.domain.observation import HostObservation, Reason, Route, Unread, host_key, raw_start
from auditor.domain.readings import own_settings
from auditor.domain.readings.answer import Answer, Command
from auditor.domain.readings.bank_details import BANK_COMMANDS, observe_banks
from auditor.domain.readings.registry import COMMANDS, READINGS
from auditor.domain.rollback.bank import BankObservation
from auditor.domain.settings.values import HostSettings
from auditor.errors import AuditorError, ConfigError
from auditor.esxi import known_hosts, script
from auditor.esxi.settings import SshSettings
from auditor.esxi.ssh.client import SshClient
from auditor.esxi.ssh.command import Output
from auditor.esxi.ssh.link import reason_of
from auditor.ports import Clock, HostTarget


class SshHostReader:
    """The `ssh` route (a ``HostReader`` and a ``BankReader``). May be used by many threads at once.

    ``password`` and ``passphrase`` (of the key) return the secret; each is called at most once, when first needed. One
    login attempt with the password is made per host and call, since wrong ones lock the account. ``told`` is given what each
    host that is read says of its settings; without it they are not asked for. Raises `ConfigError` when made without a usable
    way to log in.
    """

    def __init__(
        self,
        settings: SshSettings,
        password: Callable[[], str] | None,
        clock: Clock,
        passphrase: Callable[[], str] | None = None,
        told: Callable[[HostSettings], None] | None = None,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._client = SshClient(settings, known_hosts.load(settings.known_hosts), password, passphrase)
        # One for all hosts: it need only be unknown before the run, and a host sees it in its own script anyway.
        self._nonce = script.new_nonce()
        self._told = told
        self._commands = self._limited((*COMMANDS, *own_settings.COMMANDS) if told is not None else COMMANDS)
        self._bank_commands = self._limited(BANK_COMMANDS)

    def _limited(self, commands: Iterable[Command]) -> tuple[Command, ...]:
        limit = max(1, int(self._settings.command_timeout))
        return tuple(replace(command, seconds=min(command.seconds, limit)) for command in commands)

    @property
    def client(self) -> SshClient:
        """The connections this reader makes, for others that need the same login."""
        return self._client

    @property
    def route(self) -> Route:
        """Always ``Route.SSH``."""
        return Route.SSH

    def read(self, target: HostTarget) -> HostObservation:
        """What the host says. Its faults are in the observation; only `ConfigError` (no password to be had) is raised."""
        seen = HostObservation(host_key(target.name), Route.SSH, self._clock.now(), target.vcenter)
        answers = self.ask(target, self._commands)
        if self._told is not None and not isinstance(answers, Unread):
            self._told(HostSettings(seen.host, seen.vcenter, seen.at, own_settings.groups(answers)))
        return replace(seen, trouble=answers) if isinstance(answers, Unread) else observe(seen, answers)

    def read_banks(self, target: HostTarget) -> BankObservation:
        """What there is to know of the host's boot banks (a ``BankReader``). Faults and `ConfigError` as with `read`."""
        seen = BankObservation(host_key(target.name), self._clock.now(), target.vcenter)
        answers = self.ask(target, self._bank_commands)
        return replace(seen, trouble=answers) if isinstance(answers, Unread) else observe_banks(seen, answers)

    def ask(self, target: HostTarget, commands: tuple[Command, ...]) -> Mapping[str, Answer] | Unread:
        """The answers by the commands' names, or why the host gave none. Raises `ConfigError` only."""
        nonce = self._nonce
        text = script.render(nonce, commands)
        try:
            output = self._client.execute(target.address, target.port, text, lambda tail: script.finished(nonce, tail))
        except ConfigError:
            raise
        except AuditorError as error:
            return _unread(error, target)
        if f"\n{nonce} begin ".encode() not in output.stdout:
            return _not_run(output, target)
        found = script.parse(nonce, output.stdout, output.stderr, commands, stopped=output.stopped)
        return {**found, own_settings.HOST_KEY.name: Answer(f"{output.host_key}\n".encode())}


def observe(seen: HostObservation, answers: Mapping[str, Answer]) -> HostObservation:
    """``seen`` with every reading taken from the answers, which are keyed by the commands' names.

    Nothing printed is how some commands say "none". It says nothing on a host on which their siblings, which always have
    something to print, stay silent as well.
    """
    answers = _silence_not_believed(answers)
    return replace(seen, **{reading.key: reading.parse(answers) for reading in READINGS})


def _silence_not_believed(answers: Mapping[str, Answer]) -> Mapping[str, Answer]:
    found = dict(answers)
    for command, sibling in (pair for reading in READINGS for pair in reading.never_silent):
        if _silent(answers[command.name]) and _silent(answers[sibling.name]):
            why = f"`{command.text}` printed nothing, and neither did `{sibling.text}`, which always has something to print"
            found[command.name] = replace(answers[command.name], fault=Unread(Reason.UNREADABLE, why))
    return found


def _silent(answer: Answer) -> bool:
    """Succeeded without a word."""
    return answer.fault is None and answer.status == 0 and not answer.data.strip()


def _unread(error: AuditorError, target: HostTarget) -> Unread:
    detail = error.what
    if error.tried:
        detail += f" (tried: {error.tried})"
    if error.hint:
        # The connection knows addresses only; people, and the command named here, know the host by its name.
        detail += "; next: " + error.hint.replace(f"hosts trust {target.address}", f"hosts trust {target.name}")
    return Unread(reason_of(error), detail)


def _not_run(output: Output, target: HostTarget) -> Unread:
    """The login worked and the script did not start: say what came instead."""
    raw = raw_start(output.stdout + output.stderr)
    if output.stopped is not None and output.stopped.reason is not Reason.CUT_OFF:
        return replace(output.stopped, raw=raw)
    words = " ".join(raw.split())[:200]
    detail = f"the host's shell did not run the script: {words or 'it printed nothing'}"
    return Unread(Reason.FAILED, f"{detail}; next: try `ssh {target.address} vmware -vl`", raw)
