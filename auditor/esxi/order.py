"""The scripts that change something on a host, and the readers of what they answer. Nothing here connects.

Each order is one shell text, run in one exec. It announces itself, looks, acts at most once, and says what came of it. Just
before it acts it says so and waits to be told to go on. When nobody is there any more (the connection broke, we were killed or
gave up waiting) it is never told, and ends with the connection: nothing is done behind anybody's back, however late the host
gets that far.

Answers are lines of their own, each after one line end that does not belong to what came before::

    <nonce> begin
    <nonce> ready                 now "<nonce> go" is expected as a line of standard input; what follows acts
    <nonce> OUTCOME words
    <nonce> file                  then a file, byte for byte
    <nonce> end

The nonce is new for every order. What a host needs: a POSIX shell (ESXi's is busybox ash) and the programs in `TOOLS`, whose
being there is asked first.
"""

from __future__ import annotations

import re
import secrets
import shlex
from dataclasses import dataclass

from auditor.domain.rollback.bank import BOOTBANK
from auditor.domain.rollback.canonical import sha256
from auditor.domain.rollback.control import BootCfgChange, BootCfgWrite, WriteOutcome

COPY = "bootcfg.aud"
"""The file in the bank that keeps boot.cfg as it was; an 8.3 name, as FAT wants it."""

TOOLS = ("cat", "cp", "dd", "printf", "readlink", "rm", "sha256sum", "sync")

_HEAD = r"""
exec 3<&0 </dev/null
set -f
LC_ALL=C
PATH="${PATH:+$PATH:}/bin:/sbin:/usr/bin:/usr/sbin"
export LC_ALL PATH
m=@NONCE@
nl='
'
say() { echo "$nl$m $*"; }
agree() {
  say ready || exit 1
  read -r go <&3 || exit 1
  case $go in "$m go") ;; *) exit 1 ;; esac
  exec 3<&-
}
say begin || exit 1
"""

_BYTE = r"""
d=@VOLUME@
f=$d/boot.cfg
k=$d/@COPY@
finish() {
  say file
  cat "$f"
  say end
  exit 0
}
sum() {
  set -- $(sha256sum "$1" 2>/dev/null)
  echo "$1"
}
put() { printf %s @BYTE@ | dd of="$1" bs=1 seek=@OFFSET@ count=1 conv=notrunc 2>&1; }
for t in @TOOLS@; do
  type "$t" >/dev/null 2>&1 || { say tools-missing "$t"; finish; }
done
l=$(readlink -f @LINK@)
case $l in
"$d") ;;
*) say link-moved "$l"; finish ;;
esac
h=$(sum "$f")
@OTHER@
case $h in
@WANTED@) say already; @AFTERWARDS@; finish ;;
@EXPECTED@) ;;
*) say boot-cfg-changed "$h"; finish ;;
esac
@REHEARSE@
agree
e=$(put "$f")
sync
h=$(sum "$f")
case $h in
@WANTED@) say written; @AFTERWARDS@ ;;
@EXPECTED@) say write-failed $e ;;
*) say damaged "$h" $e ;;
esac
finish
"""

_OTHER = r"""
o=$(sum @OTHER_FILE@)
case $o in
@OTHER_SUM@) ;;
*) say other-bank-changed "$o"; finish ;;
esac
"""

# The copy shows whether the bank takes a write at all, and the change is tried on it before it is done to the file itself.
# ESXi writes into this bank every hour as well (auto-backup.sh), so a small file more is nothing new to it.
_REHEARSE = r"""
no() {
  rm -f "$k" 2>/dev/null
  sync
  say "$@"
  finish
}
e=$(cp "$f" "$k" 2>&1)
case $(sum "$k") in
@EXPECTED@) ;;
*)
  case $e in
  *[Rr]ead-only*) no read-only $e ;;
  *'No space'*) no full $e ;;
  *) no not-writable $e ;;
  esac
  ;;
esac
e=$(put "$k")
case $(sum "$k") in
@WANTED@) ;;
*) no rehearsal-failed $e ;;
esac
e=$(cp "$f" "$k" 2>&1)
case $(sum "$k") in
@EXPECTED@) ;;
*) no not-writable $e ;;
esac
sync
# All that took its time, on a slow boot device many seconds, in which somebody may have staged an update.
h=$(sum "$f")
case $h in
@EXPECTED@) ;;
*) no boot-cfg-changed "$h" ;;
esac
o=$(sum @OTHER_FILE@)
case $o in
@OTHER_SUM@) ;;
*) no other-bank-changed "$o" ;;
esac
"""


@dataclass(frozen=True, slots=True)
class Order:
    """A script for one host, and the word its answer is known by."""

    nonce: str
    text: str

    @property
    def go(self) -> bytes:
        """What the host is told when it is ready."""
        return f"{self.nonce} go\n".encode()

    def ready(self, tail: bytes) -> bool:
        """Whether the end of the output asks for it."""
        return tail.endswith(f"\n{self.nonce} ready\n".encode())

    def finished(self, tail: bytes) -> bool:
        """Whether the end of the output holds the last mark."""
        return f"\n{self.nonce} end\n".encode() in tail

    def marks(self, output: bytes) -> tuple[tuple[str, str], ...]:
        """Every mark that came whole, as (word, the rest of its line)."""
        pattern = re.compile(rb"\n" + self.nonce.encode() + rb" ([a-z-]+)([^\n]*)\n")
        return tuple((word.decode(), rest.decode("utf-8", "replace").strip()) for word, rest in pattern.findall(output))

    def payload(self, output: bytes) -> bytes | None:
        """The file in the answer; None when it did not come whole."""
        begin = f"\n{self.nonce} file\n".encode()
        start = output.find(begin)
        stop = output.find(f"\n{self.nonce} ".encode(), start + len(begin)) if start >= 0 else -1
        return output[start + len(begin) : stop] if stop >= 0 else None


def arm(change: BootCfgChange, *, link: str = BOOTBANK) -> Order:
    """Write the byte, if both files are as the change says. ``link`` is what points at the booted bank."""
    return _byte(
        change,
        wanted=change.after,
        expected=change.before,
        byte=change.edit.after,
        other=_OTHER,
        rehearse=_REHEARSE,
        afterwards=":",
        link=link,
    )


def disarm(change: BootCfgChange, *, link: str = BOOTBANK) -> Order:
    """Put the byte back. No copy is made, so that a full bank is no obstacle; the one from arming goes away."""
    return _byte(
        change,
        wanted=change.before,
        expected=change.after,
        byte=change.edit.before,
        other="",
        rehearse="",
        afterwards='rm -f "$k"; sync',
        link=link,
    )


def _byte(
    change: BootCfgChange, *, wanted: bytes, expected: bytes, byte: str, other: str, rehearse: str, afterwards: str, link: str
) -> Order:
    nonce = secrets.token_hex(16)
    values = {
        "OTHER": other.strip("\n"),
        "REHEARSE": rehearse.strip("\n"),
        "AFTERWARDS": afterwards,
        "NONCE": nonce,
        "VOLUME": shlex.quote(change.volume.rstrip("/")),
        "COPY": COPY,
        "BYTE": shlex.quote(byte),
        "OFFSET": str(change.edit.offset),
        "TOOLS": " ".join(TOOLS),
        "LINK": shlex.quote(link),
        "WANTED": sha256(wanted),
        "EXPECTED": sha256(expected),
        "OTHER_FILE": shlex.quote(f"{change.other_volume.rstrip('/')}/boot.cfg"),
        "OTHER_SUM": sha256(change.other),
    }
    return Order(nonce, _filled(_HEAD + _BYTE, values))


def command(*commands: str) -> Order:
    """Run commands one after the other as long as they succeed; what they print comes as the file, the last status as the mark
    ``status``. They are trusted text of ours."""
    nonce = secrets.token_hex(16)
    body = "agree\nsay file\n{ " + " && ".join(commands) + "; } 2>&1\nr=$?\nsay status $r\nsay end\n"
    return Order(nonce, _filled(_HEAD, {"NONCE": nonce}) + body)


def _filled(text: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    return text.lstrip("\n")


def outcome_of(order: Order, output: bytes) -> BootCfgWrite | None:
    """What came of an order for the byte; None when the answer does not tell."""
    known = {outcome.value for outcome in WriteOutcome}
    told = next(((word, rest) for word, rest in order.marks(output) if word in known), None)
    if told is None:
        return None
    return BootCfgWrite(WriteOutcome(told[0]), order.payload(output) or None, told[1])


__all__ = ["COPY", "TOOLS", "Order", "arm", "command", "disarm", "outcome_of"]
