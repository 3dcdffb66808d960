"""Peers that say back what they were told: nothing of it stays anywhere, and nobody's password changes an answer."""

from __future__ import annotations

import base64
import json
import os
import re
import shlex
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pyVmomi import vmodl

from auditor.lab.hosts.ssh_server import Running as Session
from auditor.lab.lab import Lab
from auditor.lab.running import Running, running
from auditor.lab.scenario_file import load
from auditor.lab.vcenter.state import LabVCenter
from auditor.lab.wire import soap, vapi
from auditor.lab.wire.http import Response
from tests.config.test_masking import forms

VCENTER = 'vC-$ecret "ü/1'
ESXI = "esxi-S3cret&<2>"
HELD = base64.urlsafe_b64encode(b"the backups' key of 32 bytes ...").decode()
CONFIG = '\nkey = { env = "TEST_BACKUP_KEY" }  # of [backup], the last table\n[limits]\nconcurrency = 4\n'


def auditor(lab: Running, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **lab.workspace.environment, **more}
    return subprocess.run(
        [sys.executable, "-m", "auditor", *words, "--config", str(lab.workspace.config)],
        cwd=lab.workspace.path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def with_password(monkeypatch: pytest.MonkeyPatch, vcenter: str, esxi: str) -> None:
    """Labs whose vCenter and hosts have these passwords."""
    made, started = LabVCenter.__init__, Lab.start

    def init(self: LabVCenter, *args: Any, **kwargs: Any) -> None:
        made(self, *args, **{**kwargs, "password": vcenter})

    def start(self: Lab) -> None:
        for host in self.hosts.values():
            host.password = esxi
        started(self)

    monkeypatch.setattr(LabVCenter, "__init__", init)
    monkeypatch.setattr(Lab, "start", start)


PLAIN_TIME = re.compile(r"\d{4}-\d\d-\d\dT[0-9:.]+Z|\d{4}-\d\d-\d\d \d\d:\d\dZ?|127\.\d+\.\d+\.\d+(:\d+)?|SHA256:[\w+/]{43}")


def answer(folder: Path, monkeypatch: pytest.MonkeyPatch, password: str) -> tuple[int, Any]:
    """The audit of the fleet in which nothing is wrong. What differs from one lab to the next is taken out."""
    with monkeypatch.context() as patched:
        with_password(patched, password, password)
        with running(load("steady"), keep=folder) as lab:
            for command in ("snapshot", "audit"):  # what is kept must be what is read again
                done = auditor(
                    lab, command, "--json", AUDITOR_LAB_VCENTER_PASSWORD=password, AUDITOR_LAB_ESXI_PASSWORD=password
                )
    text = PLAIN_TIME.sub("…", done.stdout).replace(str(folder), "FOLDER")
    return done.returncode, json.loads(text)


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> tuple[int, Any]:
    with pytest.MonkeyPatch.context() as patched:
        return answer(tmp_path_factory.mktemp("usual") / "lab", patched, "Quite-another-0ne")


@pytest.mark.parametrize("password", ["vmware", "VMware", "true", "8.0.3", "vcenter", "Production"])
def test_a_password_changes_no_answer(
    password: str, usual: tuple[int, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A value that is the password as a whole is masked, and where it stands alone in a file of a host: somebody who has the
    report must not be told. All else is equal."""
    code, found = answer(tmp_path / "lab", monkeypatch, password)
    assert code == usual[0] == 0
    masked = 0

    def compare(mine: Any, usual: Any, path: str) -> None:
        nonlocal masked
        if isinstance(usual, dict):
            assert mine.keys() == usual.keys(), path
            for key in usual:
                compare(mine[key], usual[key], f"{path}.{key}")
        elif isinstance(usual, list):
            assert len(mine) == len(usual), path
            for number, pair in enumerate(zip(mine, usual, strict=True)):
                compare(*pair, f"{path}[{number}]")
        elif mine != usual:
            assert mine == "********" or "\n" in mine, path
            assert mine.replace("********", password) == usual, path
            masked += 1

    compare(found, usual[1], "")
    if password in {"vmware", "true", "vcenter"}:
        assert not masked


class Echo:
    """A lab whose vCenter and hosts have turned hostile: every fault, error, page and output says all that a peer knows."""

    def __init__(self, lab: Running) -> None:
        self.server = lab.lab.server
        self.secrets: dict[str, str] = {"vCenter": VCENTER, "hosts": ESXI, "backup": HELD}

    @property
    def said(self) -> str:
        known = [*self.secrets.values(), *self.sessions()]
        return " | ".join(form for secret in known for form in forms(secret).values())

    def sessions(self) -> list[str]:
        return [session.id for session in self.server.vcenter.sessions.all()]


@pytest.fixture
def hostile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Running, Echo]]:
    with_password(monkeypatch, VCENTER, ESXI)

    with running(load("steady"), keep=tmp_path / "lab") as lab:
        (lab.workspace.path / "auditor.toml").write_text(lab.workspace.config.read_text() + CONFIG, encoding="utf-8")
        yield lab, Echo(lab)


def planted(echo: Echo, sessions: list[str]) -> Mapping[str, str]:
    found = {}
    for secret in (*echo.secrets.values(), *sessions):
        found |= {f"{name} of {secret[:4]}": form for name, form in forms(secret).items()}
    return found


def everything(lab: Running) -> Iterator[tuple[str, str]]:
    """What is on disk under the lab's folder, as text, and each document of the history as text of its values."""
    for path in sorted(lab.workspace.path.rglob("*")):
        # The lab's own: the passwords for a person's shell, and the program that the doorbell rings.
        if path.is_file() and path.name != "environment.sh":
            yield path.name, path.read_bytes().decode("utf-8", "replace")
    with sqlite3.connect(lab.workspace.path / "history.db") as database:
        for (text,) in database.execute("SELECT content FROM documents"):
            value = json.loads(text)
            yield "document", json.dumps(value, ensure_ascii=False)
            with suppress(ValueError):  # a file of the host, as base64
                yield "file in the history", base64.b64decode(value if isinstance(value, str) else "", validate=True).decode()


COMMANDS = (
    ("-vv", "snapshot"),
    ("-vv", "audit", "--json"),
    ("audit",),
    ("-vv", "propose", "--all", "--json"),
    ("-vv", "rollback", "plan", "--cluster", "Production", "--to", "24585383", "--json"),
    ("-vv", "rollback", "window", "--json"),
    ("-vv", "config", "check", "--connect", "--json"),
    ("history", "images", "--json"),
)

HOW = ("soap-fault", "vapi-error", "html", "host-output", "refused-login", "values")


@pytest.mark.parametrize("how", HOW)
def test_nothing_planted_comes_back(how: str, hostile: tuple[Running, Echo], monkeypatch: pytest.MonkeyPatch) -> None:
    lab, echo = hostile
    sessions: list[str] = []

    def words() -> str:
        sessions.extend(echo.sessions())
        return echo.said

    turn_hostile(how, lab, words, monkeypatch)
    spoken = 0
    outputs = []
    for command in COMMANDS:
        done = auditor(
            lab, *command, AUDITOR_LAB_VCENTER_PASSWORD=VCENTER, AUDITOR_LAB_ESXI_PASSWORD=ESXI, TEST_BACKUP_KEY=HELD
        )
        assert "internal error" not in done.stderr, done.stderr
        outputs.append((" ".join(command), done.stdout))
        outputs.append((f"stderr of {' '.join(command)}", done.stderr))
        spoken += done.stdout.count("********") + done.stderr.count("********")
    assert spoken, "the peer's words never came so far: this test tests nothing"
    needles = planted(echo, list(dict.fromkeys(sessions)))
    for name, text in [*outputs, *everything(lab)]:
        for form, needle in needles.items():
            assert needle not in text, f"{form} in {name}: …{text[max(0, text.find(needle) - 200) :][:400]}"


def turn_hostile(how: str, lab: Running, words: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on the peers answer with ``words``."""
    server = lab.lab.server
    if how == "soap-fault":
        gate = server.soap._gate

        def fault(call: Any) -> None:
            gate(call)
            if call.method in {"RetrievePropertiesEx", "QueryEvents", "CurrentTime"} and call.session:
                raise soap.fault(vmodl.fault.SystemError, words(), reason=words())

        monkeypatch.setattr(server.soap, "_gate", fault)
    elif how == "vapi-error":
        provider = server.vapi.provider
        gate_ = provider._gate

        def refuse(call: Any) -> None:
            gate_(call)
            if call.service != "com.vmware.cis.session":
                raise vapi.error(vapi.errors.Error, words()[:300], words())

        monkeypatch.setattr(provider, "_gate", refuse)
    elif how == "html":
        handle = server.soap.handle

        def page(request: Any) -> Response:
            text = handle(request)
            if b"RetrievePropertiesEx" in request.body or b"RetrieveManagedMethodExecuter" in request.body:
                return Response(200, f"<html><body>{words()}".encode(), "text/html")
            return text

        monkeypatch.setattr(server.soap, "handle", page)
        monkeypatch.setattr(server.vapi, "handle", lambda body, headers: (f"<html>{words()}".encode(), {}))
    elif how == "host-output":
        shell = Session.script

        async def script(self: Session, text: str) -> int:
            said = shlex.quote(f"motd: {words()}").encode().decode("latin-1")
            return await shell(self, f"echo {said}; echo {said} >&2; exit 1")

        monkeypatch.setattr(Session, "script", script)
    elif how == "values":
        for cluster in server.vcenter.database.clusters.values():
            for key, commit in cluster.commits.items():
                cluster.commits[key] = replace(commit, author=VCENTER, message=f"{VCENTER} and {words()}")
        cluster.name = VCENTER
        for host in lab.lab.hosts.values():
            for bank in host.banks:
                bank.files["boot.cfg"] += f"kernelopt=auth={ESXI}\n".encode()
    else:
        assert how == "refused-login"
        monkeypatch.setattr(
            "auditor.lab.hosts.ssh_server.HostServer.get_kbdint_challenge",
            lambda *_: (words()[:2000], words()[:2000], "", [(f"{words()[:300]} New password: ", True)]),
        )


def test_a_helper_is_given_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither in its environment nor on its command line; what the configuration names it gets, and a failure says how."""
    seen, helper = tmp_path / "seen", tmp_path / "helper"
    helper.write_text(f"#!/bin/sh\ntr '\\0' '\\n' </proc/$$/environ >{seen}\ntr '\\0' ' ' </proc/$$/cmdline >>{seen}\n"
                      'test "$VAULT_ADDR" = https://vault && echo Helped-0ut || exit 3\n')  # fmt: skip
    helper.chmod(0o700)
    config = tmp_path / "auditor.toml"
    config.touch(0o600)
    for name, value in {"VC_PASSWORD": VCENTER, "VAULT_TOKEN": "t0ken-of-the-vault", "VAULT_ADDR": "https://vault"}.items():
        monkeypatch.setenv(name, value)

    def run(environment: str, *command: str) -> subprocess.CompletedProcess[str]:
        config.write_text(
            '[[vcenter]]\nname = "a"\nhost = "a"\nuser = "u"\npassword = { env = "VC_PASSWORD" }\n'
            f'[ssh]\npassword = {{ command = ["./helper"], environment = {environment} }}\n'
        )
        words = [sys.executable, "-m", "auditor", *command, "--config", str(config)]
        return subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)

    done = run('["VAULT_ADDR"]', "config", "check")
    assert done.returncode == 0, done.stdout + done.stderr
    given = seen.read_text()
    assert "VAULT_ADDR=https://vault" in given
    assert f"PATH={os.environ['PATH']}" in given
    for secret in (VCENTER, "t0ken-of-the-vault", "Helped-0ut", "VC_PASSWORD"):
        assert secret not in given
    failed = run("[]", "snapshot")
    assert failed.returncode == 1
    assert "environment = [" in failed.stdout + failed.stderr
    refused = run('["VC_PASSWORD"]', "snapshot")
    assert refused.returncode != 0
    assert "VC_PASSWORD is given to a helper, and a secret is kept in it" in refused.stderr
