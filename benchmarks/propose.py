"""Proposals for many clusters in one command: ``python benchmarks/propose.py [CLUSTERS ...]`` (default 20 100).

Each cluster has ten hosts. A third is ahead of its image since a restore, a third was half way through an update, a third is
in sync; a snapshot has seen the images that the restore lost. The commands are processes of their own and so is the lab,
which shares the machine with them: every host is read through vCenter and over SSH, every depot item is looked up once.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import measure

SCENARIO = """
title = "Proposals for {clusters} clusters"
story = "For figures."
since = "60d"

[vcenter]
version = "8.0.3"
depot = ["u3e"]

[image.u3d]
base_image = "8.0.3-0.60.24585383"

[image.u3e]
base_image = "8.0.3-0.70.24674464"

[[cluster]]
name = "Ahead"
count = {part}
hosts = {hosts}
image = "u3d"

[[cluster]]
name = "Mixed"
count = {part}
hosts = {hosts}
image = "u3d"

[[cluster]]
name = "Steady"
count = {rest}
hosts = {rest_hosts}
image = "u3d"

[[past]]
do = "backup"
ago = "5d"

[[past]]
do = "set-image"
ago = "3d"
cluster = "Ahead-*"
image = "u3e"

[[past]]
do = "remediate"
cluster = "Ahead-*"

[[past]]
do = "set-image"
cluster = "Mixed-*"
image = "u3e"

[[past]]
do = "remediate"
cluster = "Mixed-*"
part = 0.5

[[past]]
do = "snapshot"

[[past]]
do = "restore"

[expect]
exit = 3
"""


def inside(clusters: str) -> None:
    """What runs inside the lab, and what it cost."""
    lab, hosts = os.getppid(), 10 * int(clusters)
    for words in (["propose", "--all"], ["propose", "--all", "--from-history"]):
        with tempfile.TemporaryDirectory() as folder:
            before = measure.cpu_of(lab)
            cost = measure.run([sys.executable, "-m", "auditor", *words, "--out", folder])
            files = len(list(Path(folder).glob("*.proposal.json")))
        figures = f"{cost.wall:>8.1f}{cost.cpu:>8.1f}{1000 * cost.cpu / hosts:>13.1f}{cost.memory:>6.0f}"
        used = f"{measure.cpu_of(lab) - before:>11.1f}{files:>7}"
        print(f"{clusters:>9}{hosts:>7}  {' '.join(words):<32}{figures}{used}", flush=True)
        if cost.status != 0:
            sys.exit(f"auditor {' '.join(words)} ended with {cost.status}")


def main() -> None:
    if sys.argv[1:2] == ["inside"]:
        inside(sys.argv[2])
        return
    print(f"{measure.machine()}; {time.strftime('%Y-%m-%d')}")
    heads = f"{'wall s':>8}{'CPU s':>8}{'CPU ms/host':>13}{'MB':>6}{'lab CPU s':>11}{'files':>7}"
    print(f"{'clusters':>9}{'hosts':>7}  {'command':<32}{heads}", flush=True)
    for clusters in sys.argv[1:] or ["20", "100"]:
        part = int(clusters) // 3
        rest = int(clusters) - 2 * part
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "propose.toml"
            text = SCENARIO.format(clusters=clusters, part=part, hosts=10 * part, rest=rest, rest_hosts=10 * rest)
            path.write_text(text, "utf-8")
            command = [sys.executable, "-m", "auditor", "lab", "run", str(path), "--quiet"]
            subprocess.run([*command, "--", sys.executable, str(Path(__file__).resolve()), "inside", clusters], check=True)


if __name__ == "__main__":
    main()
