"""What the start of a command costs beside an empty Python: ``python benchmarks/startup.py [RUNS]`` (default 15)."""

from __future__ import annotations

import sys
import time

import measure

COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "auditor --version": ["-m", "auditor", "--version"],
    "auditor --help": ["-m", "auditor", "--help"],
    "auditor audit --help": ["-m", "auditor", "audit", "--help"],
}


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    print(f"{measure.machine()}; {time.strftime('%Y-%m-%d')}; median of {runs} runs, taken in turn")
    costs: dict[str, list[measure.Cost]] = {name: [] for name in COMMANDS}
    for _ in range(runs):
        for name, arguments in COMMANDS.items():
            costs[name].append(measure.run([sys.executable, *arguments]))
    base = measure.median(costs["python -c pass"])
    print(f"{'':<22}{'wall ms':>9}{'CPU ms':>8}{'MB':>5}{'ratio':>7}")
    for name, taken in costs.items():
        cost = measure.median(taken)
        print(f"{name:<22}{1000 * cost.wall:>9.0f}{1000 * cost.cpu:>8.0f}{cost.memory:>5.0f}{cost.wall / base.wall:>7.1f}")


if __name__ == "__main__":
    main()
