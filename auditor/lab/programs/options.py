"""Command line options of the simulated host's programs, read the way getopt does."""

from __future__ import annotations

from dataclasses import dataclass, field


class UsageError(Exception):
    """The command line is wrong."""


@dataclass
class Options:
    """``flags`` counts options without a value, ``values`` keeps those with one, ``rest`` the operands."""

    flags: set[str] = field(default_factory=set)
    values: dict[str, list[str]] = field(default_factory=dict)
    rest: list[str] = field(default_factory=list)

    def last(self, name: str, default: str) -> str:
        """The last value given for an option."""
        return self.values.get(name, [default])[-1]

    def number(self, name: str, default: int) -> int:
        """The same as a number. Raises `UsageError`."""
        text = self.last(name, str(default))
        scale = {"k": 1024, "K": 1024, "m": 1024**2, "M": 1024**2, "b": 512}.get(text[-1:], 1)
        try:
            return int(text.rstrip("kKmMb") if scale > 1 else text) * scale
        except ValueError:
            raise UsageError(f"invalid number '{text}'") from None


def read_options(args: list[str], flags: str, valued: str = "", *, first_operand_ends: bool = False) -> Options:
    """Read short options, also joined ones; ``--`` ends them. Raises `UsageError` for an unknown one."""
    found = Options()
    words = list(args)
    while words:
        word = words.pop(0)
        if word == "--":
            found.rest += words
            break
        if not word.startswith("-") or word == "-":
            found.rest.append(word)
            if first_operand_ends:
                found.rest += words
                break
            continue
        at = 1
        while at < len(word):
            option = word[at]
            at += 1
            if option in valued:
                if at == len(word) and not words:
                    raise UsageError(f"option requires an argument -- '{option}'")
                found.values.setdefault(option, []).append(word[at:] if at < len(word) else words.pop(0))
                break
            if option not in flags:
                raise UsageError(f"invalid option -- '{option}'" if word[1] != "-" else f"unrecognized option '{word}'")
            found.flags.add(option)
    return found
