"""What the history costs: ``python benchmarks/history.py [HOSTS]`` (default 1000 hosts of 170 VIBs, in a temporary directory).

The hosts differ as real ones do: 20 different images, install dates of their own, their own boot.cfg. "unchanged" is the
next run over the same estate, read anew; "one reading" the run after it, in which every host left maintenance mode.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from auditor.domain.image import AddOn, BaseImage, Component, ImageProfile, Product, Vib
from auditor.domain.observation import BankReading, HostObservation, InventoryHost, Read, Route, VCenterView
from auditor.domain.versions import BaseImageVersion
from auditor.history.store import SqliteHistory

START = datetime(2026, 1, 1, tzinfo=UTC)
VIBS, COMPONENTS, IMAGES = 170, 60, 20
T = TypeVar("T")


def hosts(count: int, at: datetime, maintenance: bool = True) -> Iterator[HostObservation]:
    """Observations made anew each time, as a reader makes them: no two share an object."""
    for n in range(count):
        image = n % IMAGES
        base = BaseImageVersion.parse(f"8.0.3-0.70.{24674464 + image}")
        vibs = tuple(
            Vib(f"vib-{v:03}", f"8.0.3-0.70.{image}", "VMware", "VMwareCertified", f"2026-01-{n % 28 + 1:02}", "host")
            for v in range(VIBS)
        )
        boot_cfg = f"bootstate=0\nupdated={n}\nmodules=".encode() + b" --- ".join([b"/module.v00"] * 150)
        yield HostObservation(
            f"esx{n:05}.example.com",
            Route.SSH,
            at,
            vcenter="vc",
            product=Read(Product("8.0.3", str(base.build))),
            profile=Read(ImageProfile("ESXi-8.0U3e", "VMware, Inc.")),
            base_image=Read(BaseImage(base)),
            add_on=Read(AddOn("HPE-Custom-AddOn", "803.0.0.11.8.0.9")),
            components=Read(
                tuple(Component(f"Component-{c}", f"1.{image}", f"Component {c}", "VMware") for c in range(COMPONENTS))
            ),
            vibs=Read(vibs),
            staged=Read(None),
            maintenance_mode=Read(maintenance),
            banks=tuple(
                BankReading(link, Read(f"/vmfs/volumes/{n}"), Read(boot_cfg)) for link in ("/bootbank", "/altbootbank")
            ),
        )


def timed(label: str, act: Callable[[], T]) -> T:
    began = time.perf_counter()
    result = act()
    print(f"{label:<28}{time.perf_counter() - began:8.2f} s")
    return result


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "history.db"
        with SqliteHistory(path) as history:

            def run(day: int, maintenance: bool = True) -> int:
                at = START + timedelta(days=day)
                number = history.begin("snapshot", at)
                listed = tuple(InventoryHost(f"host-{n}", f"esx{n:05}.example.com", f"domain-c{n // 32}") for n in range(count))
                history.record_vcenter(number, VCenterView("vc", at, hosts=Read(listed)))
                for observation in hosts(count, at, maintenance):
                    history.record_host(number, observation)
                history.finish(number, at, "complete")
                return number

            print(f"{count} hosts, {VIBS} VIBs and {COMPONENTS} components each, {IMAGES} different images")
            timed("making the values alone", lambda: sum(1 for _ in hosts(count, START)))
            sizes = [0]
            for label, day, maintenance in (("first run", 0, True), ("unchanged", 1, True), ("one reading", 2, False)):
                number = timed(f"record, {label}", lambda day=day, maintenance=maintenance: run(day, maintenance))
                sizes.append(path.stat().st_size)
                more = (sizes[-1] - sizes[-2]) / 1e6
                print(f"{'':28}{history.new_documents(number):8} new documents, {more:.2f} MB more on disk")
            timed("past", history.past)
            timed("estate", history.estate)
            timed("prune", lambda: history.prune(START + timedelta(days=2)))
        print(f"{'peak memory':<28}{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:8.0f} MB")


if __name__ == "__main__":
    main()
