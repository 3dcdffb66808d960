"""Programs of a simulated host about processes, time and names: sleep, date, sh, setsid, timeout, env, hostname, uname."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from datetime import UTC, datetime

from auditor.lab.hosts.filesystem import FileError
from auditor.lab.programs.options import UsageError, read_options
from auditor.lab.programs.registry import Job, Program, find_program, run_program
from auditor.lab.programs.text import with_usage
from auditor.lab.shell.printing import echoed, printed

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def _seconds(text: str) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd]?)", text)
    if match is None:
        raise UsageError(f"invalid number '{text}'")
    return float(match[1]) * _UNITS[match[2]]


async def _sleep(job: Job) -> int:
    if not job.args:
        raise UsageError("missing operand")
    await asyncio.sleep(sum(_seconds(word) for word in job.args))
    return 0


async def _date(job: Job) -> int:
    options = read_options(job.args, "uR", "d")
    given = options.last("d", "")
    now = datetime.fromtimestamp(int(given[1:]), UTC) if re.fullmatch(r"@\d+", given) else job.host.clock()
    form = next((word[1:] for word in options.rest if word.startswith("+")), "%a %b %e %H:%M:%S UTC %Y")
    form = form.replace("%s", str(int(now.timestamp())))
    await job.out(now.astimezone(UTC).strftime(form) + "\n")
    return 0


async def _other(job: Job, argv: list[str], **changes: object) -> int:
    """Run another program with this one's streams."""
    if find_program(argv[0], job.fs, job.cwd) is None:
        await job.err(f"can't execute '{argv[0]}': No such file or directory")
        return 127
    return await run_program(replace(job, argv=argv, fault=None, **changes))  # type: ignore[arg-type] # fields by name


async def _setsid(job: Job) -> int:
    argv = job.args[1:] if job.args[:1] == ["-c"] else job.args
    if not argv:
        raise UsageError("missing operand")
    if job.process is not None:
        job.process.group = job.process.number
    return await _other(job, argv)


async def _env(job: Job) -> int:
    environment = dict(job.environment)
    words = list(job.args)
    while words and "=" in words[0]:
        name, _, value = words.pop(0).partition("=")
        environment[name] = value
    if words:
        return await _other(job, words, environment=environment)
    await job.out("".join(f"{name}={value}\n" for name, value in environment.items()))
    return 0


async def _nice(job: Job) -> int:
    options = read_options(job.args, "", "n", first_operand_ends=True)
    return await _other(job, options.rest) if options.rest else 0


async def _timeout(job: Job) -> int:
    options = read_options(job.args, "", "stk", first_operand_ends=True)
    words = options.rest
    limit = options.last("t", "") or (words.pop(0) if words else "")
    if not words:
        raise UsageError("missing operand")
    try:
        return await asyncio.wait_for(_other(job, words), _seconds(limit))
    except TimeoutError:
        return 143


async def _sh(job: Job) -> int:
    """``sh FILE``, ``sh -c TEXT [NAME [ARG]...]``, or the program on standard input."""
    options = read_options(job.args, "sxeuf", "c", first_operand_ends=True)
    if "c" in options.values:
        text = options.last("c", "")
        name, args = (options.rest[0], options.rest[1:]) if options.rest else ("sh", [])
    elif options.rest and "s" not in options.flags:
        name, args = options.rest[0], options.rest[1:]
        try:
            text = job.fs.read(name, job.cwd).decode("latin-1")
        except FileError:
            await job.err(f"can't open '{name}': No such file or directory")
            return 2
    else:
        name, args = "sh", options.rest
        text = (await job.content()).decode("latin-1")
    session = job.machine.session
    process = session.new(job.fds.copy(), group=job.process.group if job.process else None)

    async def main(own: object) -> int:
        shell = job.new_shell(process, name, args)
        shell.cwd = job.cwd
        shell.variables.update(job.environment)
        shell.exported |= set(job.environment)
        shell.options |= options.flags & {"e", "u", "f"}
        status: int = await shell.program(text)
        return status

    process.start(main)
    try:
        return await asyncio.shield(process.done)
    except asyncio.CancelledError:
        process.signal(9)
        raise


async def _hostname(job: Job) -> int:
    full = read_options(job.args, "fsd").flags
    await job.out((job.host.name if "f" in full else job.host.name.split(".")[0]) + "\n")
    return 0


async def _uname(job: Job) -> int:
    image = job.host.running_image
    values = {
        "s": "VMkernel", "n": job.host.name.split(".")[0], "r": image.product_version,
        "v": f"#1 SMP Release build-{image.build}", "m": "x86_64",
    }  # fmt: skip
    flags = read_options(job.args, "asnrvm").flags
    wanted = "snrvm" if "a" in flags else "".join(flag for flag in "snrvm" if flag in flags) or "s"
    await job.out(" ".join(values[flag] for flag in wanted) + ("\n" if "a" not in flags else " x86_64 x86_64 ESXi\n"))
    return 0


async def _id(job: Job) -> int:
    short = read_options(job.args, "ugn").flags
    await job.out(("root" if "n" in short else "0") + "\n" if short else "uid=0(root) gid=0(root)\n")
    return 0


async def _ps(job: Job) -> int:
    await job.out("PID  GROUP\n")
    for process in list(job.machine.session.processes.values()):
        await job.out(f"{process.number}  {process.group}\n")
    return 0


async def _echo(job: Job) -> int:
    await job.out(echoed(job.args))
    return 0


async def _printf(job: Job) -> int:
    if not job.args:
        raise UsageError("missing operand")
    text, complaint = printed(job.args[0], job.args[1:])
    await job.out(text)
    return await job.err(complaint) if complaint else 0


async def _true(job: Job) -> int:
    return 0


async def _false(job: Job) -> int:
    return 1


async def _yes(job: Job) -> int:
    block = (" ".join(job.args) or "y").encode("latin-1", "replace") + b"\n"
    block *= max(1, 4096 // len(block))
    while True:
        await job.out(block)
        await asyncio.sleep(0)


PROGRAMS: dict[str, Program] = {
    name: with_usage(program)
    for name, program in {
        "sleep": _sleep, "date": _date, "setsid": _setsid, "env": _env, "nice": _nice, "nohup": _nice,
        "timeout": _timeout, "sh": _sh, "ash": _sh, "hostname": _hostname, "uname": _uname, "id": _id, "ps": _ps,
        "echo": _echo, "printf": _printf, "true": _true, "false": _false, "yes": _yes,
    }.items()
}  # fmt: skip
