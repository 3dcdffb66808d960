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
| ``bank`` | ``read-only`` | both bank volumes take no write: "Read-only file system" |
| | ``full`` | nothing can be added to them: "No space left on device"; writing within a file works |
| ``reboot`` | table | ``seconds``: how long it takes; ``never``: it does not come back; ``ignored``: the order is taken and |
| | | nothing happens; ``old_bank``: what was to start crashes, or was never on the disk, and the host returns on the old |
| | | bank; ``unconfirmed``: jumpstart does not confirm the boot; ``confirm_seconds``: it does so late; ``host_key``: another |
| | | SSH key is shown; ``old_password``: root's password is another one; ``forget_vcenter``: vCenter's login is refused |
| ``tasks`` | table of tables | what vCenter's tasks on the host do, keyed by ``enter``, ``exit``, ``reboot``: ``seconds`` |
| | | (how long), ``stuck`` (never ends), ``error`` (fails at its end, with this text) |
| ``commands`` | table of tables | keyed by the start of a command, ``esxcli software vib list``; the longest fitting key wins |

A command's table: ``delay`` (seconds before it starts), ``hang`` (never ends), ``drop`` (``before`` or ``after``: the
connection breaks before or after it is carried out), ``exit`` (status), ``output`` (replaces stdout), ``stderr`` (replaces
stderr), ``endless`` (shouts this text for ever), ``damaged_database`` and ``memory_error`` (esxcli software), ``crlf``,
``encoding`` (name of a Python codec to put the output in), ``cut`` (only so many bytes), ``skip`` (so many runs go well first),
``times`` (only so many runs are hit after those).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

SSH_FAULTS = frozenset({"refuse", "hang-before-banner", "hang-after-auth", "drop-mid-output", "wrong-host-key", "bad-password"})
_TOP = frozenset({"ssh", "drop_after", "links", "bank", "reboot", "tasks", "commands"})
_REBOOT = frozenset(
    {
        "seconds", "never", "ignored", "old_bank", "unconfirmed", "confirm_seconds", "host_key", "old_password",
        "forget_vcenter",
    }
)  # fmt: skip
_TASKS = frozenset({"enter", "exit", "reboot"})
_TASK = frozenset({"seconds", "stuck", "error"})


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
    drop: str | None = None
    skip: int = 0
    times: int | None = None

    def reshape(self, output: bytes) -> bytes:
        """The command's own output as this fault lets it out."""
        if self.output is not None:
            output = self.output.encode()
        if self.crlf:
            output = output.replace(b"\n", b"\r\n")
        if self.encoding is not None:
            output = output.decode("utf-8", "replace").encode(self.encoding, "replace")
        return output if self.cut is None else output[: self.cut]


def command_fault(faults: Mapping[str, Any], argv: Sequence[str], uses: dict[str, int] | None = None) -> CommandFault | None:
    """The fault for a command, by the longest key whose words the command starts with; a key like ``dd of=*/boot.cfg`` matches
    word by word. ``uses`` counts the runs of each key, for ``skip`` and ``times``."""
    best: tuple[int, str, Mapping[str, Any]] | None = None
    for key, table in faults.get("commands", {}).items():
        words = key.split()
        fits = len(argv) >= len(words) and all(map(fnmatchcase, argv, words))
        if fits and (best is None or len(words) > best[0]):
            best = len(words), key, table
    if best is None:
        return None
    fault, key = CommandFault(**best[2]), best[1]
    if uses is not None and (fault.skip or fault.times is not None):
        run = uses[key] = uses.get(key, 0) + 1
        if run <= fault.skip or (fault.times is not None and run > fault.skip + fault.times):
            return None
    return fault


def check_faults(faults: Mapping[str, Any]) -> None:
    """Raise `ValueError`, naming what is allowed, for a fault the lab does not know."""
    _known("fault", set(faults), _TOP)
    if "ssh" in faults:
        _known("ssh fault", {faults["ssh"]}, SSH_FAULTS)
    if "links" in faults:
        _known("links fault", {faults["links"]}, frozenset({"tmp", "swapped"}))
    if "bank" in faults:
        _known("bank fault", {faults["bank"]}, frozenset({"read-only", "full"}))
    _known("reboot fault", set(faults.get("reboot", {})), _REBOOT)
    _known("task", set(faults.get("tasks", {})), _TASKS)
    for table in faults.get("tasks", {}).values():
        _known("task fault", set(table), _TASK)
    for table in faults.get("commands", {}).values():
        _known("command fault", set(table), frozenset(CommandFault.__dataclass_fields__))
        if "drop" in table:
            _known("moment to drop", {table["drop"]}, frozenset({"before", "after"}))


def _known(what: str, given: set[str], allowed: frozenset[str]) -> None:
    unknown = given - allowed
    if unknown:
        raise ValueError(f"unknown {what} {', '.join(sorted(unknown))}; there are: {', '.join(sorted(allowed))}")
