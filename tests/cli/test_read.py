"""``auditor read``: what the tool makes of recorded outputs, as a person who has one uses it."""

from __future__ import annotations

import gzip
import io
import json
import re
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from auditor import documents
from auditor.cli.main import cli
from auditor.domain.observation import READING_KEYS
from tests.depot.build import build

TESTS = Path(__file__).parents[1]
RECORDED = sorted(path for path in (TESTS / "recorded").glob("*/*") if not path.name.endswith((".source", ".answer.json")))
SAMPLES = sorted(
    path for path in (TESTS / "readings").glob("*/*.txt") if path.with_suffix(".expected.json").exists()
)  # by the names of their commands
AUDITED = {
    "product", "maintenance_mode", "banks", "profile", "vibs", "base_image", "add_on", "components", "staged", "boot_volumes",
}  # fmt: skip


def run(*arguments: str | Path, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(cli, ["read", *map(str, arguments)], input=stdin)


def answer(*arguments: str | Path, stdin: bytes | None = None) -> dict[str, Any]:
    """The JSON answer, which is always valid and tells its exit code."""
    result = run(*arguments, "--json", stdin=stdin)
    document: dict[str, Any] = json.loads(result.stdout)
    assert documents.problems(document, "read.v1") == ()
    assert result.exit_code == ("unread" in document), result.output
    assert not isinstance(result.exception, Exception), result.exception
    return document


def shown(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


@pytest.mark.parametrize("path", RECORDED, ids=shown)
def test_recorded(path: Path) -> None:
    expected = json.loads(path.with_name(f"{path.stem}.answer.json").read_text())
    found = answer(path.parent.name, path, *expected.pop("arguments", []))
    detail = expected.pop("detail", "")
    assert {key: found.get(key) for key in expected} == expected
    assert detail in found.get("detail", "")
    assert path.with_name(f"{path.stem}.source").read_text().strip()
    text = run(path.parent.name, path)
    assert text.exit_code == ("unread" in found)
    assert text.stdout.strip()


def agrees(published: Any, recorded: Any) -> bool:
    """Whether all that two forms of one value both name is the same."""
    if isinstance(published, Mapping) and isinstance(recorded, Mapping):
        both = published.keys() & recorded.keys()
        return bool(both) and all(agrees(published[key], recorded[key]) for key in both)
    if isinstance(published, list) and isinstance(recorded, list):
        return len(published) == len(recorded) and all(map(agrees, published, recorded))
    return bool(published == recorded)


@pytest.mark.parametrize("path", SAMPLES, ids=shown)
def test_samples_of_the_commands_read_the_same_through_this_door(path: Path) -> None:
    expected = json.loads(path.with_suffix(".expected.json").read_text())
    found = answer(path.parent.name, path)
    assert found.get("unread") == expected.get("unread")
    assert agrees(found.get("value"), expected.get("value"))
    assert answer(found["reading"], path) == found, "also by the name of the reading"


def test_the_names_are_those_of_the_audit_and_every_command_is_one() -> None:
    result = run("--json")
    assert result.exit_code == 0
    document = json.loads(result.stdout)
    assert documents.problems(document, "read.v1") == ()
    names = {each["name"]: each for each in document["readings"]}
    assert len(names) == len(document["readings"])
    assert set(names) >= AUDITED | set(READING_KEYS) | {"boot-cfg", "specification", "vapi-answer", "bundle", "image-database"}
    text = run().stdout
    assert set(re.findall(r"^  (\S+): ", text, re.MULTILINE)) == set(names)
    for each in document["readings"]:
        for name in (each["name"], each["name"].replace("_", "-"), *(command["name"] for command in each["commands"])):
            one = json.loads(run(name, "--json").stdout)
            assert one["readings"] == [each]


@pytest.mark.parametrize("wrong", ["vib", "produkt", "nothing-like-it"])
def test_an_unknown_name_is_a_mistake_of_the_command_line(wrong: str, tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"x\n")
    result = run(wrong, path)
    assert result.exit_code == 2
    assert "There is no reading" in result.stderr
    assert ("Did you mean" in result.stderr) is (wrong != "nothing-like-it")


def test_standard_input() -> None:
    found = answer("product", "-", stdin=b"VMware ESXi 8.0.3 build-24585383\n")
    assert (found["file"], found["command"], found["value"]["build"]) == ("-", "vmware -vl", "24585383")


VSAN_OFF = {"enabled": False, "node_healthy": None}


@pytest.mark.parametrize(
    ("name", "arguments", "told", "expected"),
    [
        ("vsan-cluster", ["--status", "1"], b"vSAN Clustering is not enabled on this host\n", VSAN_OFF),
        ("vsan-cluster", ["--status", "1"], b"out of memory\n", "failed"),
        ("add_on", ["--status", "0"], b"", None),
        ("add_on", ["--status", "1"], b"Error: Unknown command or namespace software addon get\n", "not-supported"),
        ("staged", ["--status", "1"], b" [MemoryError]\n", "failed"),
        ("live-vib-marker", ["--status", "1"], b"ls: /var/run/update_altbootbank: No such file or directory\n", False),
        ("authorized-keys", ["--status", "127"], b"sh: sha256sum: not found\n", "failed"),
        ("bootbank-cfg", ["--status", "1"], b"cat: can't open '/bootbank/boot.cfg': No such file or directory\n", "absent"),
    ],
)  # fmt: skip
def test_exit_status_and_standard_error(tmp_path: Path, name: str, arguments: list[str], told: bytes, expected: Any) -> None:
    file, errors = tmp_path / "out", tmp_path / "err"
    file.write_bytes(b"")
    for form in (told, told.decode().encode("utf-16")):
        errors.write_bytes(form)
        found = answer(name, file, *arguments, *(["--stderr", str(errors)] if told else []))
        assert (found["unread"] if isinstance(expected, str) else found["value"]) == expected


def test_status_belongs_to_commands(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(b"{}")
    assert run("vapi-answer", path, "--status", "1").exit_code == 2
    assert run("vibs", "--status", "1").exit_code == 2


UGLY = {
    "empty": b"",
    "one line end": b"\n",
    "binary": bytes(range(256)) * 8,
    "gzip": gzip.compress(b"x" * 1000),
    "cut off": b"Name   Version\n-----  ------",
    "not UTF-8": "Größe: ä\n".encode("latin-1"),
    "UTF-16": "Name: x\r\n".encode("utf-16"),
    "UTF-16 without a mark": "Name: x\r\n".encode("utf-16-be"),
    "long": b"x" * (3 * 1024 * 1024),
    "deep": b"[" * 100_000,
    "deep structures": b'{"output": ' + b'{"STRUCTURE": {"x": ' * 400 + b"1" + b"}}" * 400 + b"}",
    "numbers": b"9" * 10_000 + b"\n",
    "escapes": b"\x1b[31mName: x\n",
    "html": b"<!DOCTYPE html><html><body>Sign in</body></html>\n",
}
NAMES = [each["name"] for each in json.loads(run("--json").stdout)["readings"]]
NOTHING_IS_AN_ANSWER = {("add_on", "empty"), ("add_on", "one line end"), ("staged", "empty"), ("staged", "one line end")}
ANY_JSON = {("vapi-answer", "deep structures")}


@pytest.mark.parametrize("kind", UGLY)
@pytest.mark.parametrize("name", NAMES)
def test_ugly_files_have_a_reason(name: str, kind: str, tmp_path: Path) -> None:
    path = tmp_path / "ugly"
    path.write_bytes(UGLY[kind])
    found = answer(name, path)
    if (name, kind) in NOTHING_IS_AN_ANSWER:
        assert found["value"] is None
    elif (name, kind) == ("boot_volumes", "empty"):
        assert found["value"] == [], "a list of nothing"
    elif (name, kind) not in ANY_JSON:
        assert found["detail"].strip(), found
        if kind.startswith("UTF-16") and name != "bundle":
            assert "UTF-16" in found["detail"]
        if kind == "empty":
            assert found["unread"] in {"unreadable", "absent"}
    text = run(name, path)
    assert text.exit_code == ("unread" in found)
    assert "\x1b" not in text.stdout


def test_a_file_larger_than_is_read(tmp_path: Path) -> None:
    path = tmp_path / "huge"
    with path.open("wb") as file:
        file.truncate(64 * 1024 * 1024 + 1)
    for name in ("vibs", "image-database", "vapi-answer", "boot-cfg"):
        assert answer(name, path)["unread"] == "too-large"


@pytest.mark.parametrize("name", ["vibs", "specification", "bundle", "boot-cfg"])
def test_a_file_that_is_not_there_is_no_answer(name: str, tmp_path: Path) -> None:
    for file in (tmp_path / "missing", tmp_path):
        result = run(name, file, "--json")
        assert result.exit_code == 1
        assert name == "bundle" or result.stdout == ""


def database(members: Mapping[str, str]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, text in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(text.encode())
            tar.addfile(info, io.BytesIO(text.encode()))
    return packed.getvalue()


@pytest.mark.parametrize("name", ["image-database", "bootbank-image", "altbootbank-image"])
def test_an_image_database(name: str, tmp_path: Path) -> None:
    members = json.loads((TESTS / "readings" / "image-database" / "reserved-vibs-folder.members.json").read_text())
    path = tmp_path / "imgdb.tgz"
    path.write_bytes(database(members))
    found = answer(name, path)
    assert found["reading"] == "image-database"
    assert [vib["name"] for vib in found["value"]["vibs"]] == ["esx-base", "ntg3"]


def test_a_bundle(tmp_path: Path) -> None:
    found = answer("bundle", build(tmp_path / "b.zip", "base-image"))
    assert found["value"]["kind"] == "base image"
    assert found["value"]["layers"][0]["version"] == "8.0.3-0.70.24674464"
    assert run("bundle", "-").exit_code == 1


def test_each_output_of_the_banks_tells_its_part(tmp_path: Path) -> None:
    volume = "/vmfs/volumes/01234567-89abcdef-0123-456789abcdef"
    outputs = {
        "bootbank-link": (f"{volume}\n", "target", volume),
        "altbootbank-ls": (f"lrwxrwxrwx 1 root root 49 Jan  1 00:00 /altbootbank -> {volume}\n", "target", volume),
        "bootbank-cfg": ("bootstate=0\nbuild=8.0.3-0.60.24585383\nupdated=5\n", "boot_cfg", None),
        "altbootbank-files": (
            "total 8\n-rwx------    1 root     root           263 Jan  1 00:00 boot.cfg\n", "files", ["boot.cfg"],
        ),
    }  # fmt: skip
    path = tmp_path / "out"
    for name, (text, part, expected) in outputs.items():
        path.write_text(text)
        found = answer(name, path)
        [bank] = found["value"]
        assert bank["link"] == f"/{name.partition('-')[0]}"
        assert bank[part]["value"] == (text if expected is None else expected)
        assert {key for key, value in bank.items() if isinstance(value, dict) and "value" in value} == {part}
        assert answer("banks", path)["value"][0][part] == bank[part]


@pytest.mark.parametrize(
    "changed",
    [
        b"\xef\xbb\xbfbootstate=0\nupdated=5\n",
        b"bootstate=0\r\nupdated=5\r\n",
        b"bootstate=0\nupdated=5\n".decode().encode("utf-16"),
        b"plink: connection refused\n",
        b"",
    ],
)
def test_a_changed_boot_cfg_is_never_judged(changed: bytes, tmp_path: Path) -> None:
    path = tmp_path / "boot.cfg"
    path.write_bytes(changed)
    for name in ("boot-cfg", "bootbank-cfg", "altbootbank-cfg", "banks"):
        assert answer(name, path)["unread"] == "unreadable"
    assert "scp" in answer("boot-cfg", path)["detail"]


def test_a_specification_with_all_parts(tmp_path: Path) -> None:
    path = tmp_path / "spec.json"
    layers = {
        "base_image": {"version": "9.0.0.0.24755229"},
        "add_on": {"name": "DEL-ESXi", "version": "803.24414501-A03"},
        "components": {"lpfc": "14.4", "free": None, "shown": {"version": "1", "details": {}}},
        "removed_components": ["b", "a"],
        "hardware_support": {"packages": {"com.example.hsm": {"pkg": "firmware", "version": "v42"}}},
    }
    spec = {**layers, "solutions": {"com.vmware.nsxt": {"version": "4"}}, "alternative_images": {"x": layers}, "new": 1}
    path.write_text(json.dumps(spec), "utf-8-sig")
    value = answer("specification", path)["value"]
    assert value["components"] == {"lpfc": "14.4", "free": None, "shown": "1"}
    assert value["removed_components"] == ["a", "b"]
    assert value["alternative_images"]["x"]["base_image"] == "9.0.0.0.24755229"
    assert (value["solutions"], value["other"]) == ({"com.vmware.nsxt": "4"}, ["new"])


@pytest.mark.parametrize(
    "spec",
    [
        '{"base_image": 5}',
        '{"base_image": {"version": "8"}}',
        '{"components": [1]}',
        '{"components": {"x": {"version": 5}}}',
        '{"removed_components": "x"}',
        '{"add_on": {"name": "x"}}',
        '{"add_on": 5}',
        '{"solutions": 5}',
        '{"solutions": {"x": 5}}',
        '{"alternative_images": {"x": 5}}',
        '{"hardware_support": {"packages": 5}}',
        "[]",
    ],
)
def test_a_specification_that_is_none(spec: str, tmp_path: Path) -> None:
    path = tmp_path / "spec.json"
    path.write_text(spec)
    assert answer("specification", path)["unread"] == "unreadable"


ERROR = {"ERROR": {"com.vmware.vapi.std.errors.unauthorized": {"messages": [], "data": {"OPTIONAL": None}}}}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"jsonrpc": "2.0", "id": "1", "result": {"output": {"OPTIONAL": {"SECRET": "hunter2"}}}}, {"value": "(secret)"}),
        ({"jsonrpc": "2.0", "id": "1", "result": {"output": None}}, {"value": None}),
        ({"jsonrpc": "2.0", "id": "1", "result": {"error": ERROR}}, {"unread": "denied"}),
        ({"jsonrpc": "2.0", "id": "1", "error": {"code": -32600, "message": "Invalid request"}}, {"unread": "failed"}),
        ({"error": ERROR}, {"unread": "denied"}),
        ({"status": "FAILED", "error": {"error_type": "TIMED_OUT", "messages": []}}, {"unread": "timed-out"}),
        ({"error_type": "OF_A_LATER_RELEASE", "messages": []}, {"unread": "failed"}),
        ({"error_type": "ERROR", "messages": None}, {"unread": "failed"}),
        ({"error_type": ["x"], "messages": 5}, {"unread": "failed"}),
        (["domain-c8"], {"value": ["domain-c8"]}),
    ],
)
def test_vapi_answers(given: object, expected: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "answer.json"
    path.write_text(json.dumps(given))
    found = answer("vapi-answer", path)
    assert {key: found[key] for key in expected} == expected
    assert "hunter2" not in json.dumps(found)


@pytest.mark.parametrize(("number", "unread"), [("1e999", "unreadable"), ("-Infinity", "unreadable"), ("NaN", "unreadable")])
def test_a_number_that_json_cannot_hold_is_not_passed_on(number: str, unread: str, tmp_path: Path) -> None:
    path = tmp_path / "answer.json"
    path.write_text(f'{{"free": {number}}}')
    assert answer("vapi-answer", path)["unread"] == unread
    path.write_text('{"free": 1.5e3}')
    assert answer("vapi-answer", path)["value"] == {"free": 1500.0}
