"""Programs of a simulated host that read text: cat, head, tail, wc, tr, grep, cut, sort, uniq, tee, seq."""

from __future__ import annotations

import re
from collections.abc import Callable

from auditor.lab.hosts.filesystem import FileError
from auditor.lab.programs.options import UsageError, read_options
from auditor.lab.programs.registry import Job, Program
from auditor.lab.programs.regular import translated
from auditor.lab.shell.printing import unescaped


def with_usage(program: Program) -> Program:
    """A program whose wrong command lines are complained about with status 1."""

    async def run(job: Job) -> int:
        try:
            return await program(job)
        except UsageError as error:
            return await job.err(str(error))

    return run


async def _cat(job: Job) -> int:
    options = read_options(job.args, "uv")
    status = 0
    for path in options.rest or ["-"]:
        try:
            async for chunk in job.chunks(path):
                await job.out(chunk)
        except FileError as error:
            status = await job.err(f"can't open '{path}': {error}")
    return status


async def _head(job: Job) -> int:
    args = [re.sub(r"^-(\d+)$", r"-n\1", word) for word in job.args[:1]] + job.args[1:]
    options = read_options(args, "qv", "nc")
    status = 0
    for index, path in enumerate(options.rest or ["-"]):
        if len(options.rest) > 1 and "q" not in options.flags:
            await job.out(("\n" if index else "") + f"==> {path} <==\n")
        try:
            if "c" in options.values:
                await _head_bytes(job, path, options.number("c", 0))
            else:
                await _head_lines(job, path, options.number("n", 10))
        except FileError as error:
            status = await job.err(f"{path}: {error}")
    return status


async def _head_bytes(job: Job, path: str, left: int) -> None:
    if left < 0:
        data = await job.content(path)
        await job.out(data[:left])
        return
    if left == 0:
        return
    async for chunk in job.chunks(path):
        await job.out(chunk[:left])
        left -= len(chunk)
        if left <= 0:
            return


async def _head_lines(job: Job, path: str, left: int) -> None:
    if left < 0:
        lines = [line async for line in job.lines(path)]
        await job.out(b"".join(lines[:left]))
        return
    if left == 0:
        return
    async for line in job.lines(path):
        await job.out(line)
        left -= 1
        if left == 0:
            return


async def _tail(job: Job) -> int:
    args = [re.sub(r"^-(\d+)$", r"-n\1", word) for word in job.args[:1]] + job.args[1:]
    options = read_options(args, "qv", "nc")
    by_bytes = "c" in options.values
    text = options.last("c" if by_bytes else "n", "10")
    if not re.fullmatch(r"[-+]?\d+", text):
        raise UsageError(f"invalid number '{text}'")
    count = abs(int(text))
    status = 0
    for path in options.rest or ["-"]:
        try:
            data = await job.content(path)
        except FileError as error:
            status = await job.err(f"{path}: {error}")
            continue
        items = [data[at : at + 1] for at in range(len(data))] if by_bytes else data.splitlines(keepends=True)
        chosen = items[max(count - 1, 0) :] if text.startswith("+") else items[max(len(items) - count, 0) :]
        await job.out(b"".join(chosen))
    return status


async def _wc(job: Job) -> int:
    options = read_options(job.args, "lwcm")
    wanted = options.flags or {"l", "w", "c"}
    status = 0
    totals = [0, 0, 0]
    for path in options.rest or ["-"]:
        counts = [0, 0, 0]
        in_word = False
        try:
            async for chunk in job.chunks(path):
                counts[0] += chunk.count(b"\n")
                words = len(chunk.split())
                counts[1] += words - (in_word and words > 0 and not chunk[:1].isspace())
                in_word = not chunk[-1:].isspace()
                counts[2] += len(chunk)
        except FileError as error:
            status = await job.err(f"{path}: {error}")
            continue
        totals = [total + count for total, count in zip(totals, counts, strict=True)]
        await job.out(_counted(counts, wanted, path if options.rest else ""))
    if len(options.rest) > 1:
        await job.out(_counted(totals, wanted, "total"))
    return status


def _counted(counts: list[int], wanted: set[str], name: str) -> str:
    chosen = [counts["lwc".index(flag)] for flag in "lwc" if flag in wanted or (flag == "c" and "m" in wanted)]
    numbers = str(chosen[0]) if len(chosen) == 1 else " ".join(f"{count:9d}" for count in chosen)
    return f"{numbers} {name}\n" if name else f"{numbers}\n"


_CLASSES = {
    "[:upper:]": "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "[:lower:]": "abcdefghijklmnopqrstuvwxyz",
    "[:digit:]": "0123456789",
    "[:space:]": "\t\n\v\f\r ",
    "[:blank:]": "\t ",
}
_CLASSES["[:alpha:]"] = _CLASSES["[:upper:]"] + _CLASSES["[:lower:]"]
_CLASSES["[:alnum:]"] = _CLASSES["[:digit:]"] + _CLASSES["[:alpha:]"]


def _tr_set(text: str) -> bytes:
    for name, members in _CLASSES.items():
        text = text.replace(name, members)
    text = unescaped(text)[0]
    text = re.sub(r"(.)-(.)", lambda match: "".join(map(chr, range(ord(match[1]), ord(match[2]) + 1))), text, flags=re.DOTALL)
    return text.encode("latin-1", "replace")


async def _tr(job: Job) -> int:
    options = read_options(job.args, "cCds", first_operand_ends=True)
    if not options.rest:
        raise UsageError("missing operand")
    first = _tr_set(options.rest[0])
    if options.flags & {"c", "C"}:
        first = bytes(value for value in range(256) if value not in first)
    second = _tr_set(options.rest[1]) if len(options.rest) > 1 else b""
    delete = first if "d" in options.flags else None
    table = bytes(range(256))
    if delete is None and second:
        padded = second + second[-1:] * (len(first) - len(second))
        changed = bytearray(table)
        for source, target in zip(first, padded, strict=False):
            changed[source] = target
        table = bytes(changed)
    squeezed = (second or first) if "s" in options.flags else b""
    last = b""
    async for chunk in job.chunks():
        data = chunk.translate(table, delete or b"")
        if squeezed:
            data = re.sub(b"([" + re.escape(squeezed) + b"])\\1+", rb"\1", data, flags=re.DOTALL)
            if last and data[:1] == last and last in squeezed:
                data = data[1:]
            last = data[-1:] or last
        await job.out(data)
    return 0


def _grep_test(patterns: list[str], flags: set[str]) -> Callable[[str], list[str]]:
    """A function from a line to what matches in it."""
    sources = []
    for pattern in [single for many in patterns for single in many.split("\n")]:
        source = re.escape(pattern) if "F" in flags else translated(pattern, extended="E" in flags)
        if "w" in flags:
            source = rf"(?<!\w)(?:{source})(?!\w)"
        sources.append(f"^(?:{source})$" if "x" in flags else f"(?:{source})")
    compiled = re.compile("|".join(sources), re.IGNORECASE if "i" in flags else 0)
    return lambda line: [match[0] for match in compiled.finditer(line)]


async def _grep(job: Job) -> int:
    options = read_options(job.args, "EFivcnqolxwshHr", "em")
    flags = options.flags | ({"E"} if job.argv[0].endswith("egrep") else set())
    patterns = options.values.get("e") or options.rest[:1]
    files = options.rest if "e" in options.values else options.rest[1:]
    if not patterns:
        raise UsageError("no pattern")
    matches = _grep_test(patterns, flags)
    limit = options.number("m", -1)
    found = False
    status = 0
    for path in files or ["-"]:
        try:
            if await _grep_file(job, path, matches, flags, limit, named=len(files) > 1 and "h" not in flags):
                found = True
                if "q" in flags:
                    return 0
        except FileError as error:
            status = 2
            if "s" not in flags:
                await job.err(f"{path}: {error}")
    return 0 if found and not status else status or 1


async def _grep_file(
    job: Job, path: str, matches: Callable[[str], list[str]], flags: set[str], limit: int, *, named: bool
) -> bool:
    count = number = 0
    prefix = f"{path}:" if named else ""
    async for raw in job.lines(path):
        number += 1
        line = raw.decode("latin-1").removesuffix("\n")
        hits = matches(line)
        if bool(hits) == ("v" in flags):
            continue
        count += 1
        if flags & {"q", "l"}:
            break
        where = f"{prefix}{number}:" if "n" in flags else prefix
        if "o" in flags:
            await job.out("".join(f"{where}{hit}\n" for hit in hits if hit))
        elif "c" not in flags:
            await job.out(f"{where}{line}\n")
        if count == limit:
            break
    if "l" in flags and count:
        await job.out(f"{path}\n")
    elif "c" in flags:
        await job.out(f"{prefix}{count}\n")
    return count > 0


def _ranges(text: str) -> list[tuple[int, int]]:
    found = []
    for part in text.split(","):
        match = re.fullmatch(r"(\d*)(-?)(\d*)", part)
        if match is None or part in {"", "-"}:
            raise UsageError(f"invalid range '{text}'")
        first = int(match[1] or 1)
        found.append((first, int(match[3]) if match[3] else (10**9 if match[2] else first)))
    return found


async def _cut(job: Job) -> int:
    options = read_options(job.args, "s", "bcdf")
    kind = next((kind for kind in "fcb" if kind in options.values), None)
    if kind is None:
        raise UsageError("expected a list of bytes, characters, or fields")
    chosen = _ranges(options.last(kind, ""))
    delimiter = options.last("d", "\t")
    for path in options.rest or ["-"]:
        async for raw in job.lines(path):
            line = raw.decode("latin-1").removesuffix("\n")
            if kind == "f" and delimiter not in line:
                if "s" not in options.flags:
                    await job.out(line + "\n")
                continue
            items = line.split(delimiter) if kind == "f" else list(line)
            kept = [item for at, item in enumerate(items, 1) if any(low <= at <= high for low, high in chosen)]
            await job.out((delimiter if kind == "f" else "").join(kept) + "\n")
    return 0


async def _sort(job: Job) -> int:
    options = read_options(job.args, "nru")
    lines = [line.removesuffix(b"\n") for path in options.rest or ["-"] for line in (await job.content(path)).splitlines()]

    def value(line: bytes) -> tuple[float, bytes]:
        match = re.match(rb"\s*(-?\d+)", line)
        return (float(match[1]) if match else 0.0) if "n" in options.flags else 0.0, line

    if "u" in options.flags:
        lines = list(dict.fromkeys(lines))
    lines.sort(key=value, reverse="r" in options.flags)
    await job.out(b"".join(line + b"\n" for line in lines))
    return 0


async def _uniq(job: Job) -> int:
    options = read_options(job.args, "cdu")
    groups: list[tuple[bytes, int]] = []
    for line in (await job.content(*options.rest[:1])).splitlines():
        if groups and groups[-1][0] == line:
            groups[-1] = line, groups[-1][1] + 1
        else:
            groups.append((line, 1))
    for line, count in groups:
        if ("d" in options.flags and count == 1) or ("u" in options.flags and count > 1):
            continue
        await job.out((f"{count:7d} ".encode() if "c" in options.flags else b"") + line + b"\n")
    return 0


async def _tee(job: Job) -> int:
    options = read_options(job.args, "ai")
    files = [job.fs.create(path, job.cwd, truncate="a" not in options.flags) for path in options.rest]
    async for chunk in job.chunks():
        for file in files:
            file.data += chunk
        await job.out(chunk)
    return 0


async def _seq(job: Job) -> int:
    numbers = [int(word) for word in job.args if re.fullmatch(r"-?\d+", word)]
    if not numbers or len(numbers) != len(job.args):
        raise UsageError("invalid number")
    first = numbers[0] if len(numbers) > 1 else 1
    step = numbers[1] if len(numbers) > 2 else 1
    last = numbers[-1]
    if step:
        await job.out("".join(f"{number}\n" for number in range(first, last + (1 if step > 0 else -1), step)))
    return 0


PROGRAMS: dict[str, Program] = {
    name: with_usage(program)
    for name, program in {
        "cat": _cat, "head": _head, "tail": _tail, "wc": _wc, "tr": _tr, "grep": _grep, "egrep": _grep, "cut": _cut,
        "sort": _sort, "uniq": _uniq, "tee": _tee, "seq": _seq,
    }.items()
}  # fmt: skip
