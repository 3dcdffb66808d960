"""``auditor hosts trust`` for keys and certificates, of one host and of all, on servers that record what they got."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import asyncssh
import pytest

from auditor import documents
from tests.cli.conftest import Run
from tests.cli.test_hosts_command import Listener, Typist
from tests.vcenter.servers import Certificate, TlsServer, make_certificate, serving

CONFIG = """
[history]
path = "history.db"
[ssh]
password = {{ env = "ESXI_PASSWORD" }}
known_hosts = "known_hosts"
[host-api]
user = "root"
password = {{ env = "ESXI_PASSWORD" }}
port = {port}
known_certificates = "known_certificates"
{more}
[ssh.addresses]
"dead.example.org" = "127.0.0.9:1"
"esx01.example.org" = "127.0.0.1:{ssh}"
[[host]]
name = "esx01.example.org"
[deadlines]
connect = 5
"""


def certificate(folder: Path) -> Certificate:
    return make_certificate(folder)


@pytest.fixture
def listener() -> Iterator[Listener]:
    made = Listener(asyncssh.generate_private_key("ecdsa-sha2-nistp256"))
    yield made
    made.stop()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[TlsServer]:
    with serving(certificate(tmp_path), lambda *_: (200, b"")) as made:
        yield made


@pytest.fixture
def estate(config: Path, listener: Listener, server: TlsServer) -> Path:
    config.write_text(CONFIG.format(port=server.port, ssh=listener.port, more=""))
    return config


def shown(auditor: Run, name: str = "esx01.example.org") -> dict[str, str]:
    """What a host shows, by kind."""
    done = auditor("hosts", "trust", name, "--json")
    assert done.code == 5
    document = json.loads(done.out)
    assert documents.problems(document, "hosts-trust.v1") == ()
    return {value["kind"]: value["seen"].split()[-1] for value in document["values"]}


def pinned(home: Path) -> tuple[str, str]:
    return tuple((home / name).read_text() if (home / name).exists() else "" for name in ("known_hosts", "known_certificates"))  # type: ignore[return-value]


def test_one_host_is_shown_whole_and_pinned_by_what_is_known_of_it(
    auditor: Run, estate: Path, home: Path, server: TlsServer
) -> None:
    done = auditor("hosts", "trust", "esx01")
    assert done.code == 5
    assert "host key" in done.err
    assert "certificate" in done.err
    assert pinned(home) == ("", "")
    values = shown(auditor)
    done = auditor("hosts", "trust", "esx01", *(f"--fingerprint={value}" for value in values.values()))
    assert done.code == 0, done.err
    assert pinned(home)[1] == f"127.0.0.1:{server.port} {values['certificate']}\n"
    assert (home / "known_certificates").stat().st_mode & 0o777 == 0o600
    before = pinned(home)
    again = auditor("hosts", "trust", "esx01")
    assert again.code == 0
    assert again.err.count("pinned already") == 2
    assert pinned(home) == before
    assert server.requests == []


def test_only_what_the_fingerprint_is_of_is_looked_at(auditor: Run, estate: Path, home: Path, server: TlsServer) -> None:
    values = shown(auditor)
    before = server.connections
    assert auditor("hosts", "trust", "esx01", "--fingerprint", values["ssh-key"]).code == 0
    assert server.connections == before
    assert pinned(home)[1] == ""
    for useless in ("AB" * 20, "MD5:" + ":".join(["ab"] * 16), "yes"):
        assert auditor("hosts", "trust", "esx01", "--fingerprint", useless).code == 1
    assert auditor("hosts", "trust", "esx01", "--fingerprint", "AB" * 32).code == 1
    assert pinned(home)[1] == ""


def test_another_certificate_is_shown_beside_the_old_one(
    auditor: Run, estate: Path, home: Path, server: TlsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = shown(auditor)["certificate"]
    assert auditor("hosts", "trust", "esx01", "--fingerprint", old).code == 0
    new = certificate(home)
    server.show(new)
    done = auditor("hosts", "trust", "esx01", "--fingerprint", new.thumbprint.replace(":", "").lower())
    assert done.code == 0
    assert "THE CERTIFICATE HAS CHANGED" in done.err
    assert old in done.err
    assert new.thumbprint in done.err
    assert pinned(home)[1] == f"127.0.0.1:{server.port} {new.thumbprint}\n"


def test_a_certificate_the_configuration_pins_is_not_changed_beside_it(
    auditor: Run, estate: Path, home: Path, server: TlsServer, listener: Listener
) -> None:
    more = f'[host-api.thumbprints]\n"esx01.example.org" = "{"AB" * 32}"'
    estate.write_text(CONFIG.format(port=server.port, ssh=listener.port, more=more))
    done = auditor("hosts", "trust", "esx01", "--fingerprint", shown(auditor)["certificate"])
    assert done.code == 5
    assert "[host-api.thumbprints]" in done.err
    assert pinned(home)[1] == ""


def test_a_key_of_another_type_is_a_change_and_the_old_one_goes(
    auditor: Run, estate: Path, home: Path, listener: Listener
) -> None:
    rsa = asyncssh.generate_private_key("ssh-rsa", key_size=2048).export_public_key("openssh").decode().strip()
    (home / "known_hosts").write_text(f"[127.0.0.1]:{listener.port} {rsa}\n")
    values = shown(auditor)
    done = auditor("hosts", "trust", "esx01", "--fingerprint", values["ssh-key"])
    assert done.code == 0
    assert "THE HOST KEY HAS CHANGED" in done.err
    assert "pinned until now: " in done.err
    (line,) = pinned(home)[0].splitlines()
    assert "ecdsa" in line


def test_a_fingerprint_of_any_key_of_the_host_will_do(auditor: Run, config: Path, home: Path) -> None:
    """The console may show the RSA key's, where the handshake would prefer another."""
    rsa, ecdsa = (asyncssh.generate_private_key("ssh-rsa", key_size=2048), asyncssh.generate_private_key("ecdsa-sha2-nistp256"))
    made = Listener(ecdsa, rsa)
    try:
        config.write_text(config.read_text().replace("127.0.0.1:2201", f"127.0.0.1:{made.port}"))
        for key in (rsa, ecdsa):
            assert auditor("hosts", "trust", "esx01.example.org", "--fingerprint", key.get_fingerprint()).code == 0
    finally:
        made.stop()
    assert len(pinned(home)[0].splitlines()) == 1  # the second confirmation replaced the first


def test_all_hosts_with_a_list_the_dead_are_named_and_the_others_pinned(
    auditor: Run, estate: Path, home: Path, server: TlsServer
) -> None:
    values = shown(auditor)
    listed = home / "expected.csv"
    listed.write_bytes(
        f'#TYPE Selected\r\n"Name","State","SSL Thumbprint","SSH Fingerprint"\r\n'
        f'"ESX01.example.org.","ok","{values["certificate"]}","{values["ssh-key"]}"\r\n'
        f'"gone.example.org","ok","{"CD" * 32}",""\r\n'.encode("utf-16")
    )
    done = auditor("hosts", "trust", "--all", "--expected", str(listed))
    assert done.code == 4, done.err
    assert "dead.example.org" in done.out
    assert "2 not reached" in done.out
    assert "new, as expected" in done.out
    assert "gone.example.org" in done.err
    before = pinned(home)
    assert all(before)
    again = auditor("hosts", "trust", "--all", "--expected", str(listed), "--json")
    assert again.code == 4
    states = {(value["host"], value["state"]) for value in json.loads(again.out)["values"]}
    assert states == {("dead.example.org", "unreachable"), ("esx01.example.org", "same")}
    assert pinned(home) == before
    assert server.requests == []


def test_what_differs_from_the_list_is_never_pinned(
    auditor: Run, estate: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = shown(auditor)
    listed = home / "expected"
    listed.write_text(f"esx01.example.org {'EF' * 32}\nesx01.example.org {values['ssh-key']}\n")
    monkeypatch.setattr("sys.stdin", Typist(f"{values['certificate'][-6:]}\n"))
    done = auditor("hosts", "trust", "--all", "--expected", str(listed))
    assert done.code == 5
    assert "NOT AS EXPECTED" in done.out
    assert pinned(home)[0]
    assert pinned(home)[1] == ""


@pytest.mark.parametrize("right", [True, False])
def test_one_confirmation_is_typed_for_all(
    right: bool, auditor: Run, estate: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = shown(auditor)
    monkeypatch.setattr("sys.stdin", Typist(f"{values['ssh-key'][-6:] if right else 'yes'}\n"))
    done = auditor("hosts", "trust", "--all")
    assert done.code == (4 if right else 5)
    assert all(pinned(home)) == right
    assert any(pinned(home)) == right


def test_a_pin_is_by_the_address_contacted(auditor: Run, estate: Path, recorded: Path, home: Path) -> None:
    """One name of two hosts is two rows; two names of one host are one."""
    estate.write_text(
        estate.read_text().replace('name = "esx01.example.org"', 'name = "esx01.example.org"\naddress = "127.0.0.9:3"')
        + '[[host]]\nname = "alias"\naddress = "127.0.0.9:3"\n'
    )
    done = auditor("hosts", "trust", "--all", "--json")
    places = {(value["host"], value["address"]) for value in json.loads(done.out)["values"] if value["kind"] == "ssh-key"}
    assert {("esx01.example.org", "127.0.0.1"), ("alias, esx01.example.org", "127.0.0.9")} <= places


def test_a_name_that_is_none_is_not_contacted(auditor: Run, estate: Path) -> None:
    estate.write_text(estate.read_text() + '[[host]]\nname = "x,esx01.example.org"\naddress = "x,127.0.0.1"\n')
    done = auditor("hosts", "trust", "--all", "--json")
    (trouble,) = {value["trouble"] for value in json.loads(done.out)["values"] if value["host"].startswith("x,")}
    assert "no host name" in trouble


@pytest.mark.parametrize(
    "arguments", [(), ("esx01", "--all"), ("--all", "--fingerprint", "x"), ("esx01", "--cluster", "x")], ids=" ".join
)
def test_wrong_usage(arguments: tuple[str, ...], auditor: Run) -> None:
    assert auditor("hosts", "trust", *arguments).code == 2


def snapshot(home: Path, **environment: str) -> int:
    own = {"PATH": os.environ["PATH"], "HOME": str(home), "ESXI_PASSWORD": "hunter2-esxi", **environment}
    command = [sys.executable, "-P", "-m", "auditor", "snapshot", "--config", str(home / "auditor.toml")]
    return subprocess.run(command, cwd=home, env=own, capture_output=True, timeout=120, check=False).returncode


def test_what_the_system_trusts_is_no_host(estate: Path, home: Path, server: TlsServer, listener: Listener) -> None:
    """The certificate is right for the name and signed by an authority that only the operating system's store has."""
    text = CONFIG.replace("127.0.0.1:{ssh}", "localhost:{ssh}")
    own = certificate(home)
    server.show(own)
    estate.write_text(text.format(port=server.port, ssh=listener.port, more=""))
    assert snapshot(home, SSL_CERT_FILE=str(own.file)) == 4
    assert (server.connections, server.requests) == (0, [])
    # The same authority named for hosts: now it is talked to.
    estate.write_text(text.format(port=server.port, ssh=listener.port, more=f'ca_file = "{own.file}"'))
    snapshot(home)
    assert server.requests
