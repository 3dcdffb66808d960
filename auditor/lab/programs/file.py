"""Programs of a simulated host that work on its file tree: ls, cp, mv, rm, mkdir, mktemp, dd, readlink, and the like."""

from __future__ import annotations

import posixpath
import secrets
import string

from auditor.lab.hosts.filesystem import Directory, File, FileError, Link, Node
from auditor.lab.programs.options import UsageError, read_options
from auditor.lab.programs.registry import Job, Program
from auditor.lab.programs.text import with_usage


async def _ls(job: Job) -> int:
    options = read_options(job.args, "lad1hAF")
    status = 0
    files: list[tuple[str, Node]] = []
    folders: list[tuple[str, Directory]] = []
    for path in options.rest or ["."]:
        try:
            # A link given as an operand is followed only without -l and without -d.
            node = job.fs.node(path, job.cwd, follow=not options.flags & {"l", "d"} or path.endswith("/"))
        except FileError as error:
            status = await job.err(f"{path}: {error}")
            continue
        if isinstance(node, Directory) and "d" not in options.flags:
            folders.append((path, node))
        else:
            files.append((path, node))
    await job.out(
        "".join(_listed(job, name, node, long="l" in options.flags) for name, node in sorted(files, key=lambda x: x[0]))
    )
    for path, folder in folders:
        if len(options.rest) > 1:
            await job.out(f"\n{path}:\n" if files or path != folders[0][0] else f"{path}:\n")
        for name in sorted(folder.entries):
            if not name.startswith(".") or options.flags & {"a", "A"}:
                await job.out(_listed(job, name, folder.entries[name], long="l" in options.flags))
    return status


def _listed(job: Job, name: str, node: Node, *, long: bool) -> str:
    if not long:
        return f"{name}\n"
    mode = {Directory: "drwxr-xr-x", Link: "lrwxrwxrwx"}.get(type(node), "-rw-r--r--")
    size = len(node.data) if isinstance(node, File) else len(node.target) if isinstance(node, Link) else 512
    arrow = f" -> {node.target}" if isinstance(node, Link) else ""
    when = (node.modified if isinstance(node, File) else None) or job.host.boot_time
    date = when.strftime("%b %e %H:%M") if when else "Jan  1 00:00"
    return f"{mode}    1 root     root     {size:9d} {date} {name}{arrow}\n"


async def _rm(job: Job) -> int:
    options = read_options(job.args, "rfRi")
    status = 0
    for path in options.rest:
        try:
            node = job.fs.node(path, job.cwd, follow=False)
            if isinstance(node, Directory) and not options.flags & {"r", "R"}:
                status = await job.err(f"'{path}' is a directory")
                continue
            job.fs.remove(path, job.cwd)
        except FileError as error:
            if "f" not in options.flags:
                status = await job.err(f"can't remove '{path}': {error}")
    return status


async def _mkdir(job: Job) -> int:
    options = read_options(job.args, "p", "m")
    if not options.rest:
        raise UsageError("missing operand")
    status = 0
    for path in options.rest:
        try:
            if "p" in options.flags:
                job.fs.make_folders(posixpath.normpath(posixpath.join(job.cwd, path)))
                continue
            real, node = job.fs.locate(path.rstrip("/") or "/", job.cwd)
            if node is not None:
                status = await job.err(f"can't create directory '{path}': File exists")
                continue
            job.fs.folder_of(real).entries[posixpath.basename(real)] = Directory()
        except FileError as error:
            status = await job.err(f"can't create directory '{path}': {error}")
    return status


async def _rmdir(job: Job) -> int:
    for path in job.args:
        node = job.fs.node(path, job.cwd, follow=False)
        if not isinstance(node, Directory) or node.entries:
            return await job.err(f"'{path}': {'Directory not empty' if isinstance(node, Directory) else 'Not a directory'}")
        job.fs.remove(path, job.cwd)
    return 0


async def _mktemp(job: Job) -> int:
    options = read_options(job.args, "dqtu", "p")
    template = options.rest[0] if options.rest else "/tmp/tmp.XXXXXX"  # noqa: S108 - the simulated host's own
    letters = string.ascii_letters + string.digits
    stem = template.rstrip("X")
    if len(template) - len(stem) < 6:
        return await job.err(f"{template}: Invalid argument")
    path = stem + "".join(secrets.choice(letters) for _ in range(len(template) - len(stem)))
    if "p" in options.values:
        path = posixpath.join(options.last("p", ""), path)
    real, _ = job.fs.locate(path, job.cwd)
    job.fs.folder_of(real).entries[posixpath.basename(real)] = Directory() if "d" in options.flags else File()
    await job.out(path + "\n")
    return 0


async def _readlink(job: Job) -> int:
    options = read_options(job.args, "fnv")
    status = 0
    for path in options.rest:
        try:
            if "f" in options.flags:
                found = job.fs.locate(path, job.cwd)[0]
            else:
                node = job.fs.node(path, job.cwd, follow=False)
                found = node.target if isinstance(node, Link) else ""
        except FileError:
            found = ""
        if found:
            await job.out(found + ("" if "n" in options.flags else "\n"))
        else:
            status = 1
    return status


async def _cp(job: Job) -> int:
    options = read_options(job.args, "afprRdL")
    *sources, target = options.rest if len(options.rest) > 1 else ["", ""]
    if not sources[0]:
        raise UsageError("missing operand")
    status = 0
    for source in sources:
        try:
            data = job.fs.read(source, job.cwd)
            job.fs.create(_inside(job, target, source), job.cwd).data = data
        except FileError as error:
            status = await job.err(f"can't copy '{source}': {error}")
    return status


def _inside(job: Job, target: str, source: str) -> str:
    """The target, or the place in it when it is a folder."""
    try:
        folder = isinstance(job.fs.node(target, job.cwd), Directory)
    except FileError:
        folder = False
    return posixpath.join(target, posixpath.basename(source)) if folder else target


async def _mv(job: Job) -> int:
    options = read_options(job.args, "f")
    if len(options.rest) != 2:
        raise UsageError("need two operands")
    source, target = options.rest
    node = job.fs.node(source, job.cwd, follow=False)
    real, _ = job.fs.locate(_inside(job, target, source), job.cwd, follow=False)
    job.fs.folder_of(real).entries[posixpath.basename(real)] = node
    job.fs.remove(source, job.cwd)
    return 0


async def _ln(job: Job) -> int:
    options = read_options(job.args, "sfn")
    if len(options.rest) != 2 or "s" not in options.flags:
        raise UsageError("only -s TARGET LINK is simulated")
    target, path = options.rest
    real, node = job.fs.locate(path, job.cwd, follow=False)
    if node is not None and "f" not in options.flags:
        raise FileError(f"{path}: File exists")
    job.fs.folder_of(real).entries[posixpath.basename(real)] = Link(target)
    return 0


async def _touch(job: Job) -> int:
    for path in read_options(job.args, "c").rest:
        job.fs.create(path, job.cwd, truncate=False)
    return 0


async def _stat(job: Job) -> int:
    options = read_options(job.args, "Lt", "c")
    for path in options.rest:
        node = job.fs.node(path, job.cwd, follow="L" in options.flags)
        size = len(node.data) if isinstance(node, File) else 512
        kind = {Directory: "directory", Link: "symbolic link"}.get(type(node), "regular file")
        shown = options.last("c", "  File: %n\n  Size: %s\t%F")
        when = (node.modified if isinstance(node, File) else None) or job.host.boot_time
        seconds = str(int(when.timestamp())) if when else "0"
        for letter, value in (("%n", path), ("%s", str(size)), ("%F", kind), ("%Y", seconds)):
            shown = shown.replace(letter, value)
        await job.out(shown + "\n")
    return 0


_DD_SCALES = {"c": 1, "w": 2, "b": 512, "kB": 1000, "k": 1024, "K": 1024, "MB": 10**6, "M": 1024**2}


def _dd_number(text: str) -> int:
    digits = text.rstrip(string.ascii_letters)
    scale = _DD_SCALES.get(text[len(digits) :], 1)
    if not digits.isdigit():
        raise UsageError(f"invalid number '{text}'")
    return int(digits) * scale


async def _dd(job: Job) -> int:
    given = dict(word.partition("=")[::2] for word in job.args)
    unknown = set(given) - {"if", "of", "bs", "ibs", "obs", "count", "skip", "seek", "conv", "status"}
    if unknown:
        raise UsageError(f"unsupported {', '.join(sorted(unknown))}")
    size = _dd_number(given.get("bs", given.get("ibs", "512")))
    skip = _dd_number(given.get("skip", "0")) * size
    limit = _dd_number(given["count"]) * size if "count" in given else None
    data = bytearray()
    async for chunk in job.chunks(given.get("if", "-")):
        data += chunk
        if limit is not None and len(data) >= skip + limit:
            break
    data = data[skip : None if limit is None else skip + limit]
    if "of" in given:
        at = _dd_number(given.get("seek", "0")) * size
        keep = "notrunc" in given.get("conv", "").split(",")
        file = job.fs.create(given["of"], job.cwd, truncate=False)
        old = file.data
        file.data = old[:at].ljust(at, b"\0") + bytes(data) + (old[at + len(data) :] if keep else b"")
    else:
        await job.out(bytes(data))
    if given.get("status") not in {"none", "noxfer"} and (stream := job.fds.find(2)) is not None:
        counts = f"{len(data) // size}+{int(len(data) % size > 0)}"
        await stream.write(f"{counts} records in\n{counts} records out\n".encode())
    return 0


async def _basename(job: Job) -> int:
    if not job.args:
        raise UsageError("missing operand")
    base = posixpath.basename(job.args[0].rstrip("/")) or "/"
    suffix = job.args[1] if len(job.args) > 1 else ""
    await job.out((base.removesuffix(suffix) if base != suffix else base) + "\n")
    return 0


async def _dirname(job: Job) -> int:
    if not job.args:
        raise UsageError("missing operand")
    await job.out((posixpath.dirname(job.args[0].rstrip("/") or "/") or ("." if "/" not in job.args[0] else "/")) + "\n")
    return 0


async def _nothing(job: Job) -> int:
    return 0


PROGRAMS: dict[str, Program] = {
    name: with_usage(program)
    for name, program in {
        "ls": _ls, "rm": _rm, "mkdir": _mkdir, "rmdir": _rmdir, "mktemp": _mktemp, "readlink": _readlink, "cp": _cp,
        "mv": _mv, "ln": _ln, "touch": _touch, "stat": _stat, "dd": _dd, "basename": _basename, "dirname": _dirname,
        "sync": _nothing, "chmod": _nothing, "chown": _nothing,
    }.items()
}  # fmt: skip
