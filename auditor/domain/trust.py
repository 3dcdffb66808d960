"""What hosts show of who they are, beside what is pinned of them and what a list of expected fingerprints says."""

from __future__ import annotations

import base64
import csv
import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from auditor.domain.hostnames import spelled
from auditor.errors import AuditorError, InputError


class Kind(StrEnum):
    """What identifies a host: on SSH its key, on its vSphere API its certificate."""

    SSH_KEY = "ssh-key"
    CERTIFICATE = "certificate"


class State(StrEnum):
    """What is to be made of a value."""

    UNREACHABLE = "unreachable"
    REVOKED = "revoked"  # by an @revoked line in known_hosts
    UNEXPECTED = "unexpected"  # the list of expected fingerprints has another one
    CHANGED = "changed"  # another one is pinned
    NEW = "new"
    VOUCHED = "vouched"  # signed by the hosts' authority: to be trusted without a pin
    SAME = "same"


@dataclass(frozen=True, slots=True)
class Value:
    """One key or certificate as shown now at ``address``. ``seen`` and ``old`` (what is pinned) are as people compare them:
    "ssh-rsa SHA256:…" or "AA:BB:…". ``expected`` is what the list has, None if nothing. ``trouble``: why it was not seen;
    ``kept``: why a pin cannot be changed here. ``blob`` is the key itself."""

    host: str
    kind: Kind
    address: str
    port: int
    seen: str = ""
    old: tuple[str, ...] = ()
    expected: frozenset[str] | None = None
    revoked: bool = False
    vouched: bool = False
    trouble: AuditorError | None = None
    kept: str = ""
    blob: bytes = b""

    @property
    def names(self) -> tuple[str, ...]:
        """Every way a list may name the host."""
        return (*self.host.split(", "), self.address, f"{self.address}:{self.port}", f"[{self.address}]:{self.port}")

    @property
    def fingerprint(self) -> str:
        """What identifies the value."""
        return self.seen.rpartition(" ")[2]

    @property
    def state(self) -> State:
        """The gravest thing that is true of it."""
        if self.trouble is not None:
            return State.UNREACHABLE
        if self.revoked:
            return State.REVOKED
        if self.expected is not None and self.fingerprint not in self.expected:
            return State.UNEXPECTED
        if self.seen in self.old and (self.kind is Kind.SSH_KEY or len(self.old) == 1):
            return State.SAME
        if self.old:
            return State.CHANGED
        return State.VOUCHED if self.vouched else State.NEW

    @property
    def to_pin(self) -> bool:
        """Whether it may be pinned once somebody, or the list, confirmed it."""
        return self.state in {State.NEW, State.CHANGED} and not self.kept


@dataclass(frozen=True, slots=True)
class Expected:
    """Fingerprints by host name or address, and the names of each entry. Made by `expected_of`."""

    found: dict[tuple[str, Kind], frozenset[str]] = field(default_factory=dict)
    entries: tuple[tuple[str, ...], ...] = ()

    def of(self, kind: Kind, names: Iterable[str]) -> frozenset[str] | None:
        """What the list has for a host of these names and addresses; None: nothing."""
        every = [self.found[key] for name in names if (key := (spelled(name), kind)) in self.found]
        return frozenset().union(*every) if every else None

    def unknown(self, values: Iterable[Value]) -> tuple[str, ...]:
        """Hosts of the list that are none of those shown, sorted."""
        shown = {spelled(name) for value in values for name in value.names}
        return tuple(sorted({names[0] for names in self.entries if shown.isdisjoint(map(spelled, names))}))


def fingerprint_of(text: str) -> tuple[Kind, str]:
    """A fingerprint in its one spelling. Raises ``InputError`` saying what it is instead."""
    bare = text.strip().removeprefix("SHA256:").rstrip("=")
    if text.strip().startswith("SHA256:") and re.fullmatch(r"[A-Za-z0-9+/]{43}", bare):
        return Kind.SSH_KEY, f"SHA256:{bare}"
    digits = re.sub(r"[\s:.-]", "", bare).upper()
    if re.fullmatch(r"[0-9A-F]{64}", digits):
        return Kind.CERTIFICATE, ":".join(re.findall("..", digits))
    digits = digits.removeprefix("MD5")
    old = {40: "SHA-1", 32: "MD5"}.get(len(digits)) if re.fullmatch(r"[0-9A-F]+", digits) else None
    what = f"a {old} fingerprint, which identifies nothing any more" if old else f"no fingerprint: {text.strip()[:80]!r}"
    raise InputError(what, hint="SHA256:… of an SSH key, or the SHA-256 thumbprint of a certificate (64 hexadecimal digits)")


def expected_of(text: str, where: str) -> Expected:
    """Read a list of expected fingerprints: lines ``NAME FINGERPRINT``, lines of known_hosts or ssh-keyscan, or CSV with a
    heading that has a name column and columns with "thumbprint" or "fingerprint" in their name. Raises ``InputError`` with the
    line."""
    found: dict[tuple[str, Kind], dict[str, int]] = {}
    entries = []
    for number, names, kind, value in _entries(text, where):
        entries.append(tuple(names))
        for name in names:
            values = found.setdefault((spelled(name), kind), {})
            values.setdefault(value, number)
            if kind is Kind.CERTIFICATE and len(values) > 1:
                first = min(values.values())
                raise InputError(
                    f"another certificate of {name} than in line {first}",
                    where=f"{where}, line {number}",
                    hint="keep the right one",
                )
    if not found:
        raise InputError("holds no fingerprint", where=where, hint="write a line NAME FINGERPRINT for each host")
    return Expected({key: frozenset(values) for key, values in found.items()}, tuple(entries))


def _entries(text: str, where: str) -> Iterator[tuple[int, list[str], Kind, str]]:
    lines = text.splitlines()
    first = next((line for line in lines if line.strip() and not line.startswith("#")), "")
    marks = [mark for mark in ",;\t" if mark in first]
    table = bool(marks) and not any(_is_value(word) for word in re.split(r"[,;\s\"]+", first))
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#") or (table and line is first):
            continue
        try:
            if table:
                yield from ((number, names, *fingerprint_of(value)) for names, value in _cells(first, line, marks[0]))
            else:
                yield number, *_entry(line)
        except InputError as error:
            raise InputError(error.what, where=f"{where}, line {number}", hint=error.hint) from None
        except csv.Error as error:
            raise InputError(f"is no CSV: {error}", where=f"{where}, line {number}") from None


def _cells(heading: str, line: str, mark: str) -> Iterator[tuple[list[str], str]]:
    columns, cells = next(csv.reader([heading], delimiter=mark)), next(csv.reader([line], delimiter=mark))
    titles = [re.sub(r"[^a-z]", "", column.lower()) for column in columns]
    named = [
        n for n, title in enumerate(titles) if title in {"name", "host", "hostname", "vmhost", "server", "fqdn", "address"}
    ]
    valued = [n for n, title in enumerate(titles) if "thumbprint" in title or "fingerprint" in title]
    if not named or not valued:
        raise InputError(
            f"the heading names no {'fingerprints' if named else 'hosts'}: {', '.join(columns)[:200]}",
            hint="a column Name, and one Thumbprint or Fingerprint",
        )
    if len(cells) != len(columns):
        raise InputError(f"has {len(cells)} columns, the heading {len(columns)}")
    names = [cells[n] for n in named if cells[n].strip()]
    if not names:
        raise InputError("names no host")
    yield from ((names, cells[n]) for n in valued if cells[n].strip())


def _entry(line: str) -> tuple[list[str], Kind, str]:
    words = line.split()
    if words[0].startswith(("@", "|")):
        raise InputError("marked and hashed lines of known_hosts name no host", hint="leave them out; ssh-keyscan without -H")
    if len(words) >= 3 and re.match(r"(ssh|ecdsa|sk-ssh|sk-ecdsa)-", words[1]):
        return words[0].split(","), Kind.SSH_KEY, _of_key(words[1], words[2])
    if len(words) != 2:
        raise InputError("is not a host name, a blank and a fingerprint", hint="CSV needs a heading: Name,Thumbprint")
    return [words[0]], *fingerprint_of(words[1])


def _of_key(kind: str, text: str) -> str:
    try:
        blob = base64.b64decode(text, validate=True)
    except ValueError:
        blob = b""
    if blob[4 : 4 + len(kind)] != kind.encode():
        raise InputError(f"the {kind} key is damaged", hint="copy the line again")
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode("ascii").rstrip("=")


def _is_value(text: str) -> bool:
    try:
        fingerprint_of(text)
    except InputError:
        return text.startswith("AAAA")
    return True


__all__ = ["Expected", "Kind", "State", "Value", "expected_of", "fingerprint_of"]
