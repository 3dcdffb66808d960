"""One ``boot.cfg`` as the ESXi boot loader reads and rewrites it.

The rules are those of esx-boot's safeboot at the level of ESX 9.0 (field note b, grade CODE: read there and checked
against answers observed from the built loader). They differ from what the file looks like: keys may be abbreviated, a
blank before ``=`` hides a key, one bad number makes the loader give up the whole file, and the state is judged as a
number but rewritten as one character, which must lie in the first 512 bytes.

Loaders up to 7.0.0 GA did not forget a value between two files; that is not modelled.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

REWRITABLE_BYTES = 512
"""The loader can write only the first 512 bytes of the file back."""

STATE_DIGITS = b"0123"

# The loader's own isspace(): ISO 8859-1, with backspace and the no-break space, without 0x85. A line ends at LF only.
_BLANKS = b"\x08\t\x0b\x0c\r \xa0"
_BLANK = b"[" + _BLANKS + b"]"

_ALL_BLANKS_ALIKE = bytes.maketrans(_BLANKS, b" " * len(_BLANKS))

_NAMES = ("build", "updated", "bootstate", "quickboot")  # the loader tries its options in this order


def _abbreviations() -> dict[bytes, str]:
    """Every key text that is taken for an option: any leading part of its name, the first option in order wins."""
    found: dict[bytes, str] = {}
    for name in _NAMES:
        for length in range(len(name) + 1):
            found.setdefault(name[:length].encode(), name)
    return found


_OPTIONS = _abbreviations()

# A line that sets an option: blanks, key, "=" at once, then the value up to the end of the line or a NUL, where the
# loader's C strings end. Anchored by a literal LF (one is put before the text), which is searched for very fast.
_SETTING = re.compile(rb"\n" + _BLANK + rb"*+(" + b"|".join(_OPTIONS) + rb")=([^\n\0]*+)", re.IGNORECASE)
_NUMBER = re.compile(rb"-?[0-9]*+")
_STATE = re.compile(rb"^" + _BLANK + rb"*+bootstate[ \t]*+=[ \t]*+(.?)", re.IGNORECASE | re.MULTILINE | re.DOTALL)

_LONG_MAX = 2**63 - 1
_LONG_MIN = -(2**63)


@dataclass(frozen=True, slots=True)
class LoaderKeys:
    """What the loader takes from one file. A missing key has the loader's default: state 0 (good), counter 0."""

    build: str | None
    """Text of ``build=`` (the version of VIB esx-base), one character per byte; None: no key or nothing behind it."""
    updated: int
    """Unsigned 32-bit counter."""
    bootstate: int
    """Signed 32-bit; 0 to 3 are states, anything else is none."""
    quickboot: bool


def read_keys(boot_cfg: bytes) -> LoaderKeys | None:
    """Read a file as the loader does; None when it gives the file up because a number is not one.

    Takes any bytes, in time linear in their length. An empty value after a non-empty one for ``build`` is read as no
    build: what real firmware makes of it depends on the firmware.
    """
    build = b""
    numbers = {"updated": 0, "bootstate": 0, "quickboot": 0}
    for setting in _SETTING.finditer(b"\n" + boot_cfg):
        key, value = setting.groups()
        name = _OPTIONS[key.lower()]
        if name == "build":
            build = value
        elif _NUMBER.fullmatch(digits := value.strip(_BLANKS)):
            numbers[name] = _c_int(digits)
        else:
            return None
    text = _merge_blanks(build).decode("latin-1")
    return LoaderKeys(text or None, numbers["updated"] % 2**32, numbers["bootstate"], numbers["quickboot"] != 0)


def state_offset(boot_cfg: bytes) -> int | None:
    """Return where the loader would write a new state, or None when it finds no place.

    Unlike reading, this looks for the first ``bootstate`` in full at the start of a line, allows blanks before ``=``,
    and needs a character 0 to 3 as the first of the value, all within `REWRITABLE_BYTES`.
    """
    found = _STATE.search(boot_cfg[:REWRITABLE_BYTES])
    if found is None or not found[1] or found[1] not in STATE_DIGITS:
        return None
    return found.start(1)


def with_byte(boot_cfg: bytes, offset: int, character: str) -> bytes:
    """Return the file with the one byte at ``offset`` replaced."""
    return boot_cfg[:offset] + character.encode("latin-1") + boot_cfg[offset + 1 :]


def _merge_blanks(value: bytes) -> bytes:
    return b" ".join(value.translate(_ALL_BLANKS_ALIKE).split())


def _c_int(digits: bytes) -> int:
    """Convert as ``(int)strtol(digits, NULL, 10)`` does where long has 64 bits: saturate, then keep the low 32 bits."""
    negative = digits.startswith(b"-")
    significant = digits.lstrip(b"-").lstrip(b"0")
    if len(significant) > 19:  # beyond 64 bits for certain, and int() refuses very long texts
        number = _LONG_MIN if negative else _LONG_MAX
    else:
        number = int(significant or b"0")
        number = max(-number, _LONG_MIN) if negative else min(number, _LONG_MAX)
    return (number + 2**31) % 2**32 - 2**31
