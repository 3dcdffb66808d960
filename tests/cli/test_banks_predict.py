"""``auditor banks predict`` on files, as a person with a support bundle uses it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from auditor.cli.banks import MAX_FILE_BYTES
from auditor.cli.main import main
from auditor.resources import schema

CASES = Path(__file__).parents[1] / "domain" / "bootbank" / "cases.jsonl"
RUNNING = b"bootstate=0\nbuild=8.0.3-0.60.24585383\nupdated=5\n"
STAGED = b"bootstate=1\nbuild=8.0.3-0.70.24674464\nupdated=6\n"
DEAD = b"bootstate=3\nbuild=8.0.3-0.70.24674464\nupdated=6\n"


@pytest.fixture
def put(tmp_path: Path) -> Any:
    def write(*texts: bytes | None) -> list[str]:
        paths = []
        for index, text in enumerate(texts):
            path = tmp_path / f"bank{index}.cfg"
            if text is not None:
                path.write_bytes(text)
            paths.append("none" if text is None else str(path))
        return paths

    return write


def test_says_what_starts_and_why(put: Any, capsys: pytest.CaptureFixture[str]) -> None:
    names = put(RUNNING, STAGED)
    assert main(["banks", "predict", *names]) == 0
    out = capsys.readouterr().out
    assert f"bank 1: {names[1]}" in out
    assert "staged update" in out
    assert "Starts: bank 1" in out
    assert "Next:" in out


def test_changes_no_file(put: Any) -> None:
    names = put(RUNNING, STAGED)
    main(["banks", "predict", *names, "--shift-r"])
    assert [Path(name).read_bytes() for name in names] == [RUNNING, STAGED]


@pytest.mark.parametrize(
    ("texts", "code"),
    [
        ((RUNNING, DEAD), 0),
        ((RUNNING, None), 0),
        ((None, RUNNING), 0),
        ((DEAD, DEAD), 3),
        ((None, None), 3),
        ((b"", None, b"\xff"), 3),
        ((b"bootstate=0\nbuild=x\nupdated=1\n", None), 3),  # picked, but the loader stops there
    ],
)
def test_exit_code_says_whether_anything_boots(put: Any, texts: tuple[bytes | None, ...], code: int) -> None:
    assert main(["banks", "predict", *put(*texts)]) == code


def test_json_is_valid_and_holds_the_outcome(put: Any, capsys: pytest.CaptureFixture[str]) -> None:
    validator = Draft202012Validator(schema("banks-predict.v1"))
    Draft202012Validator.check_schema(validator.schema)
    chosen: dict[str, Any] = {}
    for line in CASES.read_text("utf-8").splitlines():
        case = json.loads(line)
        if not case.get("firmware_dependent") and len(case["banks"]) >= 2:
            read = "-".join(bank["read"] for bank in case["expect"]["banks"])
            chosen.setdefault(f"{case['category']} {read} {case['shift_r']}", case)
    assert len(chosen) > 40
    for case in chosen.values():
        texts = [None if bank["boot_cfg"] is None else bank["boot_cfg"].encode("latin-1") for bank in case["banks"]]
        names = put(*texts)
        # As is: some of these files look like what a shell makes of one, and the loader would see their bytes.
        code = main(["banks", "predict", "--json", "--as-is", *names, *(["--shift-r"] if case["shift_r"] else [])])
        document = json.loads(capsys.readouterr().out)
        validator.validate(document)
        assert document["outcome"] == case["expect"]
        assert document["files"] == [None if name == "none" else name for name in names]
        assert document["shift_r"] is case["shift_r"]
        assert code == (0 if case["expect"]["starts"] else 3)


def test_shift_r_tells_how_a_whole_boot_ends(put: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["banks", "predict", "--shift-r", *put(RUNNING, STAGED)]) == 0
    out = capsys.readouterr().out
    assert "Starts: bank 0" in out
    assert "normal pass" in out
    assert main(["banks", "predict", "--shift-r", *put(RUNNING, RUNNING)]) == 0
    assert "normal pass" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("changed", "cause"),
    [
        (RUNNING.replace(b"\n", b"\r\n").decode().encode("utf-16"), "UTF-16"),  # as d20: little-endian, with its mark
        (b"\xfe\xff" + RUNNING.decode().encode("utf-16-be"), "UTF-16"),
        (RUNNING.decode().encode("utf-16-le"), "UTF-16"),
        (RUNNING.decode().encode("utf-16-be")[:-1], "UTF-16"),
        (b"\xef\xbb\xbf" + RUNNING, "UTF-8 byte order mark"),
        (RUNNING.replace(b"\n", b"\r\n"), "CR LF"),
        (RUNNING.replace(b"\n", b"\r\r\n"), "CR LF"),
        (RUNNING.replace(b"\n", b"\r"), "CR alone"),
    ],
)
@pytest.mark.parametrize("arguments", [[], ["--json"], ["--shift-r"]])
def test_a_copy_that_a_shell_changed_is_refused(
    put: Any, capsys: pytest.CaptureFixture[str], changed: bytes, cause: str, arguments: list[str]
) -> None:
    names = put(RUNNING, changed)
    assert main(["banks", "predict", *names, *arguments]) == 1
    streams = capsys.readouterr()
    assert streams.out == ""
    assert f"{names[1]}: " in streams.err
    assert cause in streams.err
    assert "scp" in streams.err
    assert "plink" in streams.err
    assert "reboot" not in streams.err
    assert main(["banks", "predict", *names, *arguments, "--as-is"]) in {0, 3}


@pytest.mark.parametrize(
    "kept",
    [
        RUNNING.replace(b"\n", b"\r\n", 1),  # one line end of an editor on the host
        RUNNING.replace(b"\n", b"\r\n", 2),
        RUNNING.replace(b"\n", b"\n\0"),
        b"title=\xe9\xff\xfe\n" + RUNNING,
        b"\0" * 512,
        b"\r\n",
    ],
)
def test_what_a_host_can_have_is_not_refused(put: Any, kept: bytes) -> None:
    assert main(["banks", "predict", *put(RUNNING, kept)]) == 0


@pytest.mark.parametrize(
    "other",
    [
        b"Access denied\n",
        b"cat: can't open '/bootbank/boot.cfg': Permission denied\n",
        b"<!DOCTYPE html>\n<html lang=en>\n<p class=x>Sign in</p>\n",
    ],
)
def test_text_that_is_no_boot_cfg_is_refused(put: Any, capsys: pytest.CaptureFixture[str], other: bytes) -> None:
    assert main(["banks", "predict", *put(DEAD, other)]) == 1
    streams = capsys.readouterr()
    assert (streams.out, "without any key" in streams.err, "reboot" in streams.err) == ("", True, False)
    assert main(["banks", "predict", "--as-is", *put(DEAD, other)]) == 3
    assert main(["banks", "predict", *put(DEAD, b"bo=0\nb=8.0\nu=9\n")]) == 0, "abbreviations are keys to the loader"


def test_a_copy_without_any_key_is_to_be_compared_first(put: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """As when the command that should have fetched it failed and wrote nothing."""
    assert main(["banks", "predict", *put(DEAD, b"", b"\0" * 512)]) == 3
    assert "bank 1 and 2 has no key" in capsys.readouterr().out
    assert main(["banks", "predict", *put(DEAD, DEAD)]) == 3
    assert "no key" not in capsys.readouterr().out


@pytest.mark.parametrize("count", [0, 1, 4])
def test_wants_two_or_three_files(put: Any, capsys: pytest.CaptureFixture[str], count: int) -> None:
    assert main(["banks", "predict", *put(*[RUNNING] * count)]) == 2
    assert "two or three" in capsys.readouterr().err


def test_an_unreadable_file_is_named(put: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for bad in (str(tmp_path / "missing.cfg"), str(tmp_path), "nul\0byte"):
        assert main(["banks", "predict", bad, *put(RUNNING)]) == 1
        streams = capsys.readouterr()
        assert streams.out == ""
        assert bad.replace("\0", "\\x00") in streams.err
        assert "none" in streams.err


def test_a_file_that_is_too_large_is_refused(put: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["banks", "predict", *put(RUNNING, b"\n" * (MAX_FILE_BYTES + 1))]) == 1
    assert "larger than" in capsys.readouterr().err


def test_nothing_printed_can_act_on_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "evil\x1b[31m.cfg"
    path.write_bytes(b"bootstate=0\nupdated=1\nbuild=8\x1b]0;title\x07\x9b2J\n")
    for options in ([], ["--json"]):
        assert main(["banks", "predict", str(path), "none", *options]) == 0
        out = capsys.readouterr().out
        assert not set(out) & {"\x1b", "\x07", "\x9b"}
        assert "evil" in out
