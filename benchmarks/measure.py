"""What a whole process costs: wall time, CPU time with that of its children, peak memory of its largest process."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Cost:
    """Seconds of wall and CPU time, MB of the largest process, exit status and standard output."""

    wall: float
    cpu: float
    memory: float
    status: int
    output: str


def run(command: Sequence[str | Path], environment: dict[str, str] | None = None) -> Cost:
    """Run a command to its end. Its standard error is passed through."""
    began = time.perf_counter()
    process = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, env=os.environ | (environment or {}))
    assert process.stdout is not None
    output = process.stdout.read().decode("utf-8", "replace")
    _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    return Cost(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, process.returncode, output)


def median(costs: Sequence[Cost]) -> Cost:
    """Each figure's median; status and output of the last."""
    last = costs[-1]
    wall, cpu, memory = (statistics.median(getattr(cost, name) for cost in costs) for name in ("wall", "cpu", "memory"))
    return Cost(wall, cpu, memory, last.status, last.output)


def cpu_of(pid: int) -> float:
    """CPU seconds a running process has used so far (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def machine() -> str:
    """Processor, cores and load: figures without them say nothing."""
    told = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    model = next((line.partition(":")[2].strip() for line in told if "model name" in line), "unknown processor")
    return f"{model}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start"
