"""The command line's shell: lazy commands, exit codes, errors for people, streams."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import click
import pytest

from auditor import errors
from auditor.cli import exit_codes, main, output
from auditor.cli.exit_codes import ExitCode
from auditor.cli.lazy import Lazy, LazyGroup
from auditor.domain.assessment import Verdict

HEAVY = {"pyVmomi", "vmware", "com", "paramiko", "sqlite_utils", "asyncssh", "jsonschema", "rich", "cattrs", "cryptography"}


def loaded_by(*arguments: str) -> set[str]:
    """The heavy libraries that are imported once ``auditor ARGUMENTS`` has run."""
    code = f"""
        import sys
        from auditor.cli.main import main
        code = main({list(arguments)!r})
        assert code == 0, code
        sys.stderr.write("LOADED " + " ".join(sorted({{name.partition(".")[0] for name in sys.modules}})))
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True)
    return set(done.stderr.split("LOADED ")[1].split()) & HEAVY


def test_help_loads_nothing_heavy() -> None:
    assert loaded_by("--help") == set()


def test_banks_predict_loads_nothing_heavy(tmp_path: Path) -> None:
    for name, updated in (("a", 2), ("b", 1)):
        (tmp_path / name).write_text(f"bootstate=0\nkernel=b.b00\nbuild=8.0.3-0.70.24674464\nupdated={updated}\n")
    assert loaded_by("banks", "predict", str(tmp_path / "a"), str(tmp_path / "b")) == set()


def test_help_imports_no_command() -> None:
    code = (
        "import sys; from auditor.cli.main import main; main(['--help']); from auditor.cli.main import COMMANDS;"
        "sys.exit(any(entry.target.partition(':')[0] in sys.modules for entry in COMMANDS.values()))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0


def test_the_epilog_has_all_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["--help"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    for code in ExitCode:
        assert f"{code.value} {code.meaning}" in shown


def test_exit_codes_are_those_that_scripts_rely_on() -> None:
    assert {code.name: code.value for code in ExitCode} == {
        "DONE": 0,
        "FAILED": 1,
        "USAGE": 2,
        "DRIFT": 3,
        "INCOMPLETE": 4,
        "REFUSED": 5,
        "LOCKED": 6,
        "INTERRUPTED": 130,
        "BROKEN_PIPE": 141,
    }
    assert [exit_codes.for_verdict(verdict) for verdict in (Verdict.IN_SYNC, Verdict.DRIFT, Verdict.INCOMPLETE)] == [0, 3, 4]
    # Recorded nowhere: what was seen counts, and where all is in sync, that history has a hole.
    assert [exit_codes.for_verdict(verdict, recorded=False) for verdict in Verdict] == [
        exit_codes.for_verdict(verdict) or 1 for verdict in Verdict
    ]


def all_errors(cls: type[errors.AuditorError]) -> list[type[errors.AuditorError]]:
    return [cls, *(found for sub in cls.__subclasses__() for found in all_errors(sub))]


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> list[BaseException]:
    """Makes ``auditor fail`` raise what the test puts into the list."""
    raised: list[BaseException] = []

    @click.command()
    @main.verbose_option
    def fail() -> None:
        raise raised[0]

    monkeypatch.setattr(Lazy, "load", lambda self: fail)
    monkeypatch.setitem(main.COMMANDS, "fail", Lazy("nowhere:fail", "Fail."))
    return raised


@pytest.mark.parametrize("kind", all_errors(errors.AuditorError))
def test_an_error_says_what_where_tried_next(
    kind: type[errors.AuditorError], failing: list[BaseException], capsys: pytest.CaptureFixture[str]
) -> None:
    error = kind.__new__(kind)  # some kinds want more arguments of their own
    errors.AuditorError.__init__(error, "it broke", where="vc01", tried="twice", hint="once more")
    failing.append(error)
    code = main.main(["fail"])
    assert code == (5 if issubclass(kind, errors.RefusedError) else 6 if issubclass(kind, errors.LockedError) else 1)
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "auditor: vc01: it broke\n  tried: twice\n  next: once more\n"


def test_error_text_cannot_act_on_the_terminal(failing: list[BaseException], capsys: pytest.CaptureFixture[str]) -> None:
    failing.append(errors.ReadError("said \x1b]0;owned\x07\u202e", where="esx\x1b[2J"))
    main.main(["fail"])
    err = capsys.readouterr().err
    assert not [char for char in err if ord(char) < 32 and char != "\n"]
    assert "\u202e" not in err


@pytest.mark.parametrize(("flags", "shows"), [([], False), (["-v"], False), (["-vv"], True), (["-v", "-v"], True)])
def test_an_unexpected_exception_is_one_line_and_a_traceback_on_demand(
    flags: list[str], shows: bool, failing: list[BaseException], capsys: pytest.CaptureFixture[str]
) -> None:
    failing.append(ValueError("unforeseen"))
    assert main.main([*flags, "fail"]) == 1
    err = capsys.readouterr().err
    assert err.startswith("auditor: internal error: ValueError: unforeseen\n")
    assert ("Traceback" in err) == shows
    assert ("-vv shows the traceback" in err) != shows


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a disk that is always full is a device of Linux")
def test_a_full_disk_behind_the_output_is_no_internal_error() -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "auditor", "lab", "list"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert "auditor: the output could not be written: No space left on device\n  next: " in done.stderr
    assert "internal error" not in done.stderr
    assert "Traceback" not in done.stderr


def test_verbosity_counts_before_and_after_the_command(
    failing: list[BaseException], capsys: pytest.CaptureFixture[str]
) -> None:
    failing.append(errors.ReadError("it broke"))
    main.main(["-v", "fail", "-v"])
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt(), click.Abort(), EOFError()])
def test_interrupts(interrupt: BaseException, failing: list[BaseException], capsys: pytest.CaptureFixture[str]) -> None:
    failing.append(interrupt)
    assert main.main(["fail"]) == 130
    assert "auditor: interrupted" in capsys.readouterr().err


def test_a_real_interrupt_ends_with_130(tmp_path: Path) -> None:
    code = textwrap.dedent("""
        import sys, time, click
        from auditor.cli import main
        from auditor.cli.lazy import Lazy
        @click.command()
        def wait():
            click.echo("ready")
            time.sleep(600)
        Lazy.load = lambda self: wait
        sys.exit(main.main(["snapshot"]))
    """)
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "auditor: interrupted" in err
    assert "Traceback" not in err


@pytest.mark.parametrize("stream", [1, 2])
def test_a_closed_stream_is_no_internal_error(stream: int) -> None:
    command = f"exec {shlex.quote(sys.executable)} -m auditor lab list {stream}>&-"
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "error" not in done.stderr
    assert done.stdout or stream == 1


def test_a_reader_that_goes_away_is_no_failure() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    arguments = [sys.executable, "-m", "auditor.cli.main", "runbook", "show", "host-ahead"]
    done = subprocess.run(arguments, stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert done.returncode == ExitCode.BROKEN_PIPE
    assert done.stderr == b""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--nope"], "No such option"),
        (["audit", "--nope"], "No such option"),
        (["adit"], "There is no command 'adit'. One of: snapshot, audit,"),
        (["config", "chek"], "No such command 'chek'"),
        (["runbook", "show"], "Missing argument"),
    ],
)
def test_usage_errors_end_with_2(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err


def test_no_arguments_is_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main([]) == 2
    assert "Usage: auditor" in capsys.readouterr().err


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("auditor, version ")


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(main.COMMANDS, "lab", Lazy("not_installed_here:lab", "x", extra="lab"))
    assert main.main(["lab"]) == 1
    assert "pip install 'vcenter-drift-auditor[lab]'" in capsys.readouterr().err


def test_a_broken_table_entry_is_not_taken_for_a_missing_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModuleNotFoundError):
        Lazy("auditor.cli.nowhere:x", "x", extra="lab").load()


def test_the_log_is_utc_on_stderr_and_harmless(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    import logging

    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        output.set_up_log(1)
        logging.getLogger("auditor.x").info("host %s", "esx\x1b[2J\n01")
        logging.getLogger("auditor.x").debug("not shown")
        logging.getLogger("paramiko.transport").error("not shown either")
    finally:
        monkeypatch.undo()
        time.tzset()
        output.set_up_log(0)
    out, err = capsys.readouterr()
    assert out == ""
    stamp, level, rest = err.rstrip("\n").split(" ", 2)
    assert (level, rest) == ("info", "host esx\\x1b[2J 01")
    assert abs(time.time() - __import__("calendar").timegm(time.strptime(stamp, "%Y-%m-%dT%H:%M:%SZ"))) < 60


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_output_survives_a_terminal_of_any_encoding(encoding: str) -> None:
    code = "from auditor.cli import output; output.emit('é 東 \\udcff'); output.emit_json({'a': '\\x1b東'}); output.say('東')"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, env={**os.environ, "PYTHONIOENCODING": encoding}, check=True
    )
    text, document = done.stdout.decode(encoding).split("\n", 1)
    assert text == {"ascii": "? ? ?", "latin-1": "é ? ?", "utf-8": "é 東 ?"}[encoding]
    assert json.loads(document) == {"a": "\x1b東"}
    assert done.stderr.decode(encoding).strip() == {"utf-8": "東"}.get(encoding, "?")


def commands(group: click.Command, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], click.Command]]:
    found = [(path, group)]
    if isinstance(group, click.Group):
        context = click.Context(group)
        for name in group.list_commands(context):
            member = group.get_command(context, name)
            assert member is not None
            found += commands(member, (*path, name))
    return found


ALL = commands(main.cli)


@pytest.mark.parametrize(("path", "command"), ALL, ids=[" ".join(path) or "auditor" for path, _ in ALL])
def test_every_command_and_option_has_help(path: tuple[str, ...], command: click.Command) -> None:
    assert (command.help or "").strip()
    for parameter in command.get_params(click.Context(command)):
        if isinstance(parameter, click.Option):
            assert (parameter.help or "").strip(), parameter.name
            assert parameter.help.rstrip().endswith("."), (parameter.name, parameter.help)


def test_the_table_says_what_the_commands_say() -> None:
    assert isinstance(main.cli, LazyGroup)
    for name, entry in main.COMMANDS.items():
        assert entry.load().name == name
        assert entry.help.endswith(".")


@pytest.mark.parametrize(("path", "command"), [item for item in ALL if not isinstance(item[1], click.Group)])
def test_every_command_takes_verbosity(path: tuple[str, ...], command: click.Command) -> None:
    assert "-v" in {option for parameter in command.params for option in parameter.opts}


def test_what_a_peer_put_into_a_message_does_not_act_on_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    output.say("cluster \x1b]0;pwned\x07 on \u202evc\nnext: auditor audit")
    assert capsys.readouterr().err == "cluster \\x1b]0;pwned\\x07 on \\u202evc\nnext: auditor audit\n"
