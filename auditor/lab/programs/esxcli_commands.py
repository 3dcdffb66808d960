"""Which esxcli commands a simulated host knows, since which release, and how their rows are shown."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass

from auditor.lab.hosts.host import LabHost
from auditor.lab.programs import esxcli_rows as rows_of
from auditor.lab.programs.esxcli_rows import Call, EsxcliError, Row


@dataclass(frozen=True)
class Command:
    """An esxcli command: how its rows are named and shown, and how they come about."""

    words: str
    type_name: str
    """The structure's name in XML and JSON."""
    shape: str
    """``table``, ``struct``, ``titled`` (a struct under its first field) or ``text`` (one bare value)."""
    columns: tuple[tuple[str, str], ...]
    """Field name and label, in the order of the text form."""
    rows: Callable[[Call], list[Row]]
    since: tuple[int, int, int] = (5, 0, 0)
    options: tuple[str, ...] = ()


_LABELS = {
    "VIBs": "VIBs",
    "UUID": "UUID",
    "SCSILevel": "SCSI Level",
    "BIOSAssetTag": "BIOS Asset Tag",
    "IsRDMCapable": "Is RDM Capable",
    "IPMISupported": "IPMI Supported",
    "RecoveryID": "Recovery ID",
    "InCMMDS": "In CMMDS",
    "OndiskFormatVersion": "On-disk format version",
    "TotalNumberOfResyncingObjects": "Total Number Of Resyncing Objects",
    "TotalBytesLeftToResync": "Total Bytes Left To Resync",
    "RequireExecutablesOnlyFromInstalledVIBs": "Require Executables Only From Installed VIBs",
}


def _columns(names: str) -> tuple[tuple[str, str], ...]:
    """Fields and their labels, which are the fields' words: ``AcceptanceLevel`` is "Acceptance Level"."""
    return tuple((name, _LABELS.get(name) or re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)) for name in names.split())


_IMAGE = ("rebooting-image",)
_V7 = (7, 0, 0)
_PROFILE = "Name Name Vendor CreationTime ModificationTime StatelessReady Description VIBs"
_COMPONENT = "Name DisplayName Version DisplayVersion Vendor CreationDate AcceptanceLevel Platforms"
_DETAIL = "Name DisplayName Version DisplayVersion Vendor ReleaseDate AcceptanceLevel Description Components"
_VIB = (
    "ID Name Version Type Vendor AcceptanceLevel Summary Description ReleaseDate Depends Conflicts Replaces Provides"
    " MaintenanceModeRequired HardwarePlatformsRequired LiveInstallAllowed"
    " LiveRemoveAllowed StatelessReady Overlay Tags Payloads"
)
_DEVICE = (
    "Device DisplayName HasSettableDisplayName Size DeviceType MultipathPlugin DevfsPath Vendor Model Revision SCSILevel"
    " IsPseudo Status IsRDMCapable IsLocal IsRemovable IsSSD IsUSB IsBootDevice"
)
_ENCRYPTION = "Mode RequireExecutablesOnlyFromInstalledVIBs RequireSecureBoot"
_PLATFORM = "UUID ProductName VendorName SerialNumber EnclosureSerialNumber BIOSAssetTag IPMISupported"
_VSAN = "Enabled LocalNodeUUID LocalNodeState LocalNodeHealthState"


def _command(
    words: str,
    type_name: str,
    shape: str,
    columns: str,
    rows: Callable[[Call], list[Row]],
    *options: str,
    since: tuple[int, int, int] = (5, 0, 0),
) -> Command:
    return Command(words, type_name, shape, _columns(columns), rows, since, options)


COMMANDS: dict[str, Command] = {
    command.words: command
    for command in (
        _command(
            "system version get", "VersionGet", "struct", "Product Version Build Update Maintenance Patch", rows_of.version
        ),
        _command(
            "software vib list", "VIBSummaryExt", "table", "Name Version Vendor AcceptanceLevel InstallDate Platforms",
            rows_of.vibs, *_IMAGE,
        ),
        _command("software vib get", "VIBExt", "titled", _VIB, rows_of.vib_details, *_IMAGE, "vibname"),
        _command("software profile get", "ImageProfile", "titled", _PROFILE, rows_of.profile, *_IMAGE),
        _command("software component list", "ComponentSummaryExt", "table", _COMPONENT, rows_of.components, *_IMAGE, since=_V7),
        _command("software baseimage get", "BaseImage", "struct", _DETAIL, rows_of.base_image, *_IMAGE, since=_V7),
        _command("software addon get", "AddOn", "struct", _DETAIL, rows_of.add_on, *_IMAGE, since=_V7),
        _command("software acceptance get", "string", "text", "Value", rows_of.acceptance),
        _command("system maintenanceMode get", "string", "text", "Value", rows_of.maintenance),
        _command(
            "system maintenanceMode set", "string", "text", "Value", rows_of.set_maintenance,
            "enable", "timeout", "vsanmode",
        ),
        _command(
            "system settings encryption get", "EncryptionSettings", "struct", _ENCRYPTION, rows_of.encryption, since=(7, 0, 2)
        ),
        _command(
            "system hostname get", "HostName", "struct", "DomainName FullyQualifiedDomainName HostName", rows_of.hostname
        ),
        _command("system uuid get", "string", "text", "Value", rows_of.system_uuid),
        _command("storage core device list", "ScsiDevice", "titled", _DEVICE, rows_of.devices),
        _command(
            "system boot device get", "BootDevice", "struct", "BootFilesystemUUID BootNIC StatelessBootNIC", rows_of.boot_device
        ),
        _command("hardware platform get", "PlatformGet", "struct", _PLATFORM, rows_of.platform),
        _command(
            "system settings encryption recovery list", "RecoveryKey", "table", "RecoveryID Key", rows_of.recovery_keys,
            since=(7, 0, 2),
        ),
        _command(
            "vsan debug resync summary get", "ResyncSummary", "struct", "TotalNumberOfResyncingObjects TotalBytesLeftToResync",
            rows_of.vsan_resync,
        ),
        _command(
            "vsan storage list", "VsanDisk", "titled", "Device IsSSD InCMMDS OndiskFormatVersion", rows_of.vsan_storage
        ),
        _command("vsan cluster get", "ClusterInformation", "struct", _VSAN, rows_of.vsan),
        _command("system shutdown reboot", "string", "text", "Value", rows_of.reboot, "reason", "delay"),
    )
}  # fmt: skip

_SHORT = {"-n": "vibname", "-e": "enable", "-t": "timeout", "-r": "reason", "-d": "delay", "-m": "vsanmode"}


def find_command(host: LabHost, words: list[str]) -> tuple[Command, dict[str, str]]:
    """The command that ``words`` start with, and its options. Raises `EsxcliError` for what the release does not know."""
    end = next((index for index, word in enumerate(words) if word.startswith("-")), len(words))
    command = COMMANDS.get(" ".join(words[:end]))
    if command is None or host.running_image.release < command.since:
        raise EsxcliError(f"Error: Unknown command or namespace {' '.join(words[:end])}\n\n")
    options: dict[str, str] = {}
    rest = words[end:]
    while rest:
        word, equals, value = rest.pop(0).partition("=")
        name = _SHORT.get(word, word.removeprefix("--"))
        if name not in command.options:
            raise EsxcliError(f"Error: Invalid option {word}\n\n")
        if name != "rebooting-image" and not equals:
            value = rest.pop(0) if rest else ""
        options[name] = value
    return command, options


def esxcli_rows(host: LabHost, namespace_command: str) -> list[Row]:
    """The rows of a command such as ``software vib list --rebooting-image``, for the vSphere API's esxcli.

    An empty list is esxcli's own "nothing there". Raises `EsxcliError` with esxcli's text, and
    `auditor.lab.hosts.host.HostDownError` when the host is not up. Commands that change the host take effect.
    """
    command, options = find_command(host, shlex.split(namespace_command))
    with host.lock:
        rows = command.rows(Call(host, options))
    if command.words == "system shutdown reboot":
        host.restart()
    return rows
