"""Window, plan, approve, run to ROLLED_BACK on a simulated cluster by the command lines, then the audit."""

from __future__ import annotations

import json
import shlex
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from auditor.history.journal import SqliteJournal
from auditor.lab.hosts.host import LabHost
from auditor.lab.vcenter.depot import DesiredSoftware
from tests.cli.rollback_desk import OLD, Desk, valid, wait_until_gone


def person(desk: Desk, hosts: list[LabHost], stop: threading.Event) -> None:
    """Sits at the consoles: reboots each host whose card was handed over, and presses Shift+R."""
    waiting = {host.name: host for host in hosts}
    while waiting and not stop.is_set():
        time.sleep(0.2)
        with SqliteJournal(desk.folder / "history.db", read_only=True) as journal:
            entries = [entry for operation in journal.operations("rollback") for entry in journal.entries(operation.id)]
        for name in {entry.subject for entry in entries if entry.step == "reboot"} & set(waiting):
            host = waiting.pop(name)
            with host.lock:
                host.shift_r_pressed = True
                host.restart()


def scanned_audit(desk: Desk) -> int:
    """Somebody presses Check Compliance; then the audit."""
    desk.lab.play.vcenter.scan("Prod")
    return desk("audit").code


def test_a_cluster_goes_back_unattended(desk: Desk) -> None:
    window = desk("rollback", "window", "--cluster", "Prod", "--json")
    assert window.code == 0, window.err
    assert {host["window"]["kind"] for host in window.document["hosts"]} == {"OPEN"}
    path = desk.planned("--unattended")
    valid(json.loads(path.read_text()), "rollback-plan.v2")
    assert path.stat().st_mode & 0o777 == 0o600
    dry = desk("rollback", "run", str(path), "--unattended")
    assert (dry.code, "Nothing was done" in dry.out) == (0, True), dry.err
    assert not any(desk.acts(host) for host in desk.hosts)

    done = desk("rollback", "run", str(path), "--execute", "--ticket", "CHG-1", "--unattended", "--json")
    assert done.code == 0, done.err
    assert "UNSUPPORTED BY THE VENDOR" in done.err
    assert "leaving maintenance mode lets vSphere HA install its agent live" in done.err
    (operation,) = valid(done.document, "rollback-operations.v1")["operations"]
    assert operation["outcome"] == "ROLLED_BACK"
    assert {host["state"] for host in operation["hosts"]} == {"ROLLED_BACK"}
    for host in desk.hosts:
        assert host.running_image.base_image == OLD
        assert not host.maintenance
        assert desk.acts(host).count("went down") == 1
        assert desk.acts(host).count("entered maintenance mode") == 1
        assert (desk.folder / "bundles" / host.name).is_dir()
    assert scanned_audit(desk) == 0
    again = desk("rollback", "run", str(path), "--execute", "--ticket", "CHG-1", "--unattended")
    assert again.code == 5
    status = desk("rollback", "status")
    assert "ended ROLLED_BACK" in status.out
    assert "approved by bob" in status.out


def test_a_cluster_goes_back_guided(desk: Desk) -> None:
    path = desk.planned()
    stop = threading.Event()
    console = threading.Thread(target=person, args=(desk, desk.hosts, stop), daemon=True)
    console.start()
    try:
        done = desk("rollback", "run", str(path), "--execute", "--ticket", "CHG-2")
    finally:
        stop.set()
        console.join(10)
    assert done.code == 0, done.out + done.err
    assert "CURRENT DEFAULT HYPERVISOR WILL BE REPLACED PERMANENTLY." in done.err
    assert all(host.running_image.base_image == OLD for host in desk.hosts)
    assert scanned_audit(desk) == 0


def test_waiting_for_the_person_and_confirm(desk: Desk) -> None:
    for who in ("ann", "bob"):
        text = (desk.folder / f"{who}.toml").read_text()
        (desk.folder / f"{who}.toml").write_text(text.replace("person_minutes = 5", "person_minutes = 0.02"))
    path = desk.planned()
    paused = desk("rollback", "run", str(path), "--execute", "--ticket", "CHG-3")
    assert paused.code == 4, paused.err
    assert "WAITING_FOR_PERSON" in paused.out
    assert "rollback confirm 1" in paused.err
    blocked = desk("rollback", "run", str(path), "--execute", "--ticket", "CHG-3")
    assert blocked.code == 5
    first = desk.hosts[0]
    with first.lock:
        first.shift_r_pressed = True
        first.restart()
    went_on = desk("rollback", "confirm")
    assert went_on.code == 4, went_on.out + went_on.err  # the second host waits now
    assert first.running_image.base_image == OLD
    stopped = desk("rollback", "abort")
    assert stopped.code in {0, 1}, stopped.err
    states = {
        host["host"]: host["state"] for host in desk("rollback", "status", "1", "--json").document["operations"][0]["hosts"]
    }
    assert states[first.name] == "ROLLED_BACK"


def test_gates_block_and_overrides_are_recorded(desk: Desk) -> None:
    config = desk.folder / "ann.toml"
    config.write_text(config.read_text().replace('settings = "2024-02-20"\n', ""))
    path = desk.folder / "a.plan.json"
    blocked = desk("rollback", "plan", "--cluster", "Prod", "--to", OLD, "--out", str(path))
    assert blocked.code == 5
    assert "settings-changed unknown" in blocked.out
    assert "to settle it: auditor history settings HOST" in blocked.out
    refused = desk("rollback", "approve", str(path), who="bob")
    assert refused.code == 5
    assert "settings-changed" in refused.err
    path = desk.folder / "b.plan.json"
    words = "--override", "settings-changed=checked by hand, CHG-9", "--override", "lockdown=it was off, by our records"
    assert desk("rollback", "plan", "--cluster", "Prod", "--to", OLD, "--out", str(path), *words).code == 0
    shown = desk("rollback", "approve", str(path), who="bob")
    assert shown.code == 0
    assert "checked by hand, CHG-9" in shown.out


def test_the_image_is_lowered_behind_the_hosts_by_the_command_that_is_named(desk: Desk) -> None:
    desk.lab.play.vcenter.set_desired("Prod", DesiredSoftware("8.0.3-0.70.24674464"))
    first = desk.hosts[0].name
    command = f"auditor propose Prod --vcenter lab --from-host {first}"
    words = "--unattended", "--override", "cluster-image=no remediation until CHG-2"
    path = desk.planned(*words)
    assert command in desk("rollback", "approve", str(path), who="bob").out
    done = desk("rollback", "run", str(path), "--unattended", "--execute", "--ticket", "CHG-1")
    assert done.code == 0, done.err
    assert command in done.err
    proposed = desk(*shlex.split(command)[1:], "--out", str(desk.folder), "--json")
    assert proposed.code == 0, proposed.out
    (entry,) = proposed.document["proposals"]
    applied = desk("apply", entry["file"], "--execute", "--ticket", "CHG-2")
    assert applied.code == 0, applied.out + applied.err
    audited = desk("audit", "--json").document
    assert {host["state"] for host in audited["hosts"]} == {"IN_SYNC"}
    assert [host.acts for host in desk.hosts if "CHG-2" in str(host.acts)] == []


def test_four_eyes_on_the_command_line(desk: Desk) -> None:
    path = desk.folder / "a.plan.json"
    assert desk("rollback", "plan", "--cluster", "Prod", "--to", OLD, "--out", str(path)).code == 0
    own = desk("rollback", "approve", str(path))
    assert own.code == 5
    assert "another person" in own.err
    unapproved = desk("rollback", "run", str(path), "--execute", "--ticket", "T")
    assert unapproved.code == 5
    assert "not approved" in unapproved.err
    glass = desk("rollback", "approve", str(path), "--break-glass", "nobody else is awake")
    assert glass.code == 0
    assert "BREAK GLASS" in glass.err
    dry = desk("rollback", "run", str(path))
    assert dry.code == 0
    assert "BREAK GLASS by ann" in dry.err


def test_unattended_is_allowed_twice_or_not_at_all(desk: Desk) -> None:
    path = desk.planned("--unattended")
    assert desk("rollback", "run", str(path), "--execute", "--ticket", "T").code == 2
    config = desk.folder / "ann.toml"
    config.write_text(config.read_text().replace("unattended = true", "unattended = false"))
    refused = desk("rollback", "run", str(path), "--execute", "--ticket", "T", "--unattended")
    assert refused.code == 5
    assert "not allowed by the configuration" in refused.err
    planned = desk("rollback", "plan", "--cluster", "Prod", "--to", OLD, "--unattended", "--out", str(desk.folder / "x"))
    assert planned.code == 5
    assert not any(desk.acts(host) for host in desk.hosts)


def test_an_update_staged_since_the_plan(desk: Desk) -> None:
    from auditor.lab.hosts.images import make_image

    path = desk.planned("--unattended")
    desk.hosts[1].stage(make_image("8.0.3-0.102.25595708"))
    desk.hosts[1].acts.clear()
    refused = desk("rollback", "run", str(path), "--execute", "--ticket", "T", "--unattended")
    assert refused.code == 5
    assert "facts moved" in refused.err
    assert not any(desk.acts(host) for host in desk.hosts)


def test_a_check_of_the_site_stops_the_wave(desk: Desk) -> None:
    folder = desk.folder / "checks" / "required"
    folder.mkdir(parents=True)
    script = folder / "10-storage"
    script.write_text('#!/bin/sh\necho "$1 sees no LUN; $AUDITOR_LAB_ESXI_PASSWORD"\nexit 1\n')
    for path in (desk.folder / "checks", folder, script):
        path.chmod(0o700)
    config = desk.folder / "ann.toml"
    config.write_text(config.read_text().replace("poll_seconds = 0.2", 'poll_seconds = 0.2\nchecks = "checks"'))
    path = desk.planned("--unattended")
    stopped = desk("rollback", "run", str(path), "--execute", "--ticket", "T", "--unattended")
    assert stopped.code == 1, stopped.err
    assert "RETURNED_UNHEALTHY" in stopped.out
    assert "sees no LUN;" in stopped.out
    assert "NOT_BEGUN" in stopped.out
    assert "left behind: in maintenance mode" in stopped.out
    script.write_text("#!/bin/sh\nexit 0\n")
    assert desk("rollback", "resume").code == 0
    assert all(host.running_image.base_image == OLD for host in desk.hosts)


def test_ctrl_c_and_resume(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    from auditor.esxi.control import SshBankControl

    path = desk.planned("--unattended")
    plain: Callable[..., Any] = SshBankControl.arm

    def interrupted(*args: Any) -> Any:
        plain(*args)
        raise KeyboardInterrupt

    monkeypatch.setattr(SshBankControl, "arm", interrupted)
    stopped = desk("rollback", "run", str(path), "--execute", "--ticket", "T", "--unattended")
    assert stopped.code == 130
    assert "rollback resume 1, or abort 1" in stopped.err
    monkeypatch.setattr(SshBankControl, "arm", plain)
    assert "IN_DOUBT" in desk("rollback", "status").out
    back = desk("rollback", "disarm")
    assert back.code == 0, back.err
    assert "ABORTED" in back.out
    first = desk.hosts[0]
    assert first.boot_bank is not None
    assert first.boot_bank.bootstate == 0
    assert "went down" not in desk.acts(first)
    assert first.maintenance


def test_backup_and_decrypt(desk: Desk) -> None:
    made = desk("backup", "--cluster", "Prod", "--json")
    assert made.code == 0, made.err
    document = valid(made.document, "backup.v1")
    first = document["hosts"][0]
    sealed = Path(first["file"])
    assert sealed.read_bytes()[:5] == b"gAAAA"
    assert sealed.stat().st_mode & 0o777 == 0o600
    plain = desk.folder / "bundle.tgz"
    assert desk("backup", "--decrypt", str(sealed), "--to", str(plain)).code == 0
    listed = subprocess.run(["tar", "tzf", str(plain)], capture_output=True, text=True, check=True)
    assert "state.tgz" in listed.stdout
    desk.hosts[1].shut_down()
    wait_until_gone(desk.hosts[1])
    partly = desk("backup", "--cluster", "Prod")
    assert partly.code == 4
    assert "NOT FETCHED" in partly.out
    listed = desk("backup", "--list")
    assert listed.out.count("encrypted with key ") == 3
    assert "NOT ENCRYPTED" not in listed.out


def without_key(desk: Desk) -> None:
    for who in ("ann", "bob"):
        path = desk.folder / f"{who}.toml"
        path.write_text(path.read_text().replace('key = { env = "TEST_BACKUP_KEY" }\n', ""))


def test_a_newcomer_without_a_key_is_told_how_to_make_one_and_does(desk: Desk) -> None:
    without_key(desk)
    refused = desk("backup", "--cluster", "Prod")
    assert refused.code == 5
    assert "auditor backup --new-key FILE" in refused.err
    assert not (desk.folder / "bundles").exists()
    made = desk("backup", "--new-key", "mine.key")
    assert made.code == 0, made.err
    text = (desk.folder / "mine.key").read_text().strip()
    assert text not in made.out + made.err
    assert desk("backup", "--new-key", "mine.key").code == 1
    line = next(line for line in made.err.splitlines() if "[backup]" in line).partition("[backup]: ")[2]
    config = desk.folder / "ann.toml"
    config.write_text(config.read_text().replace("[backup]\n", f"[backup]\n{line}\n"))
    kept = desk("backup", "--cluster", "Prod", "--json")
    assert kept.code == 0, kept.err
    assert {row["encrypted"] for row in kept.document["hosts"]} == {True}


def test_in_the_clear_only_by_a_word_that_is_recorded(desk: Desk) -> None:
    without_key(desk)
    kept = desk("backup", "--cluster", "Prod", "--unencrypted", "--json")
    assert kept.code == 0, kept.err
    assert "kept in the clear" in kept.err
    for row in valid(kept.document, "backup.v1")["hosts"]:
        assert (row["encrypted"], row["unencrypted_for"]) == (False, "ann")
        assert json.loads(Path(row["file"] + ".json").read_text())["clear_for"] == "ann"
    assert desk("backup", "--list").out.count("NOT ENCRYPTED for ann") == 2


def test_a_rollback_without_a_key_is_refused_before_any_host_is_touched(desk: Desk) -> None:
    path = desk.planned("--unattended")
    without_key(desk)
    words = ("rollback", "run", str(path), "--unattended")
    for more in ((), ("--execute", "--ticket", "CHG-1")):
        refused = desk(*words, *more)
        assert refused.code == 5
        assert "auditor backup --new-key FILE" in refused.err
    assert not any(desk.acts(host) for host in desk.hosts)
    assert "no rollback was begun here" in desk("rollback", "status").err
    done = desk(*words, "--execute", "--ticket", "CHG-1", "--unencrypted")
    assert done.code == 0, done.err
    with SqliteJournal(desk.folder / "history.db", read_only=True) as journal:
        (operation,) = journal.operations("rollback")
        saved = [one.data for one in journal.entries(operation.id) if one.step == "backup" and "encrypted" in one.data]
    assert json.loads(operation.document)["unencrypted"] == "ann"
    assert [(one["encrypted"], one["unencrypted for"]) for one in saved] == [("false", "ann")] * 2
