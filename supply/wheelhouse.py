"""Builds a folder that installs auditor without an index: wheels, hashes, an SBOM, the licences of others, and one command.

The SBOM is made by CycloneDX's own Python library: its model knows what the format allows, and its schema judges the result.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from email.parser import HeaderParser
from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

sys.path.insert(0, str(Path(__file__).parent))
from lock import LOCK, PYTHONS, ROOT, canonical, target

INSTALL = """\
Installs auditor on Linux x86_64 with Python 3.11, 3.12 or 3.13 (on Debian with python3-venv). No network is used; each file is
checked against its hash. In this folder:

    python3 -m venv /opt/auditor && /opt/auditor/bin/pip install --no-index --find-links . --require-hashes -r requirements.txt

Then /opt/auditor/bin/auditor --version. To check the folder itself first: sha256sum --check SHA256SUMS
bom.json is its CycloneDX SBOM; THIRD-PARTY-LICENSES.txt has the licences of what others wrote.
"""


@dataclass(frozen=True)
class Wheel:
    """A wheel and what its metadata says."""

    path: Path
    name: str
    version: str
    licence: str
    texts: tuple[str, ...]

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.path.read_bytes()).hexdigest()


def read(path: Path) -> Wheel:
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        metadata = next(name for name in names if re.fullmatch(r"[^/]+\.dist-info/METADATA", name))
        found = HeaderParser().parsestr(archive.read(metadata).decode("utf-8"))
        own = re.compile(r"[^/]+\.dist-info/(licenses/.*)?(LICEN[CS]E|COPYING|NOTICE|AUTHORS)[^/]*", re.IGNORECASE)
        texts = tuple(archive.read(name).decode("utf-8", "replace") for name in names if own.fullmatch(name))
    classified = [one.rpartition(" :: ")[2] for one in found.get_all("Classifier", []) if one.startswith("License ::")]
    classified = [one for one in classified if one != "OSI Approved"]  # names none
    stated = (found["License"] or "").strip().splitlines()
    licence = found["License-Expression"] or " OR ".join(classified) or (stated[0] if stated else "") or "see its text"
    return Wheel(path, canonical(found["Name"]), found["Version"], licence, texts)


def bom(wheels: list[Wheel]) -> str:
    """The SBOM, as CycloneDX 1.6 JSON: our own wheel is what it describes, the others are its components."""
    made, licences = Bom(), LicenseFactory()
    for wheel in wheels:
        component = Component(
            type=ComponentType.APPLICATION if ours(wheel) else ComponentType.LIBRARY,
            name=wheel.name,
            version=wheel.version,
            bom_ref=wheel.path.name,
            purl=PackageURL("pypi", None, wheel.name, wheel.version, {"file_name": wheel.path.name}),
            licenses=[licences.make_from_string(wheel.licence)],
            hashes=[HashType(alg=HashAlgorithm.SHA_256, content=wheel.sha256)],
        )
        if ours(wheel):
            made.metadata.component = component
        else:
            made.components.add(component)
    assert made.metadata.component is not None
    made.register_dependency(made.metadata.component, made.components)
    return JsonV1Dot6(made).output_as_string(indent=2)


def ours(wheel: Wheel) -> bool:
    return wheel.name == "vcenter-drift-auditor"


def licences(wheels: list[Wheel]) -> str:
    others = {wheel.name: wheel for wheel in wheels if not ours(wheel)}
    parts = ["\n".join(f"{one.name} {one.version}: {one.licence}" for one in others.values())]
    parts += [f"{'=' * 100}\n{one.name} {one.version}\n\n" + "\n\n".join(one.texts) for one in others.values()]
    return "\n\n".join(parts) + "\n"


def main(out: Path) -> int:
    part = out.with_name(out.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes", "-r", str(LOCK)]
    for python in PYTHONS:
        subprocess.run([*pip, "--dest", str(part), *target(python)], check=True)
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(part), str(ROOT)]
    subprocess.run(build, check=True, stdout=subprocess.DEVNULL)
    wheels = [read(path) for path in sorted(part.glob("*.whl"))]
    own = next(wheel for wheel in wheels if ours(wheel))
    line = f"{own.name}[lab,keyring]=={own.version} \\\n    --hash=sha256:{own.sha256}\n"
    (part / "requirements.txt").write_text(LOCK.read_text("utf-8") + line, "utf-8")
    (part / "bom.json").write_text(bom(wheels) + "\n", "utf-8")
    (part / "THIRD-PARTY-LICENSES.txt").write_text(licences(wheels), "utf-8")
    (part / "INSTALL.txt").write_text(INSTALL, "utf-8")
    files = [path for path in sorted(part.iterdir()) if path.name != "SHA256SUMS"]
    sums = "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files)
    (part / "SHA256SUMS").write_text(sums, "utf-8")
    shutil.rmtree(out, ignore_errors=True)
    part.rename(out)
    print(f"{out}: {len(wheels)} wheels; INSTALL.txt says how")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "dist" / "wheelhouse"))
