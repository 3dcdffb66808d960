"""No text may break the simulator: it runs, or it is a syntax error, and nothing of the real machine is touched."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from auditor.lab.hosts.host import LabHost
from auditor.lab.hosts.images import make_image
from auditor.lab.shell.run import run_script
from auditor.lab.shell.syntax import ShellSyntaxError, parse_lines

WORDS = st.sampled_from(
    [
        "echo", "a", "$x", '"$x"', "'q'", "$(", ")", "`", "if", "then", "fi", "else", "do", "done", "for", "i", "in", "case",
        "esac", "{", "}", "(", ";", ";;", "|", "||", "&&", "&", "\n", ">", "<", "/tmp/f", "2>&1", "<<E", "E", "x=1", "!",
        "f()", "$((", "))", "${", "x:-", "%", "#", "\\", '"', "'", "*", "test", "[", "]", "read", "y", "wait", "trap", "cat",
        "sed", "s/a/b/", "-n", "head", "-c", "1", "exit", "set", "-e", "shift", "eval", "kill", "$!",
    ]
)  # fmt: skip
HOST = LabHost("esx01.lab.local", make_image("8.0.3-0.70.24674464"))


@settings(max_examples=400, deadline=None)
@given(st.one_of(st.lists(WORDS, max_size=25).map(" ".join), st.text(max_size=80)))
@example("$((((")
@example("case x in a")
@example("cat <<E")
def test_any_text_is_a_program_or_a_syntax_error(text: str) -> None:
    _, error = parse_lines(text.encode("utf-8", "surrogatepass").decode("latin-1"))
    assert error is None or isinstance(error, ShellSyntaxError)


@settings(max_examples=150, deadline=None)
@given(st.lists(WORDS.filter(lambda word: word not in {"cat", "read", "wait"}), max_size=20).map(" ".join))
def test_running_it_never_fails_inside_the_simulator(text: str) -> None:
    async def bounded() -> None:
        try:
            await asyncio.wait_for(run_script(HOST, text, b"one\ntwo\n"), 5)
        except TimeoutError:
            return  # an endless loop is a program, too

    asyncio.run(bounded())


def test_a_busy_loop_leaves_room_for_others_and_can_be_killed() -> None:
    async def both() -> tuple[int, bytes]:
        busy = asyncio.create_task(run_script(HOST, "while :; do :; done & p=$!; sleep 0.2; kill $p; wait $p; echo $?"))
        other = await asyncio.wait_for(run_script(HOST, "vmware -v"), 60)
        return other.status, (await asyncio.wait_for(busy, 60)).stdout

    assert asyncio.run(both()) == (0, b"143\n")


def test_endless_recursion_ends_like_an_overflown_stack() -> None:
    result = asyncio.run(run_script(HOST, "f() { f; }; (f); echo $?"))
    assert result.stdout == b"139\n"


def test_the_real_file_system_is_out_of_reach(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("real")
    victim = Path(tempfile.gettempdir()) / "auditor-lab-must-not-appear"
    result = asyncio.run(run_script(HOST, f"cat {secret}; echo x > {victim}; rm -rf {tmp_path}; ls {victim}"))
    assert b"real" not in result.stdout
    assert f"{victim}\n".encode() in result.stdout, "it exists on the simulated host"
    assert not victim.exists()
    assert secret.read_text() == "real"
