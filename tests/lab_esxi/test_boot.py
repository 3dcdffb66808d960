"""Banks and boots of a simulated host, step by step and over random lives."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from auditor.domain.bootbank import BootState
from auditor.lab.hosts.bank import STATE
from auditor.lab.hosts.host import HostDownError, LabHost
from auditor.lab.hosts.images import LabImage, LabVib, make_image


def states(host: LabHost) -> list[tuple[int, int]]:
    return [(bank.bootstate, bank.updated) for bank in host.banks]


def test_a_fresh_host_has_one_bootable_bank_and_a_copy_that_is_not(host: LabHost) -> None:
    main, other = host.banks
    assert states(host) == [(0, 1), (3, 2)]
    assert main.keys is not None
    assert other.keys is not None
    assert main.keys.build == other.keys.build == "8.0.3-0.60.24585383"
    assert main.has_modules
    assert not other.has_modules
    assert host.running_image.build == "24585383"


def test_boot_cfg_is_written_like_an_installed_hosts(host: LabHost) -> None:
    lines = host.banks[0].files["boot.cfg"].decode("ascii").splitlines()
    names = [line.split("=")[0] for line in lines]
    assert names == ["bootstate", "title", "timeout", "prefix", "kernel", "kernelopt", "modules", "build", "updated"]
    modules = lines[6].removeprefix("modules=").split(" --- ")
    assert len(modules) > 90
    assert all(len(name.split(".")[0]) <= 8 for name in modules)
    assert set(modules) | {"b.b00", "boot.cfg"} == set(host.banks[0].files)
    assert len(modules) == len(set(modules))


def test_staging_then_booting_swaps_the_banks(host: LabHost, new_image: LabImage) -> None:
    host.stage(new_image)
    assert states(host) == [(0, 1), (1, 3)]
    assert host.running_image.build == "24585383"
    assert host.pending_image == new_image
    host.reboot()
    assert host.booted == 1
    assert host.running_image == new_image
    assert host.pending_image is None
    assert states(host) == [(0, 1), (0, 3)]


def test_shift_r_goes_back_and_kills_the_newer_bank(host: LabHost, new_image: LabImage) -> None:
    host.remediate(new_image)
    host.reboot(shift_r=True)
    assert host.running_image.build == "24585383"
    assert states(host) == [(0, 1), (3, 3)]
    host.reboot(shift_r=True)
    assert host.running_image.build == "24585383", "one level only: there is nothing left to go back to"


def test_an_unconfirmed_trial_falls_back(host: LabHost, new_image: LabImage) -> None:
    host.set_faults({"reboot": {"unconfirmed": True}})
    host.remediate(new_image)
    assert states(host) == [(0, 1), (2, 3)]
    host.reboot()
    assert host.running_image.build == "24585383"
    assert states(host) == [(0, 1), (3, 3)]


def test_a_crashing_trial_boot_returns_on_the_old_bank(host: LabHost, new_image: LabImage) -> None:
    host.set_faults({"reboot": {"old_bank": True}})
    host.remediate(new_image)
    assert host.running_image.build == "24585383"
    assert states(host)[1] == (3, 3)


def test_a_live_vib_takes_the_other_bank(host: LabHost, old_image: LabImage, new_image: LabImage) -> None:
    host.remediate(new_image)
    assert host.other_bank is not None
    assert host.other_bank.image == old_image
    host.live_install(LabVib("vmware-fdm", "8.0.3-24674464", "VMware"))
    assert states(host) == [(0, 4), (0, 3)]
    assert host.live_marker
    assert host.running_image.profile_name.startswith("(Updated) ")
    assert host.other_bank.image is not None
    assert host.other_bank.image.build == "24674464", "the release before is gone"
    host.reboot()
    assert host.booted == 0
    assert not host.live_marker


def test_a_host_with_no_good_bank_stays_off_and_says_so(host: LabHost) -> None:
    for bank in host.banks:
        bank.set_bootstate(BootState.INVALID)
    host.reboot()
    assert host.power == "off"
    assert host.console == "No hypervisor found."
    with pytest.raises(HostDownError, match="esx01"):
        _ = host.running_image


def test_booting_the_fresh_installers_copy_bricks_the_host(host: LabHost) -> None:
    host.banks[1].set_bootstate(BootState.VALID)
    host.reboot()
    assert host.power == "off"
    assert "Not found" in host.console


def test_shift_r_brings_back_the_configuration_of_that_time(host: LabHost, new_image: LabImage) -> None:
    host.password = "old secret"
    host.remediate(new_image)
    assert host.password == "old secret"
    host.password = "new secret"
    host.reboot()
    assert host.password == "new secret"
    host.reboot(shift_r=True)
    assert host.password == "old secret"


def test_configuration_changed_after_staging_is_carried_over_only_by_an_orderly_stop(
    host: LabHost, new_image: LabImage
) -> None:
    for orderly, expected in ((True, "changed"), (False, "VMware1!")):
        fresh = LabHost("other.lab.local", host.running_image)
        fresh.stage(new_image)
        fresh.password = "changed"
        fresh.reboot(orderly=orderly)
        assert fresh.running_image == new_image
        assert fresh.password == expected


def test_a_bank_without_a_state_archive_boots_factory_new(host: LabHost) -> None:
    host.shut_down(orderly=False)
    del host.banks[0].files[STATE]
    host.boot()
    assert host.power == "on"
    assert host.password == ""


def test_a_host_that_never_comes_back(host: LabHost) -> None:
    host.set_faults({"reboot": {"never": True}})
    host.reboot()
    assert host.power == "rebooting"


def test_unknown_faults_are_refused_by_name(host: LabHost) -> None:
    bad: list[dict[str, Any]] = [
        {"shh": "refuse"},
        {"ssh": "refuze"},
        {"reboot": {"slow": 1}},
        {"commands": {"ls": {"hangs": True}}},
    ]
    for faults in bad:
        with pytest.raises(ValueError, match="there are: "):
            host.set_faults(faults)


VERSIONS = ("8.0.2-0.0.22380479", "8.0.3-0.60.24585383", "9.0.0.0.24755229")
STEPS = st.one_of(
    st.tuples(st.just("stage"), st.sampled_from(VERSIONS)),
    st.tuples(st.just("live"), st.integers(1, 9)),
    st.tuples(st.just("reboot"), st.booleans()),
    st.tuples(st.just("shift_r"), st.none()),
    st.tuples(st.just("crash"), st.none()),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(STEPS, max_size=14))
@example([("stage", VERSIONS[2]), ("reboot", False), ("live", 1), ("crash", None), ("shift_r", None)])
@example([("stage", VERSIONS[1]), ("reboot", False), ("live", 1), ("crash", None), ("shift_r", None)])
def test_whatever_is_done_to_it_a_host_boots_a_bank_it_may_boot(steps: list[tuple[str, Any]]) -> None:
    host = LabHost("esx01.lab.local", make_image(VERSIONS[0]))
    for step, value in steps:
        before = max(bank.updated for bank in host.banks)
        match step:
            case "stage":
                image = make_image(value)
                host.stage(image)
                assert host.pending_image == image
                assert max(bank.updated for bank in host.banks) == before + 1
            case "live":
                host.live_install(LabVib("fdm", f"1.{value}", "VMware"))
                assert max(bank.updated for bank in host.banks) == before + 1
            case "reboot":
                expected = host.pending_image or (host.running_image if host.live_marker else None)
                host.reboot(orderly=value)
                assert expected is None or host.running_image == expected
            case "shift_r":
                host.reboot(shift_r=True)
            case "crash":
                host.set_faults({"reboot": {"old_bank": True}})
                host.reboot(orderly=False)
                host.set_faults({})
        assert host.power == "on"
        bank = host.boot_bank
        assert bank is not None
        assert bank.has_modules
        assert bank.keys is not None
        assert bank.bootstate == BootState.VALID, "jumpstart confirms what came up"
        assert bank.image is not None
        assert bank.keys.build == bank.image.vib_version
        if step in {"reboot", "shift_r", "crash"}:
            assert host.running_image == bank.image
            usable = [other for other in host.banks if other.bootstate == BootState.VALID]
            assert bank.updated == max(other.updated for other in usable)
