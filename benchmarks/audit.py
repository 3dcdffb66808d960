"""A snapshot and two audits of the lab's scenario `thousand`: ``python benchmarks/audit.py [HOSTS ...]`` (default 250 1000).

The commands are processes of their own and so is the lab, which shares the machine with them; every host is read through
vCenter and over SSH. Two sizes show what grows with the number of hosts.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import measure

EXPECTED = {"snapshot": 0, "audit": 3}


def inside(hosts: str) -> None:
    """What runs inside the lab: the commands one after the other, and what each of them cost."""
    lab = os.getppid()
    for command in ("snapshot", "audit", "audit"):
        before = measure.cpu_of(lab)
        cost = measure.run([sys.executable, "-m", "auditor", command])
        figures = f"{cost.wall:>8.1f}{cost.cpu:>8.1f}{1000 * cost.cpu / int(hosts):>13.1f}{cost.memory:>6.0f}"
        print(f"{hosts:>6}  {command:<10}{figures}{measure.cpu_of(lab) - before:>11.1f}", flush=True)
        if cost.status != EXPECTED[command]:
            sys.exit(f"auditor {command} ended with {cost.status}")


def main() -> None:
    if sys.argv[1:2] == ["inside"]:
        inside(sys.argv[2])
        return
    print(f"{measure.machine()}; {time.strftime('%Y-%m-%d')}")
    print(f"{'hosts':>6}  {'command':<10}{'wall s':>8}{'CPU s':>8}{'CPU ms/host':>13}{'MB':>6}{'lab CPU s':>11}", flush=True)
    for hosts in sys.argv[1:] or ["250", "1000"]:
        command = [sys.executable, "-m", "auditor", "lab", "run", "thousand", "--hosts", hosts, "--quiet"]
        subprocess.run([*command, "--", sys.executable, str(Path(__file__).resolve()), "inside", hosts], check=True)


if __name__ == "__main__":
    main()
