"""Makes offline bundles out of the folders in data/; see the README there."""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

DATA = Path(__file__).parent / "data"
BUNDLES = ("base-image", "dell-custom", "hpe-add-on", "old-kind")

Files = dict[str, bytes]
Change = Callable[[Files], None]

_FACT = re.compile(rb"\$\{(size|sha1|sha256):([^}]+)\}")


def ar(files: Mapping[str, bytes]) -> bytes:
    """A .vib: an ar archive."""
    out = b"!<arch>\n"
    for name, data in files.items():
        out += (
            b"%-16s%-12d%-6d%-6d%-8s%-10d`\n" % (name.encode(), 0, 0, 0, b"100644", len(data)) + data + b"\n" * (len(data) % 2)
        )
    return out


def make_zip(files: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name, (2025, 4, 10, 0, 0, 0)), data, method)
    return out.getvalue()


def bundle_files(name: str, *, metadata: Change | None = None, vibs: Change | None = None) -> Files:
    """The files of bundle ``name``, inner zips and .vib files built. ``vibs`` may change the .vib files before the facts of
    the metadata are taken from them, ``metadata`` the files of the metadata zip once they are filled in."""
    root = DATA / name
    built: Files = {}
    for folder in sorted(root.rglob("*.vib")):
        order = ("descriptor.xml", "sig.pkcs7", "payload1")
        built[folder.relative_to(root).as_posix()] = ar({part: (folder / part).read_bytes() for part in order})
    if vibs:
        vibs(built)
    zips: dict[str, Files] = {}
    files: Files = {}
    for path in _plain_files(root):
        place = path.relative_to(root)
        data = _FACT.sub(lambda match: _fact(match, built), path.read_bytes())
        if place.parts[0].endswith(".zip"):
            zips.setdefault(place.parts[0], {})["/".join(place.parts[1:])] = data
        else:
            files[place.as_posix()] = data
    for zip_name, inner in zips.items():
        if metadata:
            metadata(inner)
        files[zip_name] = make_zip(inner)
    return files | built


def build(
    path: Path, name: str, *, metadata: Change | None = None, vibs: Change | None = None, outer: Change | None = None
) -> Path:
    """The zip of bundle ``name`` at ``path``; ``outer`` may change its files at the very end."""
    files = bundle_files(name, metadata=metadata, vibs=vibs)
    if outer:
        outer(files)
    path.write_bytes(make_zip(files))
    return path


def _plain_files(root: Path) -> Iterator[Path]:
    for path in sorted(root.rglob("*")):
        if path.is_file() and not any(part.endswith(".vib") for part in path.relative_to(root).parts[:-1]):
            yield path


def _fact(match: re.Match[bytes], built: Files) -> bytes:
    data = built[match[2].decode()]
    fact = str(len(data)) if match[1] == b"size" else hashlib.new(match[1].decode(), data).hexdigest()
    return fact.encode()


class Quiet:
    """Progress that remembers."""

    def __init__(self) -> None:
        self.totals: dict[str, int | None] = {}
        self.steps: list[str] = []

    def start(self, phase: str, total: int | None) -> None:
        self.totals[phase] = total

    def advance(self, phase: str, note: str = "") -> None:
        self.steps.append(note)
