"""A person in a running lab: the sentences, and the socket through which another process says them."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from auditor.errors import ConnectError, InputError
from auditor.lab.doorbell import SOCKET, Doorbell, ring
from auditor.lab.play import Play
from auditor.lab.scenario_file import load
from auditor.lab.verbs import do

HOST = "production-01"
FULL = f"{HOST}.lab.example"


@pytest.fixture
def play() -> Iterator[Play]:
    made = Play(load("rollback"))
    made.past(lambda: None, lambda _: None)
    yield made
    for host in made.hosts.values():
        host.cancel_restart()


def state(play: Play, name: str = HOST) -> dict[str, object]:
    found: dict[str, object] = json.loads(do(play, f"show {name}"))
    return found


def connection(play: Play, name: str = FULL) -> str:
    play.vcenter.refresh_inventory()
    return play.vcenter.host(name).belief.connection


def test_the_console(play: Play) -> None:
    assert "will be pressed" in do(play, f"press Shift+R on {HOST}")
    assert state(play)["shift_r_pressed"] is True
    do(play, f"power cycle {HOST}")
    assert state(play)["running"] == "8.0.3-0.60.24585383"
    do(play, f"power off {FULL}")
    assert state(play)["power"] == "off"
    assert connection(play) == "notResponding"
    do(play, f"power on {HOST}")
    assert connection(play) == "connected"


def test_vcenters_account_comes_back_old_and_a_person_reconnects(play: Play) -> None:
    """vCenter changed its password on the host after the update: the host that goes back knows only the old one."""
    play.hosts[FULL].vpxuser += 1
    play._remembered[FULL] += 1
    play.hosts[FULL].reboot()
    assert connection(play) == "connected"
    do(play, f"press shift+r on {HOST}")
    do(play, f"power cycle {HOST}")
    assert connection(play) == "notResponding"
    assert "connected in vCenter" in do(play, f"reconnect {HOST}")
    assert connection(play) == "connected"
    do(play, f"change vpxuser password of {HOST}")
    assert connection(play) == "notResponding"
    do(play, f"reconnect {HOST}")
    do(play, f"cut off {HOST}")
    assert connection(play) == "notResponding"
    do(play, f"reconnect {HOST}")
    do(play, f"disconnect {HOST}")
    assert connection(play) == "disconnected"


def test_behind_everybodys_back(play: Play) -> None:
    host = play.hosts[FULL]
    do(play, f"stage u3g on {HOST}")
    assert host.pending_image is not None
    do(play, f"install live vib on {HOST}")
    assert host.live_marker
    before = host.state_digest()
    do(play, f"touch boot.cfg of {HOST}")
    between = host.state_digest()
    do(play, f"touch other boot.cfg of {HOST}")
    assert len({before, between, host.state_digest()}) == 3
    key, password = host.key_number, host.password
    do(play, f"renew host key of {HOST}")
    do(play, f"change root password of {HOST}")
    assert (host.key_number, host.password) != (key, password)
    do(play, f"maintenance on {HOST}")
    assert play.vcenter.host(FULL).belief.maintenance


def test_breaking_and_mending(play: Play) -> None:
    do(play, "break production-0[12] reboot.never = true; bank = 'full'")
    assert play.hosts[FULL].faults == {"reboot": {"never": True}, "bank": "full"}
    assert play.hosts["production-02.lab.example"].faults == play.hosts[FULL].faults
    assert play.hosts["production-03.lab.example"].faults == {}
    do(play, f"mend {HOST}")
    assert play.hosts[FULL].faults == {}


def test_what_a_host_is_like_and_that_lockdown_mode_goes_back_with_the_bank(play: Play) -> None:
    host = play.hosts[FULL]
    do(play, f"make {HOST} tpm = '2.0'; quick_boot = true; lockdown = 'lockdownNormal'; lockdown_exceptions = ['root']")
    assert (host.tpm, host.quick_boot, host.lockdown) == ("2.0", True, "lockdownNormal")
    assert not host.keeps_out("root")
    do(play, f"make {HOST} lockdown_exceptions = []")
    assert host.keeps_out("root")
    do(play, f"press shift+r on {HOST}")
    do(play, f"power cycle {HOST}")
    assert host.lockdown == "lockdownDisabled"
    assert host.tpm == "2.0"


def test_a_changed_setting_goes_back_with_the_bank(play: Play) -> None:
    host = play.hosts[FULL]
    before = host.settings
    do(play, f"change ntp of {HOST} to ntp8.lab.example, ntp9.lab.example")
    do(play, f"change vlan of {HOST} to 77")
    do(play, f"change nfs of {HOST} to none")
    assert (host.settings.ntp, host.settings.vlan, host.settings.nfs) == (("ntp8.lab.example", "ntp9.lab.example"), 77, ())
    host.reboot()
    assert host.settings.vlan == 77
    do(play, f"press shift+r on {HOST}")
    do(play, f"power cycle {HOST}")
    assert host.settings == before


@pytest.mark.parametrize(
    "sentence",
    [
        "",
        "dance",
        f"press shift+r on {HOST} now",
        "power off nobody",
        f"stage u9z on {HOST}",
        f"break {HOST} reboot.sometimes = true",
        f"break {HOST} not toml",
        f"make {HOST} lockdown = 'sometimes'",
        f"make {HOST} quick_boot = 'yes'",
        f"make {HOST} taller = true",
        f"make {HOST} not toml",
        f"change mood of {HOST} to good",
        f"change vlan of {HOST} to ten",
    ],
)
def test_what_it_does_not_know_is_said_and_changes_nothing(play: Play, sentence: str) -> None:
    before = {name: host.state_digest() for name, host in play.hosts.items()}
    with pytest.raises(InputError):
        do(play, sentence)
    assert {name: host.state_digest() for name, host in play.hosts.items()} == before


def test_the_socket_is_the_users_alone_and_answers(play: Play, tmp_path: Path) -> None:
    deep = tmp_path / ("long" * 20) / ("name" * 20)  # longer than a socket's path may be
    deep.mkdir(parents=True)
    bell = Doorbell(play, deep)
    bell.start()
    try:
        assert stat.S_IMODE((deep / SOCKET).stat().st_mode) == 0o600
        assert "will be pressed" in ring(deep, f"press shift+r on {HOST}")
        with pytest.raises(InputError, match="does not know how"):
            ring(deep, "dance")
        assert play.hosts[FULL].shift_r_pressed
    finally:
        bell.stop()
    with pytest.raises(ConnectError):
        ring(deep, f"show {HOST}")
    assert list(deep.iterdir()) == []


def test_the_windows_of_the_scenario(play: Play) -> None:
    for name in ("production-01", "production-02", "production-03", "edge-03"):
        banks = state(play, name)["banks"]
        assert isinstance(banks, dict)
        assert (banks["booted"]["state"], banks["other"]["state"]) == (0, 0)
        assert banks["booted"]["updated"] > banks["other"]["updated"]
    assert play.hosts["edge-01.lab.example"].live_marker
    assert play.hosts["edge-02.lab.example"].pending_image is not None
    assert play.hosts["new-01.lab.example"].banks[1].image is None
