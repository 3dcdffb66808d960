"""Hands a host's recovery key to the command that keeps it (a ``KeyEscrow``).

With the configuration sealed to the TPM, a host whose TPM or policy changed comes up only with this key (KB 81446). It goes
from the host into the helper's standard input. It is not written, logged, shown or kept here; what stays is a fingerprint.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
from collections.abc import Iterable, Sequence

from auditor import helpers
from auditor.domain.observation import Read, Reading, Reason, Unread, host_key
from auditor.domain.readings.answer import Command, failure_of
from auditor.errors import ConfigError
from auditor.esxi.host import SshHostReader
from auditor.ports import HostTarget

COMMAND = Command("recovery-key", "esxcli system settings encryption recovery list", 30)

HELPER_SECONDS = 60.0
_HINT = f'{helpers.MORE} escrow_environment = ["VAULT_ADDR"]'

_IDENTIFIER = re.compile(rb"\{[0-9A-Fa-f]{8}-[0-9A-Fa-f-]{27}\}")
"""The id that stands before each key (field note d: output is {GUID} and key)."""


class HelperEscrow:
    """``command`` is run without a shell, once for each host, with AUDITOR_HOST naming it, and must end with 0 once the key is
    kept. Of our environment it gets what every helper gets, and the variables that ``environment`` names."""

    def __init__(self, reader: SshHostReader, command: Sequence[str], environment: Iterable[str] = ()) -> None:
        if not command:
            raise ConfigError("no helper command that keeps recovery keys", hint="name one, or do without the escrow")
        self._reader, self._command = reader, tuple(command)
        self._environment = tuple(environment)

    def escrow(self, target: HostTarget) -> Reading[str]:
        """The fingerprint: SHA-256 of what the host printed, blanks aside. Raises `ConfigError` only."""
        answers = self._reader.ask(target, (COMMAND,))
        if isinstance(answers, Unread):
            return Unread(answers.reason, answers.detail)
        answer = answers[COMMAND.name]
        failure = failure_of(answer, COMMAND)
        if failure is not None:  # never its raw text: a key may be in it
            return Unread(failure.reason, f"`{COMMAND.text}` gave no key")
        key = b" ".join(answer.data.split())
        if not key:
            return Unread(Reason.ABSENT, "the host has no recovery key")
        if not _IDENTIFIER.search(key):
            unknown = b"Unknown command or namespace" in key
            reason = Reason.NOT_SUPPORTED if unknown else Reason.UNREADABLE
            return Unread(reason, f"`{COMMAND.text}` printed no recovery key in the known form")
        return self._hand_over(target, answer.data, hashlib.sha256(key).hexdigest())

    def _hand_over(self, target: HostTarget, key: bytes, fingerprint: str) -> Reading[str]:
        name = self._command[0]
        environment = helpers.environment(self._environment) | {"AUDITOR_HOST": host_key(target.name)}
        try:
            run = subprocess.run(
                self._command,
                input=key,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,  # it may repeat what it was given
                env=environment,
                timeout=HELPER_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            # Not as a cause: the exception carries the input it was given.
            return Unread(
                Reason.TIMED_OUT, f"{name} did not end within {HELPER_SECONDS:g} s; whether the key is kept is unknown"
            )
        except OSError as error:
            return Unread(Reason.FAILED, f"{name} cannot be started: {error.strerror}")
        if run.returncode:
            return Unread(Reason.FAILED, f"{name} ended with {run.returncode}: the key is not kept; {_HINT}")
        return Read(fingerprint)


__all__ = ["HelperEscrow"]
