"""``auditor rollback window`` on simulated hosts, as a person uses it: by name, by cluster, with vCenter out of reach."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from auditor.cli.main import main
from auditor.domain.observation import BankReading, HostObservation, Read, Route
from auditor.esxi.known_hosts import pin
from auditor.esxi.ssh.link import fetch_host_key
from auditor.history.store import SqliteHistory
from auditor.lab.hosts.fleet import SshFleet
from auditor.lab.hosts.host import DEFAULT_PASSWORD, LabHost
from auditor.lab.hosts.images import LabVib, make_image
from auditor.resources import schema

OLD, NEW = "8.0.3-0.60.24585383", "8.0.3-0.70.24674464"
AT = datetime(2026, 3, 1, 12, tzinfo=UTC)

Run = Callable[..., tuple[int, str]]


def lab_host(name: str, address: str) -> LabHost:
    host = LabHost(name, make_image(OLD), address=address)
    host.remediate(make_image(NEW))
    return host


@pytest.fixture
def hosts() -> Iterator[dict[str, LabHost]]:
    made = {
        name: lab_host(name, address)
        for name, address in (("esx1.lab.example", "127.1.8.1"), ("esx2.lab.example", "127.1.8.2"))
    }
    fleet = SshFleet(list(made.values()))
    fleet.start()
    yield made
    fleet.stop()


@pytest.fixture
def run(hosts: dict[str, LabHost], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.setenv("LAB_PASSWORD", DEFAULT_PASSWORD)
    lines = ["[history]", f'path = "{tmp_path}/history.db"', "[ssh]", f'known_hosts = "{tmp_path}/known_hosts"']
    lines += ['password = { env = "LAB_PASSWORD" }']
    for host in hosts.values():
        key, _ = fetch_host_key(host.address, host.port)
        pin(tmp_path / "known_hosts", host.address, host.port, key, key.fingerprint)
        lines += ["[[host]]", f'name = "{host.name}"', f'address = "{host.address}"', f"port = {host.port}", 'cluster = "prod"']
    config = tmp_path / "auditor.toml"
    config.write_text("\n".join(lines) + "\n")

    def call(*words: str, command: str = "window", group: str = "") -> tuple[int, str]:
        code = main([*(group.split() or ["rollback", command]), *words, "--config", str(config)])
        captured = capsys.readouterr()
        return code, captured.out or captured.err

    return call


def document(text: str, name: str = "rollback-window.v1") -> Any:
    found = json.loads(text)
    validator = Draft202012Validator(schema(name))
    Draft202012Validator.check_schema(validator.schema)
    assert [error.message for error in validator.iter_errors(found)] == []
    return found


def test_all_hosts_in_words(run: Run) -> None:
    code, text = run()
    assert code == 0, text
    for name in ("esx1.lab.example", "esx2.lab.example"):
        assert f"{name} in prod: OPEN({OLD})" in text
    assert f"fallback   {OLD}" in text
    assert "VIBs differ" in text
    assert "configuration is from" in text
    assert "Next:" in text


def test_json_is_valid_by_its_schema(run: Run, hosts: dict[str, LabHost]) -> None:
    hosts["esx2.lab.example"].live_install(LabVib("vmware-fdm", "8.0.3-24853646", "VMware", "VMwareCertified", "2026-06-30"))
    code, text = run("--cluster", "PROD", "--json")
    assert code == 0
    found = document(text)
    first, second = found["hosts"]
    assert (first["window"]["kind"], first["window"]["build"]) == ("OPEN", OLD)
    assert second["window"]["kind"] == "CONSUMED"
    assert second["next"]["value"]["bank"] == "/altbootbank"
    assert {"name": "vmware-fdm", "now": None, "then": "8.0.3-24853646"} in second["difference"]["value"]["vibs"]
    assert found["counts"]["OPEN"] == found["counts"]["CONSUMED"] == 1


@pytest.mark.parametrize("typed", ["ESX1.lab.example.", "esx1", "Esx1.LAB", "127.1.8.1"])
def test_one_host_as_a_person_types_it(run: Run, typed: str) -> None:
    code, text = run(typed)
    assert code == 0
    assert "esx1.lab.example in prod: OPEN" in text
    assert "esx2" not in text


def test_a_host_nobody_knows(run: Run, tmp_path: Path) -> None:
    code, text = run("esx3")
    assert code == 1
    assert "no host 'esx3' is known here" in text
    assert "did you mean esx2.lab.example or esx1.lab.example?" in text
    (tmp_path / "history.db").write_bytes(b"no history")  # then nobody can tell that it is wrong
    code, text = run("nowhere.invalid", "--json")
    assert code in {1, 4}
    (host,) = document(text)["hosts"]
    assert host["window"]["kind"] == "UNKNOWN"
    assert host["trouble"]["unread"] in {"unreachable", "failed", "timed-out"}


def test_a_silent_host_tells_what_was_known_and_how_old_that_is(run: Run, hosts: dict[str, LabHost], tmp_path: Path) -> None:
    host = hosts["esx1.lab.example"]
    record(tmp_path / "history.db", host)
    host.shut_down()
    code, text = run("esx1.lab.example")
    assert code == 4
    assert f"last seen OPEN({OLD})" in text
    assert " days ago" in text
    _, text = run("esx1.lab.example", "--json")
    window = document(text)["hosts"][0]["window"]
    assert (window["kind"], window["build"]) == ("UNKNOWN", OLD)
    assert window["age_seconds"] > 86_400


def test_what_changed_since_the_last_audit(run: Run, hosts: dict[str, LabHost], tmp_path: Path) -> None:
    host = hosts["esx1.lab.example"]
    record(tmp_path / "history.db", host)
    host.stage(make_image("8.0.3-0.102.25595708"))
    code, text = run("esx1.lab.example", "--json")
    assert code == 0
    (row,) = document(text)["hosts"]
    assert row["window"]["kind"] == "PENDING_UPDATE"
    assert row["change"]["cause"] == "staged"
    assert row["change"]["closed"] is True
    _, text = run("esx1.lab.example")
    assert "waits for a reboot" in text


def found_by_audit(run: Run) -> list[dict[str, Any]]:
    code, text = run("--json", group="audit")
    assert code == 0, text
    return [finding for finding in json.loads(text)["findings"] if finding["code"] == "window-closed"]


FDM = LabVib("vmware-fdm", "8.0.3-24853646", "VMware", "VMwareCertified", "2026-06-30")


def test_a_window_that_was_looked_at_and_closed_is_an_event_and_a_finding(run: Run, hosts: dict[str, LabHost]) -> None:
    assert run("esx1")[0] == 0
    hosts["esx1.lab.example"].live_install(FDM)
    (finding,) = found_by_audit(run)
    assert finding["subject"]["name"] == "esx1.lab.example"
    assert any("OPEN" in line for line in finding["evidence"])
    (event,) = document(run("esx1", "--json", command="events")[1], "rollback-events.v1")["events"]
    assert (event["before"]["kind"], event["after"]["kind"], event["cause"]) == ("OPEN", "CONSUMED", "live-vib")
    assert found_by_audit(run) == []  # told once


def test_an_audit_tells_what_only_a_look_saw_since_the_last_audit(run: Run, hosts: dict[str, LabHost]) -> None:
    assert found_by_audit(run) == []
    hosts["esx2.lab.example"].live_install(FDM)
    for _ in range(2):
        assert "changed    OPEN" in run("esx2")[1]
    (finding,) = found_by_audit(run)
    assert finding["subject"]["name"] == "esx2.lab.example"
    assert found_by_audit(run) == []
    assert "changed" not in run("esx2")[1]


def test_a_look_is_no_view_and_no_first_run(run: Run) -> None:
    assert run()[0] == 0
    code, text = run("--from-history", group="audit")
    assert (code, "no finished run" in text) == (1, True)
    found = json.loads(run("--json", group="history runs")[1])["runs"]
    assert [(each["kind"], each["outcome"], each["hosts"], each["unseen"]) for each in found] == [("window", "complete", 2, 0)]
    _, text = run("--json", group="audit")
    assert any("first run" in line for line in json.loads(text)["limits"])


def test_what_cannot_be_recorded_is_shown_all_the_same(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "history.db").write_bytes(b"not a history")
    code, text = run("esx1", "--json")
    assert code == 1
    assert document(text)["hosts"][0]["window"]["kind"] == "OPEN"
    run("esx1")
    main(["rollback", "window", "esx1", "--config", str(tmp_path / "auditor.toml")])
    captured = capsys.readouterr()
    assert "OPEN" in captured.out
    assert "history.db" in captured.err


def test_moves_of_windows_are_listed_from_history(run: Run, hosts: dict[str, LabHost], tmp_path: Path) -> None:
    host, path = hosts["esx1.lab.example"], tmp_path / "history.db"
    code, text = run("--json", command="events")
    assert code == 1  # no history yet
    record(path, host)
    code, text = run(command="events")
    assert (code, "No window moved on the 1 hosts" in text) == (0, True)
    record(path, host, AT + timedelta(hours=1))
    record(path, host, AT + timedelta(hours=2))
    host.live_install(LabVib("vmware-fdm", "8.0.3-24853646", "VMware", "VMwareCertified", "2026-06-30"))
    record(path, host, AT + timedelta(hours=3))
    code, text = run("--json", command="events")
    assert code == 0
    (event,) = document(text, "rollback-events.v1")["events"]
    assert (event["host"], event["cause"], event["closed"]) == ("esx1.lab.example", "live-vib", True)
    assert (event["seen_before"], event["seen_after"]) == ("2026-03-01T14:00:00Z", "2026-03-01T15:00:00Z")
    assert event["before"]["build"] == OLD
    _, text = run("esx1.lab.example", command="events")
    assert f"OPEN({OLD}) -> CONSUMED" in text
    assert "HA" in text
    assert json.loads(run("esx2", "--json", command="events")[1])["events"] == []
    assert run("nosuch", command="events")[0] == 1


def record(path: Path, host: LabHost, at: datetime = AT) -> None:
    """An earlier run in which the host's boot.cfg files were read."""
    banks = []
    for link, lab_bank in (("/bootbank", host.boot_bank), ("/altbootbank", host.other_bank)):
        assert lab_bank is not None
        banks.append(BankReading(link, Read(f"/vmfs/volumes/{lab_bank.volume}"), Read(lab_bank.files["boot.cfg"])))
    from auditor.domain.image import Product

    seen = HostObservation(host.name, Route.SSH, at, product=Read(Product("8.0.3", "24674464")), banks=tuple(banks))
    history = SqliteHistory(path)
    number = history.begin("audit", at)
    history.record_host(number, seen)
    history.finish(number, at, "in-sync")
    history.close()


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("--cluster", "nosuch"), 1, "known clusters: prod"),
        (("esx1", "--cluster", "prod"), 2, "either hosts or --cluster"),
    ],
)
def test_wrong_use(run: Run, words: tuple[str, ...], code: int, says: str) -> None:
    found, text = run(*words)
    assert found == code
    assert says in text
