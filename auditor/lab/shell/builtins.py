"""Builtin commands of the simulated ESXi shell: those that change the shell itself, and those ash has built in for speed."""

from __future__ import annotations

import re

from auditor.lab.hosts.filesystem import Directory, FileError
from auditor.lab.programs.registry import where_is
from auditor.lab.shell.conditions import TestError, evaluate_test
from auditor.lab.shell.evaluation import Builtin, Shell
from auditor.lab.shell.printing import echoed, printed
from auditor.lab.shell.process import SIGNALS
from auditor.lab.shell.state import ExitShell, LeaveLoop, ReturnFrom
from auditor.lab.shell.words import ExpansionError


def signal_number(name: str) -> int | None:
    """9, KILL or SIGKILL as a number; EXIT is 0."""
    name = name.upper().removeprefix("SIG")
    if name == "EXIT":
        return 0
    return SIGNALS.get(name, int(name) if name.isdigit() else None)


async def _nothing(shell: Shell, argv: list[str]) -> int:
    return 0


async def _false(shell: Shell, argv: list[str]) -> int:
    return 1


async def _echo(shell: Shell, argv: list[str]) -> int:
    await shell.write(echoed(argv[1:]))
    return 0


async def _printf(shell: Shell, argv: list[str]) -> int:
    if len(argv) < 2:
        await shell.complain("printf: usage: printf FORMAT [ARG]...")
        return 2
    text, complaint = printed(argv[1], argv[2:])
    await shell.write(text)
    if complaint:
        await shell.complain(f"printf: {complaint}")
    return int(bool(complaint))


async def _test(shell: Shell, argv: list[str]) -> int:
    words = argv[1:]
    if argv[0] == "[":
        if not words or words[-1] != "]":
            await shell.complain("[: missing ]")
            return 2
        words = words[:-1]
    try:
        return int(not evaluate_test(words, shell))
    except TestError as error:
        await shell.complain(f"{argv[0]}: {error}")
        return 2


def _number(argv: list[str], default: int) -> int:
    if len(argv) < 2:
        return default
    if not argv[1].lstrip("-").isdigit():
        raise ExpansionError(f"{argv[0]}: Illegal number: {argv[1]}")
    return int(argv[1])


async def _exit(shell: Shell, argv: list[str]) -> int:
    raise ExitShell(_number(argv, shell.status) & 0xFF)


async def _return(shell: Shell, argv: list[str]) -> int:
    status = _number(argv, shell.status) & 0xFF
    raise ReturnFrom(status) if shell.locals else ExitShell(status)


async def _leave(shell: Shell, argv: list[str]) -> int:
    levels = min(_number(argv, 1), shell.loops)
    if levels > 0:
        raise LeaveLoop(levels, again=argv[0] == "continue")
    return 0


async def _cd(shell: Shell, argv: list[str]) -> int:
    target = argv[1] if len(argv) > 1 else shell.variables.get("HOME", "/")
    real, node = shell.fs.locate(target, shell.cwd)
    if not isinstance(node, Directory):
        raise FileError(f"can't cd to {target}: {'No such file or directory' if node is None else 'Not a directory'}")
    shell.cwd = shell.variables["PWD"] = real
    return 0


async def _pwd(shell: Shell, argv: list[str]) -> int:
    await shell.write(shell.cwd + "\n")
    return 0


async def _shift(shell: Shell, argv: list[str]) -> int:
    count = _number(argv, 1)
    if count > len(shell.args):
        return 1
    del shell.args[:count]
    return 0


async def _set(shell: Shell, argv: list[str]) -> int:
    words = argv[1:]
    if not words:
        for name in sorted(shell.variables):
            await shell.write(f"{name}='{shell.variables[name]}'\n")
        return 0
    while words and words[0][:1] in {"-", "+"} and words[0] not in {"-", "--"}:
        flags = words.pop(0)
        for flag in flags[1:]:
            if flag == "o" and words:
                words.pop(0)
            elif flags[0] == "-":
                shell.options.add(flag)
            else:
                shell.options.discard(flag)
        if not words:
            return 0
    shell.args = words[1:] if words[:1] == ["--"] else words
    return 0


async def _export(shell: Shell, argv: list[str]) -> int:
    for word in argv[1:]:
        name, equals, value = word.partition("=")
        if word == "-p":
            continue
        if equals:
            shell.assign([(name, value)])
        (shell.exported if argv[0] == "export" else shell.read_only).add(name)
    return 0


async def _local(shell: Shell, argv: list[str]) -> int:
    if not shell.locals:
        raise ExpansionError("local: not in a function")
    for word in argv[1:]:
        name, equals, value = word.partition("=")
        shell.locals[-1].setdefault(name, shell.variables.get(name))
        if equals:
            shell.assign([(name, value)])
    return 0


async def _unset(shell: Shell, argv: list[str]) -> int:
    functions = "-f" in argv[1:2]
    for name in argv[1:]:
        if functions:
            shell.functions.pop(name, None)
        elif name in shell.read_only:
            raise ExpansionError(f"unset: {name}: is read only")
        else:
            shell.variables.pop(name, None)
    return 0


async def _eval(shell: Shell, argv: list[str]) -> int:
    return await shell.source(" ".join(argv[1:]))


async def _dot(shell: Shell, argv: list[str]) -> int:
    try:
        text = shell.fs.read(argv[1], shell.cwd).decode("latin-1")
    except (FileError, IndexError):
        raise ExpansionError(f".: can't open '{''.join(argv[1:2])}'") from None
    return await shell.source(text)


async def _trap(shell: Shell, argv: list[str]) -> int:
    words = argv[2:] if argv[1:2] == ["--"] else argv[1:]
    if not words:
        for caught, text in sorted(shell.traps.items()):
            name = next((name for name, value in SIGNALS.items() if value == caught), "EXIT")
            await shell.write(f"trap -- '{text}' {name}\n")
        return 0
    action: str | None = None if words[0] == "-" or signal_number(words[0]) is not None else words[0]
    names = words if action is None and words[0] != "-" else words[1:]
    for name in names:
        number = signal_number(name)
        if number is None:
            await shell.complain(f"trap: {name}: invalid signal specification")
            return 1
        shell.traps.pop(number, None)
        if action is not None:
            shell.traps[number] = action
    process = shell.process
    process.trapped = {caught for caught, text in shell.traps.items() if text and caught}
    process.ignored = {caught for caught, text in shell.traps.items() if not text and caught}
    return 0


async def _wait(shell: Shell, argv: list[str]) -> int:
    numbers = [int(word) if word.isdigit() else -1 for word in argv[1:]] or list(shell.children)
    status = 0
    for number in numbers:
        child = shell.children.get(number)
        if child is None:
            status = 127
            continue
        ended = await shell.process.wait_for(child)
        if ended is None:
            return 128 + shell.process.pending[0]
        status = ended
    if len(argv) > 1:
        return status
    shell.children.clear()
    return 0


async def _kill(shell: Shell, argv: list[str]) -> int:
    words = argv[1:]
    number: int | None = SIGNALS["TERM"]
    if words[:1] == ["-l"]:
        await shell.write("".join(f"{value}) {name}\n" for name, value in SIGNALS.items()))
        return 0
    if words[:1] == ["-s"]:
        number, words = signal_number("".join(words[1:2])), words[2:]
    elif words and re.fullmatch(r"-[A-Za-z0-9]+", words[0]):
        number, words = signal_number(words[0][1:]), words[1:]
    if words[:1] == ["--"]:
        words = words[1:]
    if number is None or not words:
        await shell.complain("kill: bad signal name" if number is None else "kill: you need to specify whom to kill")
        return 1
    status = 0
    for word in words:
        if not re.fullmatch(r"-?\d+", word):
            await shell.complain(f"kill: invalid number '{word}'")
            status = 1
        elif not shell.machine.session.kill(int(word), number):
            await shell.complain(f"kill: can't kill pid {word}: No such process")
            status = 1
    return status


async def _read(shell: Shell, argv: list[str]) -> int:
    words = argv[1:]
    raw = False
    while words and words[0].startswith("-"):
        flag = words.pop(0)
        raw = raw or flag == "-r"
        if flag == "-p" and words:
            words.pop(0)
    data = bytearray()
    status = 1
    stdin = shell.process.fds.get(0)
    while byte := await stdin.read(1):
        if byte == b"\n":
            if raw or not data.endswith(b"\\"):
                status = 0
                break
            del data[-1:]
            continue
        data += byte
    text = data.decode("latin-1")
    if not raw:
        text = re.sub(r"\\(.)", r"\1", text)
    _spread(shell, words or ["REPLY"], text)
    return status


def _spread(shell: Shell, names: list[str], text: str) -> None:
    """Fields of a line into variables; the last one takes the rest."""
    ifs = shell.variables.get("IFS", " \t\n")
    soft = re.escape("".join(char for char in ifs if char in " \t\n"))
    hard = re.escape("".join(char for char in ifs if char not in " \t\n"))
    strip = "".join(char for char in ifs if char in " \t\n")
    text = text.strip(strip) if strip else text
    blank = f"[{soft}]*" if soft else ""
    separator = "|".join(part for part in (f"{blank}[{hard}]{blank}" if hard else "", f"[{soft}]+" if soft else "") if part)
    parts = re.split(separator, text, maxsplit=len(names) - 1) if separator and len(names) > 1 else [text]
    parts += [""] * (len(names) - len(parts))
    shell.assign(list(zip(names, parts, strict=True)))


async def _type(shell: Shell, argv: list[str]) -> int:
    status = 0
    for name in argv[1:]:
        if name in shell.functions:
            await shell.write(f"{name} is a function\n")
        elif name in BUILTINS:
            await shell.write(f"{name} is a shell builtin\n")
        elif (path := where_is(name)) is not None:
            await shell.write(f"{name} is {path}\n")
        else:
            await shell.write(f"{name}: not found\n")
            status = 127
    return status


async def _command(shell: Shell, argv: list[str]) -> int:
    words = argv[1:]
    verbose = words[:1] in (["-v"], ["-V"])
    if not verbose:
        words = words[1:] if words[:1] == ["-p"] else words
        if not words:
            return 0
        function = BUILTINS.get(words[0])
        return await (shell.builtin(function, words) if function else shell.external(words, (), {}))
    status = 0
    for name in words[1:]:
        found = name if name in shell.functions or name in BUILTINS else where_is(name)
        if found is None:
            status = 127
        else:
            await shell.write(f"{found}\n")
    return status


async def _umask(shell: Shell, argv: list[str]) -> int:
    if len(argv) == 1:
        await shell.write("0022\n")
    return 0


async def _times(shell: Shell, argv: list[str]) -> int:
    await shell.write("0m0.00s 0m0.00s\n0m0.00s 0m0.00s\n")
    return 0


BUILTINS: dict[str, Builtin] = {
    ":": _nothing, "true": _nothing, "false": _false, "echo": _echo, "printf": _printf, "test": _test, "[": _test,
    "exit": _exit, "return": _return, "break": _leave, "continue": _leave, "cd": _cd, "pwd": _pwd, "shift": _shift,
    "set": _set, "export": _export, "readonly": _export, "local": _local, "unset": _unset, "eval": _eval, ".": _dot,
    "trap": _trap, "wait": _wait, "kill": _kill, "read": _read, "type": _type, "command": _command, "umask": _umask,
    "times": _times, "ulimit": _nothing, "hash": _nothing, "exec": _nothing,
}  # fmt: skip

SPECIAL = frozenset(
    [":", "break", ".", "continue", "eval", "exec", "exit", "export", "readonly", "return", "set", "shift", "trap", "unset"]
)
"""Builtins after which an assignment in front of them stays."""

__all__ = ["BUILTINS", "SPECIAL", "signal_number"]
