"""A real session on the lab, as text that stays the same from run to run, for the documentation.

Times are moved so that the run happens at noon of one fixed day, and rounded to the hour: the lab's past lies whole hours
and days back, so the distances stay true while the seconds a run takes do not show.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
from datetime import UTC, datetime, timedelta
from pathlib import Path

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
_TIME = re.compile(r"(20\d\d-\d\d-\d\d)(T|\s+)(\d\d:\d\d)(:\d\d(?:\.\d+)?)?Z")  # a fold may stand in the middle


def run(scenario: str, *command: str) -> str:
    """What ``auditor lab run SCENARIO -- COMMAND`` prints on stdout, with its exit code at the end."""
    scripts = sysconfig.get_path("scripts")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("AUDITOR_")} | {"NO_COLOR": "1", "COLUMNS": "120"}
    done = subprocess.run(
        [str(Path(scripts) / "auditor"), "lab", "run", "--quiet", scenario, "--", *command],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
        timeout=300,
    )
    if done.returncode not in {0, 3, 4}:
        raise RuntimeError(f"{scenario}: exit {done.returncode}\n{done.stderr}")
    return steady(done.stdout)


def steady(text: str, now: datetime | None = None) -> str:
    """``text`` with its times moved and rounded."""
    base = now or datetime.now(UTC)

    def moved(match: re.Match[str]) -> str:
        time = datetime.fromisoformat(f"{match[1]}T{match[3]}:00+00:00") - base + NOON
        time = (time + timedelta(minutes=30)).replace(minute=0, second=0, microsecond=0)
        return f"{time:%Y-%m-%d}{match[2]}{time:%H:%M}{':00' if match[4] else ''}Z"

    return _TIME.sub(moved, text)


def head(text: str, lines: int) -> str:
    """The first lines, and how many were left out."""
    all_lines = text.splitlines()
    return "\n".join([*all_lines[:lines], f"… {len(all_lines) - lines} more lines: details, clusters, hosts, next commands"])


if __name__ == "__main__":
    sys.stdout.write(run(sys.argv[1], *sys.argv[2:]))
