"""A command, and what a host answered to it: the form in which every reading's parser gets its input."""

from __future__ import annotations

from dataclasses import dataclass

from auditor.domain.observation import Unread


@dataclass(frozen=True, slots=True)
class Command:
    """A command that only reads. ``name`` is its frame's name, ``seconds`` the time it may take on the host."""

    name: str
    text: str
    seconds: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What one command answered.

    ``data`` is its standard output; ``status`` its exit status, None if it is not known; ``told`` its standard error as
    text. ``fault`` is set when the output is not whole: the reason every parser then gives.
    """

    data: bytes
    status: int | None = 0
    told: str = ""
    fault: Unread | None = None
