"""The one script a host is read with, and the reader of what it sends back.

All readings of a host travel over one connection in one exec. Each command runs by itself: with its own time limit, its
own output limits, and its own frame, so that one that fails, hangs or shouts costs only its own reading.

What the script needs of a host: a POSIX shell (ESXi's is busybox ash) and ``head``, ``sed``, ``sleep``. ``setsid`` is used
where it exists, to end a hanging command together with its children. No file is written, so a full ramdisk is no trouble
and nothing can be left behind; no standard input is read; no ``timeout``, ``base64`` or ``mktemp`` is asked for, none of
which is known to be on every ESXi (field note, f). When the connection dies, the next write ends the script, and a command
that hangs at that moment is ended by its own time limit.

Shell constructs used, for whoever has to interpret the script: functions with positional parameters, ``shift``,
assignment, ``case``, ``while``, ``[``, ``&&``/``||``, pipelines, ``{ }`` groups, background ``&`` with ``$!``, ``wait``,
``kill``, ``$?``, ``$(( ))``, ``$( )``, redirection to numbered descriptors, ``exit``, ``export``, ``type``.

A guard beside each command counts its seconds. It is ended with SIGKILL and sleeps one second at a time, so at most one
``sleep 1`` outlives the script. No traps: a signal that reaches a shell between fork and exec can be lost, and then a
command that was done at once would be waited for until its time limit (seen with dash and with busybox ash).

Standard output carries, per command::

    <nonce> begin NAME
    the command's standard output, byte for byte
    <nonce> exit NAME STATUS        STATUS is a number, or "late" when the time limit ended the command
    <nonce> end NAME

and at the end ``<nonce> done``. Every mark is a line of its own and is preceded by one line end that does not belong to the
output. The exit line is missing when the output passed its limit or nothing could end the command. Standard error carries
the commands' standard error, each line as ``<nonce> err NAME TEXT``. The nonce is drawn anew for every run of the tool, so
nothing that was put on a host before the run can contain a mark, by accident or on purpose. It may be the same for all hosts
of a run: each host learns it from its own script, and what it sends back counts for that host alone.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping
from functools import lru_cache

from auditor.domain.observation import Reason, Unread
from auditor.domain.readings.answer import Answer, Command
from auditor.domain.readings.registry import COMMANDS

OUTPUT_LIMIT = 2 * 1024 * 1024
"""Bytes of standard output let through per command. The longest real output known, a VIB list, has 20 KB."""

ERROR_LIMIT = 8 * 1024
"""Bytes of standard error let through per command."""

GRACE = 5
"""Seconds after a command's time limit until its frame is closed even if the command could not be ended."""

_SCRIPT = r"""
exec </dev/null
LC_ALL=C
PATH="${PATH:+$PATH:}/bin:/sbin:/usr/bin:/usr/sbin"
export LC_ALL PATH
m=@NONCE@
nl='
'
s=
type setsid >/dev/null 2>&1 && s=setsid
o='head -c @OUTPUT@'
e='head -c @ERROR@'
case "$(echo abc | head -c 2 2>/dev/null)" in
ab) ;;
*) o=cat; e=cat ;;
esac
guard() {
  i=0
  while [ "$i" -lt "$1" ]; do
    sleep 1
    i=$((i + 1))
  done
  kill -9 "-$2" || kill -9 "$2"
  exit 9
}
body() {
  $s "$@" &
  c=$!
  guard "$t" "$c" >/dev/null 2>&1 &
  w=$!
  wait "$c" 2>/dev/null
  r=$?
  kill -9 "$w" 2>/dev/null
  wait "$w" 2>/dev/null
  case $? in 9) r=late ;; esac
  echo "$nl$m exit $n $r"
}
run() {
  n=$1
  t=$2
  shift 2
  echo "$nl$m begin $n" || exit 1
  { body "$@" 2>&1 >&3 3>&- | $e | sed "s/^/$m err $n /" >&2 3>&-; } 3>&1 | $o &
  h=$!
  guard $((t + @GRACE@)) "$h" >/dev/null 2>&1 &
  w=$!
  wait "$h" 2>/dev/null
  kill -9 "$w" 2>/dev/null
  wait "$w" 2>/dev/null
  echo "$nl$m end $n" || exit 1
}
"""


def new_nonce() -> str:
    """A word no command can guess: 32 hexadecimal digits."""
    return secrets.token_hex(16)


def render(
    nonce: str,
    commands: Iterable[Command] = COMMANDS,
    *,
    output_limit: int = OUTPUT_LIMIT,
    error_limit: int = ERROR_LIMIT,
    grace: int = GRACE,
) -> str:
    """The script's text, to be given to the host's shell as one command.

    ``commands`` are trusted text of ours: they are put into the script as they are. Limits are bytes, ``grace`` seconds.
    """
    head = _SCRIPT.lstrip("\n")
    for name, value in (("NONCE", nonce), ("OUTPUT", output_limit), ("ERROR", error_limit), ("GRACE", grace)):
        head = head.replace(f"@{name}@", str(value))
    runs = "".join(f"run {command.name} {command.seconds} {command.text}\n" for command in commands)
    return f'{head}{runs}echo "$nl$m done"\n'


def finished(nonce: str, tail: bytes) -> bool:
    """Whether the last bytes received hold the script's final mark: nothing of interest can follow."""
    return f"\n{nonce} done\n".encode() in tail


def parse(
    nonce: str,
    output: bytes,
    errors: bytes = b"",
    commands: Iterable[Command] = COMMANDS,
    *,
    output_limit: int = OUTPUT_LIMIT,
    stopped: Unread | None = None,
) -> Mapping[str, Answer]:
    """What each command answered, by its name; every command of ``commands`` has an entry.

    ``output`` and ``errors`` are what the script wrote, as far as they came. ``stopped`` says why they stopped when
    that is known (a deadline, a broken connection); it becomes the reason of the commands whose frame is not closed.
    """
    told = _errors(nonce, errors)
    cut = stopped or Unread(Reason.CUT_OFF, "the host's answer stopped before this command's end")
    if stopped is None and re.search(rf"\n{nonce} begin \S+\r\n".encode(), output):
        # As behind a terminal that adds carriage returns: no output would be what the command wrote, least of all boot.cfg.
        cut = Unread(Reason.UNREADABLE, "the line ends of the host's answer were changed on the way to CR LF")
    return {
        command.name: _answer(nonce, command, output, told.get(command.name, ""), output_limit, cut) for command in commands
    }


def _answer(nonce: str, command: Command, output: bytes, told: str, limit: int, cut: Unread) -> Answer:
    begin = f"\n{nonce} begin {command.name}\n".encode()
    start = output.find(begin)
    if start < 0:
        return Answer(b"", None, told, cut)
    start += len(begin)
    end = output.find(f"\n{nonce} end {command.name}\n".encode(), start)
    frame = output[start : end if end >= 0 else len(output)]
    mark = _exit_mark(nonce, command.name).search(frame)
    # 137 is SIGKILL: most likely our own time limit, whose guard was ended before it could say so; else the host's own.
    if mark is not None and mark.group(1) in {b"late", b"137"}:
        return Answer(frame[: mark.start()], None, told, _late(command))
    if mark is not None:
        return Answer(frame[: mark.start()], int(mark.group(1)), told)
    if end < 0:
        return Answer(frame, None, told, cut)
    if len(frame) >= limit:
        detail = f"`{command.text}` printed more than {limit} bytes; the rest was not read"
        return Answer(frame, None, told, Unread(Reason.TOO_LARGE, detail))
    return Answer(frame, None, told, _late(command))


@lru_cache(maxsize=128)
def _exit_mark(nonce: str, name: str) -> re.Pattern[bytes]:
    """The exit line of a command. Without its line end the mark may itself have been cut, and with it the status."""
    return re.compile(rf"\n{nonce} exit {re.escape(name)} ([0-9]{{1,5}}|late)\n".encode())


def _late(command: Command) -> Unread:
    detail = f"`{command.text}` was not done after {command.seconds} s and was ended, or the host killed it"
    return Unread(Reason.TIMED_OUT, detail)


def _errors(nonce: str, errors: bytes) -> Mapping[str, str]:
    """Standard error by command. Lines without our mark (a login banner, the shell itself) belong to no command."""
    found: dict[str, list[str]] = {}
    for piece in errors.decode("utf-8", "replace").split(f"{nonce} err ")[1:]:
        name, _, text = piece.partition(" ")
        found.setdefault(name, []).append(text.split("\n", 1)[0])
    return {name: "\n".join(lines).strip() for name, lines in found.items()}
