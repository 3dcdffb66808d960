"""What the simulated hosts print, held against outputs of real hosts."""

from __future__ import annotations

import asyncio
import csv
import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from auditor.lab.hosts.bank import modules_of
from auditor.lab.hosts.host import LabHost
from auditor.lab.hosts.images import LabComponent, LabImage, LabVib, catalogue, find_add_on, make_image
from auditor.lab.programs.esxcli import esxcli_rows
from auditor.lab.programs.esxcli_rows import EsxcliError
from auditor.lab.shell.run import Result, run_script

SAMPLES = Path(__file__).with_name("samples")


def sample(name: str) -> str:
    return (SAMPLES / name).read_text("utf-8")


def run(host: LabHost, command: str) -> Result:
    return asyncio.run(asyncio.wait_for(run_script(host, command), 30))


def out(image: LabImage | str, command: str, **faults: Any) -> str:
    host = LabHost("esx01.lab.local", image if isinstance(image, LabImage) else make_image(image))
    host.set_faults(faults)
    return run(host, command).stdout.decode()


@pytest.mark.parametrize(
    ("base_image", "command", "name"),
    [
        ("9.0.0.0.24755229", "esxcli system version get", "system-version-get.9.0.0.txt"),
        ("8.0.3-0.95.25205845", "esxcli --debug --formatter=json system version get", "system-version-get.8.0U3.json"),
        ("8.0.3-0.95.25205845", "vmware -vl", "vmware-vl.8.0U3-25205845.txt"),
        ("8.0.3-0.60.24585383", "vmware -lv", "vmware-lv.8.0U3-24585383.txt"),
        ("8.0.3-0.60.24585383", "esxcli system settings encryption get", "encryption-get.mode-none.txt"),
        ("8.0.3-0.60.24585383", "esxcli system maintenanceMode get", "maintenanceMode-get.disabled.txt"),
        (
            "8.0.3-0.60.24585383",
            "esxcli system maintenanceMode set -e true; esxcli system maintenanceMode get",
            "maintenanceMode-get.enabled.txt",
        ),
    ],
)
def test_same_text_as_a_real_host(base_image: str, command: str, name: str) -> None:
    assert out(base_image, command).rstrip("\n") == sample(name).rstrip("\n")


def test_vib_list_of_9_0_is_line_for_line_that_of_a_real_host() -> None:
    real = sample("vib-list.9.0.0-24755229-vanilla.txt").splitlines()
    ours = out(make_image("9.0.0.0.24755229", installed="2025-12-06"), "esxcli software vib list").splitlines()
    assert ours == real


def test_vib_list_of_6_7_has_the_vibs_of_a_real_host_and_no_platforms() -> None:
    real = [line.split() for line in sample("vib-list.6.7U3-15160138-realtek.txt").splitlines()[2:]]
    ours = [line.split() for line in out("6.7.0-3.89.15160138", "esxcli software vib list").splitlines()]
    assert [row[:3] for row in ours[2:]] == [row[:3] for row in real if row[2] != "Realtek"]
    assert "Platforms" not in ours[0]


def test_a_damaged_image_database_lists_what_it_did_on_a_real_host() -> None:
    faults = {"commands": {"esxcli software vib list": {"damaged_database": True}}}
    ours = out("6.7.0-3.89.15160138", "esxcli software vib list", **faults).splitlines()
    real = sample("vib-list.6.0-broken-imgdb.txt").splitlines()
    assert len(ours) == len(real) == 3
    assert ours[0].split() == real[0].split()
    assert ours[2].split()[0] == real[2].split()[0] == "tools-light"


def test_no_pending_profile_reads_like_the_published_one() -> None:
    ours = out("8.0.3-0.60.24585383", "esxcli software profile get --rebooting-image")
    real = sample("profile-get-rebooting-image.6.0-none-pending.txt")

    def timeless(text: str) -> str:
        return re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", "TIME", text).rstrip()

    assert timeless(ours) == timeless(real)


def test_profile_names_follow_the_published_ones() -> None:
    names = {base: make_image(base).profile for base in catalogue()}
    assert names["8.0.3-0.102.25595708"] == "ESXi-8.0U3k-25595708-standard"
    assert names["9.0.1.0.24957456"] == "ESXi-9.0.1-0.24957456-standard"
    assert names["9.1.0.0200.25557999"] == "ESXi-9.1.0.0200-25557999-standard"
    host = LabHost("esx01.lab.local", make_image("7.0.3-0.85.21424296"))
    host.live_install(LabVib("net-community", "1.0-1", "OTHER", "CommunitySupported"))
    lines = run(host, "esxcli software profile get").stdout.decode().splitlines()
    assert lines[0] == "(Updated) ESXi-7.0U3l-21424296-standard"
    assert lines[1:3] == [f"   Name: {lines[0]}", "   Vendor: esx01.lab.local"]


def test_the_boot_device_is_told_in_the_lines_of_a_real_host() -> None:
    ours = out("9.0.0.0.24755229", "esxcli storage core device list").splitlines()
    assert set(ours) <= set(sample("storage-core-device-list.9.0.0.txt").splitlines())
    assert "   Is Boot Device: true" in ours


def test_vib_get_has_the_fields_of_a_real_one_in_their_order() -> None:
    ours = out("8.0.3-0.60.24585383", "esxcli software vib get -n esx-base").splitlines()
    real = sample("vib-get.5.0-hp-smx.txt").splitlines()
    assert ours[0] == "VMware_bootbank_esx-base_8.0.3-0.60.24585383"
    keys = [[line.split(":")[0] for line in lines[1:] if line.strip()] for lines in (ours, real)]
    assert keys[0] == keys[1]


def test_module_names_are_those_of_the_same_release() -> None:
    real = set(modules_of(sample("boot.cfg.8.0U3-installer-comment-header").encode()))
    ours = set(modules_of(LabHost("h", make_image("8.0.3-0.0.24022510")).banks[0].files["boot.cfg"]))
    installer_only = {"weaselin.v00", "tpmesxup.v00"}
    assert len(real - installer_only & ours) > 100
    missing = real - installer_only - ours
    assert len(missing) <= 12, sorted(missing)


def test_host_summary_says_maintenance_as_a_real_host_does() -> None:
    text = out("8.0.3-0.60.24585383", "esxcli system maintenanceMode set --enable true; vim-cmd /hostsvc/hostsummary")
    assert sample("hostsummary-inMaintenanceMode.true.partial.txt").strip("\n") in text


def test_what_a_release_does_not_have_is_an_unknown_command() -> None:
    host = LabHost("esx01", make_image("6.7.0-3.89.15160138"))
    for command in ("software component list", "software baseimage get", "software addon get", "no such thing"):
        result = run(host, f"esxcli {command}")
        assert result.status == 1
        assert result.stdout.decode() == f"Error: Unknown command or namespace {command}\n\n"
        with pytest.raises(EsxcliError, match="Unknown command or namespace"):
            esxcli_rows(host, command)


@pytest.mark.parametrize("base_image", ["7.0.3-0.85.21424296", "8.0.3-0.70.24674464", "9.1.0.0200.25557999"])
def test_every_form_of_a_table_holds_the_same_rows(base_image: str) -> None:
    host = LabHost("esx01.lab.local", make_image(base_image))
    rows = esxcli_rows(host, "software vib list")
    assert len(rows) > 75
    lines = run(host, "esxcli --formatter=csv software vib list").stdout.decode().splitlines()
    assert all(line.endswith(",") for line in lines)
    table = list(csv.reader(lines))
    names = table[0][:-1]
    assert names == sorted(names)
    assert [dict(zip(names, row[:-1], strict=True)) for row in table[1:]] == rows
    assert json.loads(run(host, "esxcli --debug --formatter=json software vib list").stdout) == rows
    tree = ElementTree.fromstring(run(host, "esxcli --formatter=xml software vib list").stdout)
    fields = [{f.attrib["name"]: f[0].text or "" for f in s} for s in tree.iter() if s.tag.endswith("structure")]
    assert fields == rows
    assert (
        f"VIBSummaryExt[0].Name.string={rows[0]['Name']}\n"
        in run(host, "esxcli --formatter=keyvalue software vib list").stdout.decode()
    )
    assert ("Platforms" in rows[0]) == (not base_image.startswith("7"))


def test_add_on_and_components_override_the_base_image() -> None:
    add_on = find_add_on("DEL-ESXi", "803.24414501-A03")
    user = LabComponent(
        "Intel-i40en", "9.9.9-1OEM.800.1.0.20613240", vibs=(LabVib("i40en", "9.9.9-1OEM.800.1.0.20613240", "INT"),)
    )
    plain, image = make_image("8.0.3-0.70.24674464"), make_image("8.0.3-0.70.24674464", add_on, (user,))
    versions = {vib.name: vib.version for vib in image.vibs}
    assert versions["bnxtnet"] == "231.0.153.0-1OEM.800.1.0.20613240"
    assert versions["i40en"] == "9.9.9-1OEM.800.1.0.20613240"
    assert versions["esx-base"] == "8.0.3-0.70.24674464"
    assert versions["ntg3"] == "4.1.15.0-4vmw.803.0.70.24674464"
    assert {component.name for component in plain.components} < {component.name for component in image.components}
    assert "Name: DEL-ESXi\n" in out(image, "esxcli software addon get")
    assert out(plain, "esxcli software addon get") == ""


def test_the_rebooting_image_is_the_staged_one() -> None:
    host = LabHost("esx01.lab.local", make_image("8.0.3-0.60.24585383"))
    command = "esxcli software baseimage get --rebooting-image; esxcli software vib list --rebooting-image"
    assert run(host, command).stdout == b""
    host.stage(make_image("8.0.3-0.70.24674464"))
    text = run(host, command).stdout.decode()
    assert "Version: 8.0.3-0.70.24674464\n" in text
    assert re.search(r"^esx-base +8\.0\.3-0\.70\.24674464 ", text, re.MULTILINE)
    assert "8.0.3-0.60.24585383" in run(host, "esxcli software baseimage get").stdout.decode()


def test_reboot_is_refused_outside_maintenance_mode() -> None:
    host = LabHost("esx01.lab.local", make_image("8.0.3-0.60.24585383"))
    assert run(host, "esxcli system shutdown reboot -r test").status == 1
    assert host.power == "on"
    with pytest.raises(EsxcliError, match="reason"):
        esxcli_rows(host, "system shutdown reboot")


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ({"exit": 3}, (3, b"VMware ESXi 8.0.3 build-24585383\n", b"")),
        ({"output": "other\n"}, (0, b"other\n", b"")),
        ({"stderr": "trouble\n"}, (0, b"VMware ESXi 8.0.3 build-24585383\n", b"trouble\n")),
        ({"crlf": True}, (0, b"VMware ESXi 8.0.3 build-24585383\r\n", b"")),
        ({"cut": 6}, (0, b"VMware", b"")),
        ({"encoding": "utf-16-le"}, (0, "VMware ESXi 8.0.3 build-24585383\n".encode("utf-16-le"), b"")),
        ({"delay": 0.01}, (0, b"VMware ESXi 8.0.3 build-24585383\n", b"")),
    ],
)
def test_faults_bend_the_command_they_name(fault: dict[str, Any], expected: tuple[int, bytes, bytes]) -> None:
    host = LabHost("esx01.lab.local", make_image("8.0.3-0.60.24585383"), faults={"commands": {"vmware -v": fault}})
    result = run(host, "vmware -v")
    assert (result.status, result.stdout, result.stderr) == expected
    assert run(host, "vmware -l").stdout == b"VMware ESXi 8.0 Update 3\n", "and no other"


def test_endless_and_hanging_commands_end_with_their_reader_or_a_signal() -> None:
    host = LabHost("esx01", make_image("8.0.3-0.60.24585383"))
    host.set_faults({"commands": {"vmware": {"endless": "shout\n"}, "esxcli": {"hang": True}}})
    result = run(host, "vmware -v | head -n 2; esxcli system version get & sleep 0; kill $!; wait $!; echo $?")
    assert result.stdout == b"shout\nshout\n143\n"


def test_esximage_can_run_out_of_memory() -> None:
    faults = {"commands": {"esxcli software": {"memory_error": True}}}
    host = LabHost("esx01", make_image("8.0.3-0.60.24585383"), faults=faults)
    result = run(host, "esxcli software vib list")
    assert result.status == 1
    assert result.stdout.startswith(b" [MemoryError]\n")
    assert run(host, "esxcli system version get").status == 0


def test_bank_links_follow_the_boot_and_the_fault() -> None:
    host = LabHost("esx01", make_image("8.0.3-0.60.24585383"))
    first, second = (f"/vmfs/volumes/{bank.volume}\n" for bank in host.banks)
    links = "readlink -f /bootbank; readlink /altbootbank"
    assert run(host, links).stdout.decode() == first + second
    host.remediate(make_image("8.0.3-0.70.24674464"))
    assert run(host, links).stdout.decode() == second + first
    host.set_faults({"links": "tmp"})
    assert run(host, links).stdout.decode() == "/tmp\n/tmp\n"


def test_writing_boot_cfg_changes_the_bank_the_loader_reads() -> None:
    host = LabHost("esx01", make_image("8.0.3-0.60.24585383"))
    host.remediate(make_image("8.0.3-0.70.24674464"))
    result = run(host, "printf 3 | dd of=/bootbank/boot.cfg bs=1 seek=10 conv=notrunc 2>/dev/null; head -1 /bootbank/boot.cfg")
    assert result.stdout == b"bootstate=3\n"
    host.reboot()
    assert host.running_image.build == "24585383"
    assert run(host, "ls /tmp; touch /tmp/left; ls /tmp").stdout == b"left\n"
    host.reboot()
    assert run(host, "ls /tmp").stdout == b"", "/tmp is RAM"
