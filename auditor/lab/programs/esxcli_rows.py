"""What esxcli commands of a simulated host know, as structured rows: the same for the shell and for the vSphere API.

Each command gives a list of dicts with esxcli's field names. Field names of VIBs agree with a published property dump
(field note e). NOT verified, for lack of public outputs: those of component list, baseimage get and addon get, of boot
device get and vsan cluster get, and the error texts of a refused reboot and of vSAN being off.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TypeAlias

from auditor.lab.hosts.host import LabHost
from auditor.lab.hosts.images import LabComponent, LabImage, LabVib

Row: TypeAlias = dict[str, str]

_VSAN_FORMATS = {
    (6, 7, 0): 10, (7, 0, 0): 11, (7, 0, 1): 13, (7, 0, 2): 14, (7, 0, 3): 15,
    (8, 0, 0): 17, (8, 0, 1): 18, (8, 0, 2): 19, (8, 0, 3): 20,
}  # fmt: skip
"""The on-disk format a release brings (KB 327034); 21 with 9.0."""

BOOT_DISK = "mpx.vmhba0:C0:T0:L0"


class EsxcliError(Exception):
    """esxcli refuses: ``text`` is what it prints, with exit status 1."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


@dataclass(frozen=True)
class Call:
    """One esxcli command on its way: which host, and its options by long name."""

    host: LabHost
    options: dict[str, str]
    damaged_database: bool = False

    @property
    def image(self) -> LabImage | None:
        """The image meant: the running one, or with ``--rebooting-image`` the staged one, if there is one."""
        return self.host.pending_image if "rebooting-image" in self.options else self.host.running_image


def component_date(image: LabImage) -> str:
    """MM-DD-YYYY, as the one published row of component list has it."""
    year, month, day = image.release_date.split("-")
    return f"{month}-{day}-{year}"


def version(call: Call) -> list[Row]:
    image = call.host.running_image
    row = {
        "Product": "VMware ESXi",
        "Version": image.product_version,
        "Build": f"Releasebuild-{image.build}",
        "Update": image.update,
        "Patch": image.patch,
    }
    return [row | ({"Maintenance": image.maintenance} if image.maintenance is not None else {})]


def _vib_row(vib: LabVib, image: LabImage) -> Row:
    row = {
        "AcceptanceLevel": vib.acceptance,
        "CreationDate": image.release_date,
        "ID": vib.bulletin_id,
        "InstallDate": vib.install_date or image.release_date,
        "Name": vib.name,
        "Status": "",
        "Vendor": vib.vendor,
        "Version": vib.version,
    }
    return row | ({"Platforms": vib.platforms or "host"} if image.release >= (8, 0, 0) else {})


def vibs(call: Call) -> list[Row]:
    image = call.image
    if image is None:
        return []
    vibs = [vib for vib in image.vibs if vib.name == "tools-light"] if call.damaged_database else list(image.vibs)
    return [_vib_row(vib, image) for vib in vibs]


def vib_details(call: Call) -> list[Row]:
    image = call.image
    wanted = call.options.get("vibname")
    if image is None:
        return []
    chosen = [vib for vib in image.vibs if wanted in {None, vib.name, vib.bulletin_id}]
    if not chosen:
        raise EsxcliError(
            f" [NoMatchError]\n No VIB matching VIB search specification '{wanted}'.\n"
            " Please refer to the log file for more details.\n"
        )
    return [
        {
            "ID": vib.bulletin_id, "Name": vib.name, "Version": vib.version, "Type": vib.bulletin_id.split("_")[1],
            "Vendor": vib.vendor, "AcceptanceLevel": vib.acceptance, "Summary": vib.name, "Description": vib.name,
            "ReleaseDate": image.release_date, "Depends": "", "Conflicts": "", "Replaces": "", "Provides": "",
            "MaintenanceModeRequired": "False", "HardwarePlatformsRequired": "", "LiveInstallAllowed": "False",
            "LiveRemoveAllowed": "False", "StatelessReady": "True", "Overlay": "False", "Tags": "",
            "Payloads": vib.name,
        }
        for vib in chosen
    ]  # fmt: skip


def profile(call: Call) -> list[Row]:
    image = call.image
    if image is None:
        now = call.host.clock().strftime("%Y-%m-%dT%H:%M:%S")
        missing = "No pending image profile available."
        return [
            {
                "Name": missing, "Vendor": "N/A", "CreationTime": now, "ModificationTime": now, "StatelessReady": "True",
                "Description": "", "VIBs": "",
            }
        ]  # fmt: skip
    modified = call.host.boot_time.strftime("%Y-%m-%dT%H:%M:%S") if call.host.boot_time else f"{image.release_date}T00:00:00"
    vendor = image.add_on.vendor if image.add_on else "VMware, Inc."
    return [
        {
            "Name": image.profile_name,
            # After a local change the vendor may be the host itself.
            "Vendor": call.host.name if image.locally_changed else vendor,
            "CreationTime": f"{image.release_date}T00:00:00",
            "ModificationTime": modified if image.locally_changed else f"{image.release_date}T00:00:00",
            "StatelessReady": "True",
            "Description": "",
            "VIBs": ", ".join(f"{vib.name} {vib.version}" for vib in image.vibs),
        }
    ]


def _component_row(component: LabComponent, image: LabImage) -> Row:
    row = {
        "Name": component.name,
        "DisplayName": component.display_name or component.name,
        "Version": component.version,
        "DisplayVersion": component.display_version or component.version,
        "Vendor": component.vendor,
        "CreationDate": component_date(image),
        "AcceptanceLevel": "VMwareAccepted" if "OEM" in component.version else "VMwareCertified",
    }
    return row | ({"Platforms": "host"} if image.release >= (8, 0, 0) else {})


def components(call: Call) -> list[Row]:
    image = call.image
    if image is None or call.damaged_database:
        return []
    return [_component_row(component, image) for component in image.components]


def base_image(call: Call) -> list[Row]:
    image = call.image
    if image is None:
        return []
    return [
        {
            "DisplayName": "ESXi", "Version": image.vib_version, "DisplayVersion": image.display_version,
            "Vendor": "VMware, Inc.", "ReleaseDate": component_date(image), "AcceptanceLevel": "PartnerSupported",
            "Description": "", "Components": ", ".join(sorted(component.name for component in image.components)),
        }
    ]  # fmt: skip


def add_on(call: Call) -> list[Row]:
    image = call.image
    if image is None or image.add_on is None:
        return []
    add_on = image.add_on
    return [
        {
            "Name": add_on.name, "DisplayName": add_on.display_name or add_on.name, "Version": add_on.version,
            "DisplayVersion": add_on.version, "Vendor": add_on.vendor, "ReleaseDate": component_date(image),
            "AcceptanceLevel": "PartnerSupported", "Description": "",
            "Components": ", ".join(sorted(component.name for component in add_on.components)),
        }
    ]  # fmt: skip


def acceptance(call: Call) -> list[Row]:
    return [{"Value": call.host.acceptance}]


def maintenance(call: Call) -> list[Row]:
    return [{"Value": "Enabled" if call.host.maintenance else "Disabled"}]


def set_maintenance(call: Call) -> list[Row]:
    wanted = call.options.get("enable", "").lower()
    if wanted not in {"true", "false", "1", "0", "t", "f", "yes", "no"}:
        raise EsxcliError("Error: Missing required parameter -e|--enable\n\n")
    with call.host.lock:
        call.host.maintenance = wanted in {"true", "1", "t", "yes"}
    return []


def encryption(call: Call) -> list[Row]:
    host = call.host
    secure = str(host.secure_boot and host.encryption != "NONE").lower()
    return [{"Mode": host.encryption, "RequireExecutablesOnlyFromInstalledVIBs": "false", "RequireSecureBoot": secure}]


def recovery_keys(call: Call) -> list[Row]:
    """The id in braces and a key of six groups, as the field note has it; made up from the host's UUID."""
    if call.host.encryption == "NONE":
        return []
    digest = hashlib.sha256(f"recovery/{call.host.uuid}".encode()).hexdigest().upper()
    number = int(digest, 16)
    key = "-".join(f"{number >> shift & 0xFFFFFF:06d}"[-6:] for shift in range(0, 240, 24))
    identifier = f"{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:32]}"
    return [{"RecoveryID": f"{{{identifier}}}", "Key": key}]


def hostname(call: Call) -> list[Row]:
    short, _, domain = call.host.name.partition(".")
    return [{"DomainName": domain, "FullyQualifiedDomainName": call.host.name, "HostName": short}]


def system_uuid(call: Call) -> list[Row]:
    digest = hashlib.sha256(f"system/{call.host.uuid}".encode()).hexdigest()
    return [{"Value": f"{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:32]}"}]


def devices(call: Call) -> list[Row]:
    return [
        {
            "Device": BOOT_DISK, "DisplayName": f"Local VMware Disk ({BOOT_DISK})", "HasSettableDisplayName": "false",
            "Size": "40960", "DeviceType": "Direct-Access ", "MultipathPlugin": "HPP",
            "DevfsPath": f"/vmfs/devices/disks/{BOOT_DISK}", "Vendor": "VMware  ", "Model": "Virtual disk    ",
            "Revision": "2.0 ", "SCSILevel": "6", "IsPseudo": "false", "Status": "on", "IsRDMCapable": "false",
            "IsLocal": "true", "IsRemovable": "false", "IsSSD": "true", "IsUSB": "false", "IsBootDevice": "true",
        }
    ]  # fmt: skip


def boot_device(call: Call) -> list[Row]:
    bank = call.host.boot_bank
    return [{"BootFilesystemUUID": bank.volume if bank else "", "BootNIC": "", "StatelessBootNIC": ""}]


def platform(call: Call) -> list[Row]:
    identifier = call.host.uuid.replace("-", "")
    return [
        {
            "UUID": " ".join(f"0x{identifier[at : at + 2]}" for at in range(0, len(identifier), 2)),
            "ProductName": "VMware Virtual Platform", "VendorName": "VMware, Inc.", "SerialNumber": identifier[:12],
            "EnclosureSerialNumber": "None", "BIOSAssetTag": "No Asset Tag", "IPMISupported": "false",
        }
    ]  # fmt: skip


def vsan(call: Call) -> list[Row]:
    _vsan_on(call)
    return [{"Enabled": "true", "LocalNodeUUID": call.host.uuid, "LocalNodeState": "AGENT", "LocalNodeHealthState": "HEALTHY"}]


def vsan_resync(call: Call) -> list[Row]:
    _vsan_on(call)
    return [{"TotalNumberOfResyncingObjects": "0", "TotalBytesLeftToResync": "0"}]


def vsan_storage(call: Call) -> list[Row]:
    _vsan_on(call)
    version = call.host.vsan_format or _VSAN_FORMATS.get(call.host.running_image.release, 21)
    return [{"Device": "naa.5000c5008f000001", "IsSSD": "true", "InCMMDS": "true", "OndiskFormatVersion": str(version)}]


def _vsan_on(call: Call) -> None:
    if not call.host.vsan:
        raise EsxcliError("Virtual SAN Clustering is not enabled on this host\n")


def reboot(call: Call) -> list[Row]:
    if not call.options.get("reason"):
        raise EsxcliError("Error: Missing required parameter -r|--reason\n\n")
    if not call.host.maintenance:
        raise EsxcliError("The host must be in maintenance mode to be rebooted.\n")
    return []
