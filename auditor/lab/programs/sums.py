"""Programs of a simulated host that show bytes: checksums, od, hexdump, base64, uuencode, gzip."""

from __future__ import annotations

import base64
import gzip
import hashlib
import re
import zlib

from auditor.lab.hosts.filesystem import FileError
from auditor.lab.programs.options import UsageError, read_options
from auditor.lab.programs.registry import Job, Program
from auditor.lab.programs.text import with_usage


def _sum(kind: str) -> Program:
    async def run(job: Job) -> int:
        options = read_options(job.args, "bt")
        status = 0
        for path in options.rest or ["-"]:
            digest = hashlib.new(kind, usedforsecurity=False)
            try:
                async for chunk in job.chunks(path):
                    digest.update(chunk)
            except FileError as error:
                status = await job.err(f"can't open '{path}': {error}")
                continue
            await job.out(f"{digest.hexdigest()}  {path}\n")
        return status

    return run


_OD_FORMS = {"x1": (1, "02x"), "o1": (1, "03o"), "u1": (1, "3d"), "x2": (2, "04x"), "o2": (2, "06o"), "u2": (2, "5d")}


async def _od(job: Job) -> int:
    args = ["-tx1" if word == "-x1" else word for word in job.args]
    options = read_options(args, "vbxo", "AtNj")
    form = options.last("t", {"b": "o1", "x": "x2"}.get(next(iter(options.flags - {"v"}), ""), "o2"))
    form = {"x": "x2", "o": "o2"}.get(form, form)
    if form not in _OD_FORMS:
        raise UsageError(f"invalid type string '{form}'")
    size, shape = _OD_FORMS[form]
    radix = options.last("A", "o")
    skip = options.number("j", 0)
    data = b"".join([await job.content(path) for path in options.rest or ["-"]])[skip:]
    if "N" in options.values:
        data = data[: options.number("N", 0)]

    def address(at: int) -> str:
        return "" if radix == "n" else format(at + skip, {"o": "07o", "d": "07d", "x": "06x"}.get(radix, "07o"))

    previous, starred = None, False
    for at in range(0, len(data), 16):
        row = data[at : at + 16]
        if row == previous and len(row) == 16 and "v" not in options.flags:
            if not starred:
                await job.out("*\n")
            starred = True
            continue
        previous, starred = row, False
        values = [int.from_bytes(row[i : i + size].ljust(size, b"\0"), "little") for i in range(0, len(row), size)]
        await job.out(address(at) + "".join(f" {value:{shape}}" for value in values) + "\n")
    if radix != "n":
        await job.out(address(len(data)) + "\n")
    return 0


async def _hexdump(job: Job) -> int:
    options = read_options(job.args, "Cv", "nse")
    data = b"".join([await job.content(path) for path in options.rest or ["-"]])[options.number("s", 0) :]
    data = data[: options.number("n", len(data))]
    if "e" in options.values:
        match = re.fullmatch(r'\s*(?:\d*/1\s+)?"([^"]*)"\s*', options.last("e", ""))
        if match is None:
            raise UsageError("bad format {" + options.last("e", "") + "}")
        await job.out("".join(match[1].replace("\\n", "\n") % byte for byte in data))
        return 0
    for at in range(0, len(data), 16):
        row = data[at : at + 16]
        if "C" in options.flags:
            pairs = [f"{byte:02x}" for byte in row]
            shown = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
            await job.out(f"{at:08x}  {' '.join(pairs[:8]):<23}  {' '.join(pairs[8:]):<23}  |{shown}|\n")
        else:
            words = [int.from_bytes(row[i : i + 2].ljust(2, b"\0"), "little") for i in range(0, len(row), 2)]
            shown = "".join(f" {word:04x}" for word in words)
            await job.out(f"{at:07x}{shown:<40}\n")
    if data:
        await job.out(f"{len(data):08x}\n" if "C" in options.flags else f"{len(data):07x}\n")
    return 0


async def _base64(job: Job) -> int:
    options = read_options(job.args, "d", "w")
    data = await job.content(*options.rest[:1])
    if "d" in options.flags:
        try:
            await job.out(base64.b64decode(re.sub(rb"\s", b"", data), validate=True))
        except ValueError:
            return await job.err("truncated input")
        return 0
    width = options.number("w", 76) or max(len(data) * 2, 1)
    text = base64.b64encode(data)
    lines = [text[at : at + width] for at in range(0, len(text), width)]
    await job.out(b"".join(line + b"\n" for line in lines))
    return 0


async def _uuencode(job: Job) -> int:
    options = read_options(job.args, "m")
    if not options.rest:
        raise UsageError("missing name")
    name = options.rest[-1]
    data = await job.content(options.rest[0] if len(options.rest) > 1 else "-")
    if "m" in options.flags:
        body = base64.b64encode(data).decode()
        rows = [body[at : at + 60] for at in range(0, len(body), 60)]
        await job.out(f"begin-base64 644 {name}\n" + "".join(f"{row}\n" for row in rows) + "====\n")
        return 0
    await job.out(f"begin 644 {name}\n")
    for at in range(0, len(data), 45):
        await job.out(_uu_line(data[at : at + 45]))
    await job.out("`\nend\n")
    return 0


def _uu_line(row: bytes) -> str:
    padded = row + b"\0" * (-len(row) % 3)
    found = [chr(len(row) + 32)]
    for at in range(0, len(padded), 3):
        value = int.from_bytes(padded[at : at + 3], "big")
        found += [chr(((value >> shift) & 63) + 32) for shift in (18, 12, 6, 0)]
    return "".join(found).replace(" ", "`") + "\n"


async def _gzip(job: Job) -> int:
    options = read_options(job.args, "cd123456789")
    if options.rest and not (options.flags & {"c"} or job.argv[0].endswith("zcat")):
        raise UsageError("only -c is simulated for files")
    inflate = "d" in options.flags or not job.argv[0].endswith("gzip")
    data = await job.content(*options.rest[:1])
    try:
        await job.out(gzip.decompress(data) if inflate else gzip.compress(data, mtime=0))
    except (OSError, EOFError, zlib.error):
        return await job.err("invalid magic")
    return 0


PROGRAMS: dict[str, Program] = {
    name: with_usage(program)
    for name, program in {
        "md5sum": _sum("md5"), "sha1sum": _sum("sha1"), "sha256sum": _sum("sha256"), "sha512sum": _sum("sha512"),
        "od": _od, "hexdump": _hexdump, "base64": _base64, "uuencode": _uuencode, "gzip": _gzip, "gunzip": _gzip,
        "zcat": _gzip,
    }.items()
}  # fmt: skip
