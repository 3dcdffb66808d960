"""The loader's rules a second time, character by character, as an independent check of the fast reading.

Written from the rules in words; slow on purpose, with no regular expression and no shared code.
"""

from __future__ import annotations

BLANKS = set(b"\x08\t\x0b\x0c\r \xa0")
OPTIONS = ("build", "updated", "bootstate", "quickboot")


def tidy(line: bytes) -> str:
    """A line as the loader holds it: up to a NUL, runs of blanks as one space, none at the ends."""
    out: list[str] = []
    for byte in line:
        if byte == 0:
            break
        if byte not in BLANKS:
            out.append(chr(byte))
        elif out and out[-1] != " ":
            out.append(" ")
    return "".join(out).removesuffix(" ")


def number(text: str) -> int | None:
    digits = text.removeprefix("-")
    if any(char not in "0123456789" for char in digits):
        return None
    value = 0
    for char in digits:
        value = value * 10 + int(char)
    value = max(-value, -(2**63)) if text.startswith("-") else min(value, 2**63 - 1)
    value &= 0xFFFFFFFF
    return value - 2**32 if value >= 2**31 else value


def keys(boot_cfg: bytes) -> tuple[str | None, int, int, bool] | None:
    """build, updated, bootstate, quickboot; None when the file is given up."""
    values: dict[str, int] = {"updated": 0, "bootstate": 0, "quickboot": 0}
    build: str | None = None
    for raw in boot_cfg.split(b"\n"):
        line = tidy(raw)
        if not line or line[0] == "#" or "=" not in line:
            continue
        at = line.index("=")
        key, value = line[:at], line[at + 1 :].removeprefix(" ")
        for name in OPTIONS:
            if len(key) <= len(name) and all(a == b or a == b.upper() for a, b in zip(key, name, strict=False)):
                if name == "build":
                    build = value or None
                else:
                    read = number(value)
                    if read is None:
                        return None
                    values[name] = read
                break
    return build, values["updated"] & 0xFFFFFFFF, values["bootstate"], values["quickboot"] != 0


def state_offset(boot_cfg: bytes) -> int | None:
    """Where the loader writes a state: the first line-leading ``bootstate``, blanks, ``=``, blanks, a digit 0 to 3."""
    head = boot_cfg[:512]
    for at in range(len(head) - 8):
        if bytes(byte | 32 for byte in head[at : at + 9]) != b"bootstate" or any(b < 65 for b in head[at : at + 9]):
            continue
        back = at
        while back > 0 and head[back - 1] in BLANKS:
            back -= 1
        if back > 0 and head[back - 1] != 10:
            continue
        on = at + 9
        while on < len(head) and head[on] in b" \t":
            on += 1
        if on == len(head) or head[on] != ord("="):
            continue
        on += 1
        while on < len(head) and head[on] in b" \t":
            on += 1
        return on if on < len(head) and head[on] in b"0123" else None
    return None
