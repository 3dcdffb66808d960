"""How far a task of vCenter is, told to whoever shows progress."""

from __future__ import annotations

from auditor.ports import Progress, Told


def told(progress: Progress, phase: str) -> Told:
    """A listener that shows ``phase`` in percent."""
    seen = 0
    progress.start(phase, 100)

    def tell(percent: int, note: str) -> None:
        nonlocal seen
        for _ in range(percent - seen):
            progress.advance(phase, note)
        seen = max(seen, percent)

    return tell


__all__ = ["told"]
