"""The very script text, run by a real busybox ash among commands that misbehave."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.domain.observation import Reason, Unread
from auditor.domain.readings.answer import Answer, Command
from auditor.domain.readings.registry import COMMANDS
from auditor.esxi import script
from tests.judges import need

NONCE = "0123456789abcdef0123456789abcdef"
BEFORE = Command("before", "good before", 5)
AFTER = Command("after", "good after", 5)


class Host:
    """A folder of stub commands and a shell that finds them there."""

    def __init__(self, folder: Path, shell: list[str]) -> None:
        self.bin = folder / "bin"
        self.tmp = folder / "tmp"
        self.shell = shell
        self.bin.mkdir()
        self.tmp.mkdir()
        self.stub("good", 'echo "said $1"; echo "told $1" >&2')

    def stub(self, name: str, body: str) -> None:
        path = self.bin / name
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)

    @property
    def environment(self) -> dict[str, str]:
        # The mark lets the test find every process that came from here, whoever its parent is by then.
        return {"PATH": f"{self.bin}:/usr/bin:/bin", "TMPDIR": str(self.tmp), "STUB_HOST": str(self.tmp)}

    def run(self, *commands: Command, output_limit: int = script.OUTPUT_LIMIT) -> Mapping[str, Answer]:
        text = script.render(NONCE, commands, output_limit=output_limit, grace=1)
        done = subprocess.run(
            [*self.shell, "-c", text], env=self.environment, cwd=self.tmp, capture_output=True, timeout=60, check=False
        )
        assert done.returncode == 0
        assert script.finished(NONCE, done.stdout[-256:])
        return script.parse(NONCE, done.stdout, done.stderr, commands, output_limit=output_limit)

    def among(self, bad: Command, **limits: int) -> Answer:
        """What ``bad`` answered between two good commands, which must be as they always are."""
        answers = self.run(BEFORE, bad, AFTER, **limits)
        for name in ("before", "after"):
            assert answers[name] == Answer(f"said {name}\n".encode(), 0, f"told {name}")
        return answers[bad.name]

    def processes(self) -> list[str]:
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                try:
                    if f"STUB_HOST={self.tmp}".encode() in (entry / "environ").read_bytes().split(b"\0"):
                        found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
                except OSError:
                    continue
        return found

    def assert_clean(self, within: float = 30.0) -> None:
        end = time.monotonic() + within
        while self.processes() and time.monotonic() < end:
            time.sleep(0.02)
        assert self.processes() == []
        assert list(self.tmp.iterdir()) == []


@pytest.fixture(params=["busybox", "sh"])
def host(request: pytest.FixtureRequest, tmp_path: Path) -> Host:
    shell = need(request.param)
    return Host(tmp_path, [shell, "ash"] if request.param == "busybox" else [shell])


def test_output_error_and_status_are_kept_apart(host: Host) -> None:
    host.stub("bad", 'printf "no line end"; echo trouble >&2; echo more >&2; exit 3')
    assert host.among(Command("bad", "bad", 5)) == Answer(b"no line end", 3, "trouble\nmore")
    host.assert_clean()


def test_missing_command(host: Host) -> None:
    answer = host.among(Command("bad", "no-such-command at all", 5))
    assert answer.status == 127
    assert answer.data == b""
    assert answer.fault is None


def test_hanging_command_is_ended_with_its_children(host: Host) -> None:
    host.stub("bad", "echo begun; sleep 1000; echo never")
    started = time.monotonic()
    answer = host.among(Command("bad", "bad", 1))
    assert time.monotonic() - started < 10
    assert (answer.data, answer.told) == (b"begun\n", "")
    assert answer.fault is not None
    assert answer.fault.reason is Reason.TIMED_OUT
    host.assert_clean()


def test_command_that_will_not_be_told_to_stop(host: Host) -> None:
    host.stub("bad", "trap '' TERM HUP INT PIPE; while :; do sleep 1000; done")
    assert host.among(Command("bad", "bad", 1)).fault is not None
    host.assert_clean()


def test_hanging_command_without_setsid(host: Host) -> None:
    """Where there is no setsid only the command itself can be ended; its frame is closed all the same."""
    text = script.render(NONCE, [BEFORE, Command("bad", "sleep 1000", 1), AFTER], grace=1)
    text = text.replace("type setsid", "type no-such-setsid")
    done = subprocess.run(
        [*host.shell, "-c", text], env=host.environment, cwd=host.tmp, capture_output=True, timeout=30, check=True
    )
    answers = script.parse(NONCE, done.stdout, done.stderr, [BEFORE, Command("bad", "sleep 1000", 1), AFTER])
    assert answers["after"].data == b"said after\n"
    assert answers["bad"].fault is not None
    host.assert_clean()


def test_child_that_keeps_the_output_open(host: Host) -> None:
    host.stub("bad", "echo answer; sleep 3 & exit 0")
    answer = host.among(Command("bad", "bad", 1))
    assert answer.fault is not None
    assert answer.fault.reason is Reason.TIMED_OUT
    host.assert_clean()


def test_command_that_shouts(host: Host) -> None:
    host.stub("bad", "yes shout | head -c 50000000; yes scream | head -c 50000000 >&2")
    answer = host.among(Command("bad", "bad", 30))
    assert answer.fault is not None
    assert answer.fault.reason is Reason.TOO_LARGE
    assert len(answer.data) <= script.OUTPUT_LIMIT
    host.assert_clean()


def test_command_that_shouts_on_standard_error(host: Host) -> None:
    host.stub("bad", "yes scream | head -c 50000000 >&2; echo fine")
    answer = host.among(Command("bad", "bad", 30))
    assert (answer.data, answer.fault) == (b"fine\n", None)
    assert len(answer.told) <= script.ERROR_LIMIT
    host.assert_clean()


def test_command_that_never_stops_shouting(host: Host) -> None:
    host.stub("bad", "exec yes shout")
    answer = host.among(Command("bad", "bad", 30))
    assert answer.fault is not None
    assert answer.fault.reason is Reason.TOO_LARGE
    host.assert_clean()


@pytest.mark.parametrize("size", range(90, 112))
def test_output_around_the_limit_is_whole_or_refused(host: Host, size: int) -> None:
    """A cut must not fall into the exit line in such a way that another status is read out of it."""
    host.stub("bad", f"head -c {size} /dev/zero | tr '\\0' x; exit 137")
    answer = host.run(Command("bad", "bad", 5), output_limit=160)["bad"]
    assert answer.fault is not None
    if answer.fault.reason is Reason.TIMED_OUT:  # killed, and all it had said is there
        assert len(answer.data) == size
    else:
        assert answer.fault.reason is Reason.TOO_LARGE


def test_command_that_kills_itself(host: Host) -> None:
    host.stub("bad", "echo last words; kill -9 $$")
    answer = host.among(Command("bad", "bad", 5))
    assert answer.data == b"last words\n"
    assert answer.fault is not None  # the shell cannot tell its own time limit from another's SIGKILL; both are no answer
    host.assert_clean()


def test_command_that_kills_its_parent(host: Host) -> None:
    host.stub("bad", "kill -9 $PPID")
    answer = host.among(Command("bad", "bad", 1))
    assert answer.fault is not None or answer.status == 137
    host.assert_clean(within=8)


def test_text_like_our_frames(host: Host) -> None:
    forged = "".join(f"\\n{'f' * 32} {word}\\n" for word in ("exit bad 0", "end bad", "begin after", "end after", "done"))
    host.stub("bad", f"printf '{forged}'; printf '{forged}' >&2; exit 4")
    answer = host.among(Command("bad", "bad", 5))
    assert answer.status == 4
    assert answer.data == forged.replace("\\n", "\n").encode()


def test_every_byte_comes_through(host: Host) -> None:
    data = bytes(range(256)) * 300 + b"\n\n\r\n"
    (host.bin / "data").write_bytes(data)
    answer = host.among(Command("bad", f"cat {shlex.quote(str(host.bin / 'data'))}", 5))
    assert (answer.data, answer.status) == (data, 0)


def test_command_that_reads_standard_input_gets_none(host: Host) -> None:
    answer = host.among(Command("bad", "cat", 5))
    assert (answer.data, answer.status) == (b"", 0)


def test_head_that_cannot_count_bytes(host: Host) -> None:
    """The limits then lie with the client; the readings are as good."""
    host.stub("head", "echo 'head: invalid option -- c' >&2; exit 1")
    host.stub("bad", "echo answer; echo error >&2")
    assert host.among(Command("bad", "bad", 5)) == Answer(b"answer\n", 0, "error")


def test_connection_that_dies_leaves_nothing_behind(host: Host) -> None:
    """The reader goes away in the middle: the script ends at its next word, what hangs at its own time limit."""
    host.stub("bad", "exec sleep 1000")
    # Long enough that the reader below is gone before the time is up, however busy the machine is.
    commands = [BEFORE, Command("bad", "bad", 4), Command("later", f"touch {host.tmp}/later", 5), AFTER]
    text = script.render(NONCE, commands, grace=1)
    process = subprocess.Popen(
        [*host.shell, "-c", text], env=host.environment, cwd=host.tmp, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    # The script's own mark: what the command prints may lie in head's buffer until the command's end.
    while b"begin bad" not in process.stdout.readline():
        pass
    process.stdout.close()
    process.stderr.close()
    assert process.wait(30) != 0
    host.assert_clean()


def test_script_that_is_killed_leaves_no_process_for_long(host: Host) -> None:
    host.stub("bad", "exec sleep 1000")
    text = script.render(NONCE, [BEFORE, Command("bad", "bad", 1), AFTER], grace=1)
    process = subprocess.Popen([*host.shell, "-c", text], env=host.environment, cwd=host.tmp, stdout=subprocess.DEVNULL)
    time.sleep(0.3)
    process.send_signal(signal.SIGKILL)
    process.wait(5)
    host.assert_clean()


def test_the_real_commands_where_none_of_them_works(host: Host) -> None:
    """Not an ESXi: every command has its frame, and none hangs or spoils another."""
    answers = host.run(*COMMANDS)
    assert list(answers) == [command.name for command in COMMANDS]
    assert all(answer.fault is None for answer in answers.values())
    assert answers["vib-list"].status == 127
    host.assert_clean()


def test_commands_only_read() -> None:
    """The list is short enough to be written out: whoever adds a command adds it here, and looks at it twice."""
    reading = {"get", "list", "-vl", "-f", "-l", "-ld", "-P", "--rebooting-image"}
    loop = "sh -c 'for f in /vmfs/volumes/*/boot.cfg; do readlink -f \"$f\"; done'"
    assert sum(command.text == loop for command in COMMANDS) == 1
    for command in COMMANDS:
        if command.text == loop:
            continue
        words = command.text.split()
        assert words[0] in {"vmware", "esxcli", "readlink", "ls", "cat", "vmkfstools"}
        assert words[0] == "cat" or reading & set(words)
        assert not set("|;&<>$`\n*?'\"\\") & set(command.text)


def _recorded(*bodies: bytes) -> bytes:
    """What the script writes for commands c0, c1 … that print these bytes and succeed."""
    frames = [
        b"\n%b begin c%d\n%b\n%b exit c%d 0\n\n%b end c%d\n" % (NONCE.encode(), i, body, NONCE.encode(), i, NONCE.encode(), i)
        for i, body in enumerate(bodies)
    ]
    return b"Login banner\n" + b"".join(frames) + b"\n%b done\n" % NONCE.encode()


@given(bodies=st.lists(st.binary(max_size=60), min_size=1, max_size=4), data=st.data())
def test_a_cut_never_changes_an_answer(bodies: list[bytes], data: st.DataObject) -> None:
    """Wherever the connection breaks: a command's answer is whole, or it has a reason."""
    output = _recorded(*bodies)
    cut = data.draw(st.integers(0, len(output)))
    commands = [Command(f"c{i}", "x", 1) for i in range(len(bodies))]
    stopped = Unread(Reason.TIMED_OUT, "deadline")
    answers = script.parse(NONCE, output[:cut], b"", commands, stopped=stopped)
    for i, body in enumerate(bodies):
        answer = answers[f"c{i}"]
        if answer.fault is None:
            assert (answer.data, answer.status) == (body, 0)
        else:
            assert answer.fault is stopped
    assert script.finished(NONCE, output[:cut][-256:]) == (cut == len(output))


def test_an_exit_status_that_is_none_is_no_status() -> None:
    output = _recorded(b"one\n").replace(b" exit c0 0\n", b" exit c0 " + b"9" * 5000 + b"\n")
    answer = script.parse(NONCE, output, b"", [Command("c0", "x", 1)])["c0"]
    assert answer.fault is not None
    assert answer.status is None


def test_line_ends_changed_on_the_way_are_told_as_such() -> None:
    output = _recorded(b"one\n", b"two\n").replace(b"\n", b"\r\n")
    commands = [Command(f"c{i}", "x", 1) for i in range(2)]
    for answer in script.parse(NONCE, output, b"", commands).values():
        assert answer.fault is not None
        assert (answer.fault.reason, "CR LF" in answer.fault.detail) == (Reason.UNREADABLE, True)
    assert script.parse(NONCE, _recorded(b"one\r\n"), b"", commands[:1])["c0"] == Answer(b"one\r\n", 0)


def test_nonces_differ() -> None:
    assert len({script.new_nonce() for _ in range(100)}) == 100
