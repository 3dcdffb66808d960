"""What a simulated host can do wrong, as data: ``LabHost.faults`` is a dict of these entries.

| key | value | effect |
|---|---|---|
| ``ssh`` | ``refuse`` | nothing listens |
| | ``hang-before-banner`` | the connection is accepted, nothing is said |
| | ``hang-after-auth`` | login works, no channel is ever opened |
| | ``drop-mid-output`` | the connection breaks after ``drop_after`` bytes of output (default 2000) |
| | ``wrong-host-key`` | another host key than the known one is shown |
| | ``bad-password`` | every login is refused |
| ``drop_after`` | bytes | see above |
| ``links`` | ``tmp`` | /bootbank and /altbootbank point into /tmp, as after a lost boot device |
| | ``swapped`` | the two links point at each other's bank |
| ``reboot`` | table | ``seconds``: how long it takes; ``never``: it does not come back; ``old_bank``: the trial boot |
| | | crashes, so that it returns on the old bank; ``unconfirmed``: jumpstart does not confirm the boot |
| ``commands`` | table of tables | keyed by the start of a command, ``esxcli software vib list``; the longest fitting key wins |

A command's table: ``delay`` (seconds before it starts), ``hang`` (never ends), ``exit`` (status), ``output`` (replaces
stdout), ``stderr`` (replaces stderr), ``endless`` (shouts this text for ever), ``damaged_database`` and ``memory_error``
(esxcli software), ``crlf``, ``encoding`` (name of a Python codec to put the output in), ``cut`` (only so many bytes).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SSH_FAULTS = frozenset({"refuse", "hang-before-banner", "hang-after-auth", "drop-mid-output", "wrong-host-key", "bad-password"})
_TOP = frozenset({"ssh", "drop_after", "links", "reboot", "commands"})
_REBOOT = frozenset({"seconds", "never", "old_bank", "unconfirmed"})


@dataclass(frozen=True)
class CommandFault:
    """How one command misbehaves; the defaults are a healthy command."""

    delay: float = 0.0
    hang: bool = False
    exit: int | None = None
    output: str | None = None
    stderr: str | None = None
    endless: str | None = None
    damaged_database: bool = False
    memory_error: bool = False
    crlf: bool = False
    encoding: str | None = None
    cut: int | None = None

    def reshape(self, output: bytes) -> bytes:
        """The command's own output as this fault lets it out."""
        if self.output is not None:
            output = self.output.encode()
        if self.crlf:
            output = output.replace(b"\n", b"\r\n")
        if self.encoding is not None:
            output = output.decode("utf-8", "replace").encode(self.encoding, "replace")
        return output if self.cut is None else output[: self.cut]


def command_fault(faults: Mapping[str, Any], argv: Sequence[str]) -> CommandFault | None:
    """The fault for a command, by the longest key whose words the command starts with."""
    best: tuple[int, Mapping[str, Any]] | None = None
    for key, table in faults.get("commands", {}).items():
        words = key.split()
        if list(argv[: len(words)]) == words and (best is None or len(words) > best[0]):
            best = len(words), table
    return None if best is None else CommandFault(**best[1])


def check_faults(faults: Mapping[str, Any]) -> None:
    """Raise `ValueError`, naming what is allowed, for a fault the lab does not know."""
    _known("fault", set(faults), _TOP)
    if "ssh" in faults:
        _known("ssh fault", {faults["ssh"]}, SSH_FAULTS)
    if "links" in faults:
        _known("links fault", {faults["links"]}, frozenset({"tmp", "swapped"}))
    _known("reboot fault", set(faults.get("reboot", {})), _REBOOT)
    for table in faults.get("commands", {}).values():
        _known("command fault", set(table), frozenset(CommandFault.__dataclass_fields__))


def _known(what: str, given: set[str], allowed: frozenset[str]) -> None:
    unknown = given - allowed
    if unknown:
        raise ValueError(f"unknown {what} {', '.join(sorted(unknown))}; there are: {', '.join(sorted(allowed))}")
