"""`auditor lab` as a user runs it: real processes, every shipped scenario judged by what its file says must be found."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from auditor import documents
from auditor.lab.scenario_file import load
from auditor.lab.scenario_text import shipped

AUDITOR = (sys.executable, "-m", "auditor")
SMALLER = {"thousand": 64}


def environment(temporary: Path, **more: str) -> dict[str, str]:
    return {**os.environ, "TMPDIR": str(temporary), "PATH": "/usr/bin:/bin", **more}


def run(temporary: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*AUDITOR, *arguments], env=environment(temporary, **more), capture_output=True, text=True, timeout=150, check=False
    )


def start(temporary: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*AUDITOR, *arguments],
        env=environment(temporary),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        bufsize=1,
    )


def wait_for(text: str, stream: Iterator[str]) -> list[str]:
    lines = []
    for line in stream:
        lines.append(line)
        if text in line:
            return lines
    pytest.fail(f"{text!r} never came: {''.join(lines)}")


@pytest.mark.parametrize("name", shipped())
def test_an_audit_finds_what_is_planted_and_nothing_else(name: str, tmp_path: Path) -> None:
    size = ["--hosts", str(SMALLER[name])] if name in SMALLER else []
    done = run(tmp_path, "lab", "run", name, *size, "--", "auditor", "audit", "--json")
    scenario = load(name, hosts=SMALLER.get(name))
    assert scenario.expected is not None
    assert done.stdout, done.stderr
    report = json.loads(done.stdout)
    assert documents.problems(report, "audit.v1") == ()
    found = Counter((finding["code"], finding["subject"]["name"]) for finding in report["findings"])
    assert dict(found) == dict.fromkeys(scenario.expected.findings, 1)
    assert done.returncode == scenario.expected.exit, done.stderr
    assert {host["name"] for host in report["hosts"]} == set(scenario.host_names())
    assert list(tmp_path.iterdir()) == []


def blocks_of_the_manual() -> list[str]:
    """The indented blocks of docs/lab.md, without their indentation."""
    text = (Path(__file__).parents[2] / "docs" / "lab.md").read_text("utf-8")
    found = re.findall(r"(?:^(?:    .*)?\n)+", text, re.MULTILINE)
    return ["".join(f"{line[4:]}\n" for line in block.splitlines()) for block in found if block.strip()]


def test_the_example_of_the_manual_works_as_written(tmp_path: Path) -> None:
    [example] = [block for block in blocks_of_the_manual() if "title =" in block]
    [faults] = [block for block in blocks_of_the_manual() if "[[fault]]" in block]
    path = tmp_path / "manual.toml"
    path.write_text(example + faults, "utf-8")
    assert len(load(str(path)).faults) == len(load(str(path)).vcenter_faults) == 1
    path.write_text(example, "utf-8")
    done = run(tmp_path, "lab", "run", str(path), "-q", "--", "auditor", "audit", "--json")
    expected = load(str(path)).expected
    assert expected is not None
    assert {(f["code"], f["subject"]["name"]) for f in json.loads(done.stdout)["findings"]} == expected.findings
    assert done.returncode == expected.exit


def test_every_dead_host_of_half_dead_is_a_row_with_the_reason_of_each_route(tmp_path: Path) -> None:
    done = run(tmp_path, "lab", "run", "half-dead", "-q", "--", "auditor", "audit", "--json")
    assert done.stderr == "" or "lab:" not in done.stderr
    rows = {host["name"].split(".")[0]: host for host in json.loads(done.stdout)["hosts"]}
    assert len(rows) == 14
    reasons = {
        name: {route["route"]: route["trouble"] and route["trouble"]["unread"] for route in row["routes"]}
        for name, row in rows.items()
    }
    assert {name: routes["ssh"] for name, routes in reasons.items() if routes["ssh"]} == {
        "north-01": "unreachable",
        "north-02": "timed-out",
        "north-03": "timed-out",
        "north-04": "changed",
        "south-01": "unreachable",
        "south-02": "denied",
        "south-03": "cut-off",
    }
    for routes in reasons.values():
        assert routes["vcenter"] == ("not-connected" if routes["ssh"] else None)
    assert all((row["state"] == "UNKNOWN") == bool(reasons[name]["ssh"]) for name, row in rows.items())


BOTH = """
title = "One host dead, another one newer than its cluster asks for"
[vcenter]
version = "8.0.3"
depot = ["u3e"]
[image.u3d]
base_image = "8.0.3-0.60.24585383"
[image.u3e]
base_image = "8.0.3-0.70.24674464"
[[cluster]]
name = "North"
hosts = 2
image = "u3d"
[[host]]
name = "new"
image = "u3e"
place = "later"
[[past]]
do = "add-host"
hosts = ["new"]
cluster = "North"
[[fault]]
hosts = ["north-01"]
ssh = "refuse"
vcenter = "unreachable"
[expect]
exit = 3
[expect.findings]
host-unseen = ["north-01"]
host-disconnected = ["north-01"]
host-ahead = ["North"]
mixed-cluster = ["North"]
"""


def test_drift_wins_over_what_could_not_be_seen_and_both_are_told(tmp_path: Path) -> None:
    path = tmp_path / "both.toml"
    path.write_text(BOTH, "utf-8")
    done = run(tmp_path, "lab", "run", str(path), "-q", "--", "auditor", "audit", "--json")
    expected = load(str(path)).expected
    assert expected is not None
    assert {(f["code"], f["subject"]["name"]) for f in json.loads(done.stdout)["findings"]} == expected.findings
    assert done.returncode == expected.exit == 3


@pytest.mark.parametrize("code", [0, 7, 3])
def test_the_exit_code_of_the_command_is_passed_on(code: int, tmp_path: Path) -> None:
    assert run(tmp_path, "lab", "run", "vcenter-703", "--", "sh", "-c", f"exit {code}").returncode == code


def test_a_command_ended_by_a_signal_gives_what_a_shell_gives(tmp_path: Path) -> None:
    assert run(tmp_path, "lab", "run", "vcenter-703", "--", "sh", "-c", "kill -TERM $$").returncode == 143


def test_a_command_that_is_not_there_is_an_error_of_the_user(tmp_path: Path) -> None:
    done = run(tmp_path, "lab", "run", "vcenter-703", "--", "no-such-command")
    assert (done.returncode, list(tmp_path.iterdir())) == (1, [])
    assert "no-such-command: cannot be started" in done.stderr


def test_the_command_gets_a_private_configuration_and_this_installation(tmp_path: Path) -> None:
    script = (
        'stat -c "%a %n" "$(dirname "$AUDITOR_CONFIG")" "$AUDITOR_CONFIG"; command -v auditor; auditor --version; '
        'cat "$AUDITOR_CONFIG"; auditor config check'
    )
    done = run(tmp_path, "lab", "run", "vcenter-91", "--", "sh", "-c", script)
    assert done.returncode == 0, done.stderr
    assert re.search(rf"^700 {tmp_path}/auditor-lab-\w+$", done.stdout, re.MULTILINE)
    assert re.search(rf"^600 {tmp_path}/auditor-lab-\w+/auditor.toml$", done.stdout, re.MULTILINE)
    assert re.search(rf"^{tmp_path}/auditor-lab-\w+/bin/auditor$", done.stdout, re.MULTILINE)
    assert "auditor, version" in done.stdout
    passwords = ("Lab-Vcenter-1!", "VMware1!")
    assert not any(password in done.stdout for password in passwords)


def test_a_module_in_the_current_folder_is_not_taken_for_ours(tmp_path: Path) -> None:
    (tmp_path / "click.py").write_text("raise SystemExit(99)\n")
    inside = tmp_path / "tmp"
    inside.mkdir()
    done = subprocess.run(
        [sys.executable, "-P", "-m", "auditor", "lab", "run", "vcenter-703", "--", "auditor", "--version"],
        env=environment(inside),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_a_folder_can_be_kept_and_audited_from_history_later(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    done = run(tmp_path, "lab", "run", "vcenter-703", "--keep", str(kept), "--", "true")
    assert done.returncode == 0, done.stderr
    assert {"auditor.toml", "known_hosts", "history.db", "environment.sh"} <= {path.name for path in kept.iterdir()}
    again = run(tmp_path, "lab", "run", "vcenter-703", "--keep", str(kept), "--", "true")
    assert again.returncode == 1
    assert "is not empty" in again.stderr
    late = run(
        tmp_path,
        "audit",
        "--from-history",
        AUDITOR_CONFIG=str(kept / "auditor.toml"),
        AUDITOR_LAB_VCENTER_PASSWORD="x",
        AUDITOR_LAB_ESXI_PASSWORD="x",
    )
    assert late.returncode == 0, late.stderr


def test_a_wrong_use_is_said_before_anything_starts(tmp_path: Path) -> None:
    unknown = run(tmp_path, "lab", "run", "stedy", "--", "true")
    assert (unknown.returncode, "there is no scenario 'stedy'" in unknown.stderr) == (1, True)
    version = run(tmp_path, "lab", "run", "steady", "--version", "5.5", "--", "true")
    assert (version.returncode, "no vCenter 5.5" in version.stderr) == (1, True)
    nothing = run(tmp_path, "lab", "run", "steady")
    assert nothing.returncode == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_command_and_removes_everything(number: signal.Signals, tmp_path: Path) -> None:
    # The command's own child must go as well, not only the shell.
    process = start(tmp_path, "lab", "run", "vcenter-703", "--", "sh", "-c", "sleep 600 & echo pid $!; wait")
    assert process.stdout is not None
    [*_, line] = wait_for("pid ", process.stdout)
    sleeper = int(line.split()[1])
    process.send_signal(number)
    process.send_signal(number)  # an impatient second one must not cut the clean-up short
    assert process.wait(60) == 128 + number
    assert list(tmp_path.iterdir()) == []
    assert gone(sleeper)
    process.communicate()


def test_a_signal_while_the_past_is_played_removes_everything_too(tmp_path: Path) -> None:
    process = start(tmp_path, "lab", "run", "steady", "--", "true")
    assert process.stderr is not None
    wait_for("now: snapshot", process.stderr)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    assert list(tmp_path.iterdir()) == []
    process.communicate()


def test_at_a_terminal_ctrl_c_is_the_commands_own_affair(tmp_path: Path) -> None:
    command = "trap 'echo caught; exit 9' INT; echo ready; while :; do sleep 0.1; done"
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(sys.executable, [*AUDITOR, "lab", "run", "vcenter-703", "--", "sh", "-c", command], environment(tmp_path))
    with os.fdopen(terminal, "rb", buffering=0) as screen:
        seen = read_until(screen, b"ready\r\n")
        assert b"lab: run: sh" in seen
        os.write(terminal, b"\x03")
        assert b"caught" in read_until(screen, b"caught")
        _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 9
    assert list(tmp_path.iterdir()) == []


def read_until(screen: io.RawIOBase, text: bytes) -> bytes:
    seen = b""
    while text not in seen:
        part = screen.read(4096)
        if not part:
            break
        seen += part
    return seen


def test_the_commands_an_audit_names_at_its_end_work(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    program = (
        "import json, subprocess, sys\n"
        f"for line in json.load(open({str(report)!r}))['next']:\n"
        f"    done = subprocess.run(line, shell=True, capture_output=True, text=True, cwd={str(tmp_path)!r})\n"
        "    print(line, done.returncode, len(done.stdout) > 0, repr(done.stderr))\n"
    )
    script = f'auditor audit --json > {report}; {sys.executable} -c "$PROGRAM"'
    done = run(tmp_path, "lab", "run", "post-restore", "-q", "--", "sh", "-c", script, PROGRAM=program)
    lines = done.stdout.splitlines()
    assert len(lines) >= 3, done.stderr
    # 5: propose refuses for the cluster whose image the depot lacks, and says so; 1 and 2 would be the command's own fault.
    assert all(re.search(r" [0345] True ''$", line) for line in lines), done.stdout


def test_history_tells_the_same_as_the_live_audit_and_the_next_run_no_longer_calls_the_restore_new(tmp_path: Path) -> None:
    script = "auditor audit --json; auditor audit --from-history --json; auditor audit --json"
    done = run(tmp_path, "lab", "run", "post-restore", "-q", "--", "sh", "-c", script)
    decoder, rest, reports = json.JSONDecoder(), done.stdout, []
    while rest.strip():
        report, end = decoder.raw_decode(rest.lstrip())
        reports.append({(f["code"], f["subject"]["name"], f["severity"]) for f in report["findings"]})
        rest = rest.lstrip()[end:]
    live, recorded, later = reports
    assert recorded == live
    assert live ^ later == {("restore-detected", "lab", "critical"), ("restore-detected", "lab", "warning")}


def gone(pid: int) -> bool:
    for _ in range(300):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.1)
    return False


def test_two_labs_at_once_do_not_meet(tmp_path: Path) -> None:
    both = [
        start(tmp_path, "lab", "run", name, "-q", "--", "auditor", "audit", "--json") for name in ("vcenter-703", "vcenter-91")
    ]
    versions = []
    for process in both:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        versions.append(json.loads(out)["vcenters"][0]["marks"]["value"]["version"])
    assert versions == ["7.0.3", "9.1.0"]
    assert list(tmp_path.iterdir()) == []


def test_up_says_how_to_connect_and_ends_cleanly(tmp_path: Path) -> None:
    process = start(tmp_path, "lab", "up", "vcenter-703")
    assert process.stdout is not None
    text = "".join(wait_for("branch-office", process.stdout))
    source = re.search(r"^  \. (\S+)$", text, re.MULTILINE)
    assert source is not None
    for said in (
        "https://127.0.0.1:",
        "administrator@vsphere.local",
        "thumbprint  ",
        "export AUDITOR_CONFIG=",
        "root@127.1.0.1",
    ):
        assert said in text
    audit = subprocess.run(
        ["sh", "-c", f". {source[1]} && auditor audit --json"],
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert audit.returncode == 0, audit.stderr
    assert len(json.loads(audit.stdout)["hosts"]) == 8
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0
    process.communicate()
    assert list(tmp_path.iterdir()) == []


def test_list_and_show(tmp_path: Path) -> None:
    listed = json.loads(run(tmp_path, "lab", "list", "--json").stdout)
    assert documents.problems(listed, "lab-scenarios.v1") == ()
    assert [each["name"] for each in listed["scenarios"]] == list(shipped())
    shown = run(tmp_path, "lab", "show", "post-restore").stdout
    for said in ("Virtual Desktops", "5 days ago: backup", "exit code 3", "stale-inventory"):
        assert said in shown
    toml = tmp_path / "copy.toml"
    toml.write_text(run(tmp_path, "lab", "show", "post-restore", "--toml").stdout, "utf-8")
    assert load(str(toml)).past == load("post-restore").past


@pytest.mark.parametrize("missing", ["asyncssh", "cryptography"])
def test_a_missing_library_names_the_extra(missing: str, tmp_path: Path) -> None:
    program = (
        "import sys, importlib.util as util\n"
        "real = util.find_spec\n"
        f"util.find_spec = lambda name, *rest: None if name == {missing!r} else real(name, *rest)\n"
        "from auditor.cli.main import main\n"
        "sys.exit(main(['lab', 'list']))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 1
    assert "[lab]'" in done.stderr
    assert missing in done.stderr
