"""Writes requirements.lock: exact versions, with the hash of every wheel that Linux on x86_64 takes, of all supported Pythons.

Made by pip alone (``--dry-run --report``), which the set-up uses anyway. pip judges environment markers by the Python it runs
on, so run this with the oldest supported one: it wants the backports that newer ones leave out, and they do no harm there.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import tomllib
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "requirements.lock"
PYTHONS = ("3.11", "3.12", "3.13")
PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")
HEAD = "# Written by `make lock`: what auditor[lab,keyring] needs, on Python 3.11 to 3.13, Linux x86_64.\n"


def target(python: str) -> list[str]:
    """pip's options for wheels of one Python."""
    platforms = [word for name in PLATFORMS for word in ("--platform", name)]
    return ["--only-binary=:all:", "--implementation", "cp", "--python-version", python, *platforms]


def requirements() -> list[str]:
    """What pyproject.toml asks for, extras of users included."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    return [*project["dependencies"], *extras["lab"], *extras["keyring"]]


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def main() -> int:
    hashes: dict[tuple[str, str], set[str]] = defaultdict(set)
    with tempfile.TemporaryDirectory() as folder:
        for python in PYTHONS:
            report = Path(folder) / f"{python}.json"
            where = ["--ignore-installed", "--target", folder, "--report", str(report)]
            command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", *where, *target(python), *requirements()]
            subprocess.run(command, check=True)
            for item in json.loads(report.read_text("utf-8"))["install"]:
                key = canonical(item["metadata"]["name"]), item["metadata"]["version"]
                hashes[key].add(item["download_info"]["archive_info"]["hashes"]["sha256"])
    names = [name for name, _ in hashes]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        sys.exit(f"not one version for all Pythons: {', '.join(twice)}")
    lines = [
        " \\\n".join([f"{name}=={version}", *(f"    --hash=sha256:{one}" for one in sorted(found))])
        for (name, version), found in sorted(hashes.items())
    ]
    LOCK.write_text(HEAD + "\n".join(lines) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
