"""Programs only ESXi has: vmware, vim-cmd, reboot, vmkfstools, vsish, esxcli. Their text agrees with the published samples,
except for ``vmware -l`` of 9.x, of which there is none."""

from __future__ import annotations

import asyncio
import secrets

from auditor.lab.hosts.bank import configuration_bundle
from auditor.lab.hosts.filesystem import File
from auditor.lab.hosts.images import LabImage
from auditor.lab.programs.esxcli import REBOOT_AFTER, esxcli
from auditor.lab.programs.esxcli_rows import BOOT_DISK
from auditor.lab.programs.options import UsageError, read_options
from auditor.lab.programs.registry import Job, Program
from auditor.lab.programs.text import with_usage


def release_label(image: LabImage) -> str:
    """``VMware ESXi 8.0 Update 3``; up to 6.7 with the whole release (``6.7.0 Update 3``); ``GA`` without an update."""
    release = image.release
    shown = ".".join(map(str, release if release < (7, 0, 0) or release >= (9, 0, 0) else release[:2]))
    has_update = release < (9, 0, 0) and image.update != "0"
    return f"VMware ESXi {shown} {f'Update {image.update}' if has_update else 'GA'}"


async def _vmware(job: Job) -> int:
    flags = read_options(job.args, "vl").flags
    if not flags:
        raise UsageError("usage: vmware [-v] [-l]")
    image = job.host.running_image
    if "v" in flags:
        await job.out(f"VMware ESXi {image.product_version} build-{image.build}\n")
    if "l" in flags:
        await job.out(release_label(image) + "\n")
    return 0


async def _vim_cmd(job: Job) -> int:
    word, *rest = [word.lstrip("/") for word in job.args] or [""]
    match word:
        case "hostsvc/hostsummary" if not rest:
            return await _host_summary(job)
        case "hostsvc/firmware/sync_config" if not rest:
            return 0
        case "hostsvc/firmware/backup_config" if not rest:
            return await _backup_config(job)
        case "hostsvc/maintenance_mode_enter" | "hostsvc/maintenance_mode_exit":
            with job.host.lock:
                job.host.maintenance = word.endswith("enter")
            return 0
        case _:
            await job.out(f"Invalid command '{' '.join(job.args)}'.\n")
            return 255


async def _backup_config(job: Job) -> int:
    """The line with the URL is as remembered (field note e): ``*`` stands for the host."""
    folder, name = secrets.token_hex(8), f"configBundle-{job.host.name}.tgz"
    job.fs.put(
        f"/scratch/downloads/{folder}/{name}",
        File(configuration_bundle(release_label(job.host.running_image), job.host.config)),
    )
    await job.out(f"Bundle can be downloaded at : http://*/downloads/{folder}/{name}\n")
    return 0


async def _secure_boot(job: Job) -> int:
    if job.args != ["-s"]:
        raise UsageError("only -s is simulated")
    await job.out("Enabled\n" if job.host.secure_boot else "Disabled\n")
    return 0


async def _vsish(job: Job) -> int:
    """One node: whether this boot was a Quick Boot. The complaint about others is not a published text."""
    if job.args != ["-e", "get", "/system/loadESX/isBootLoadESX"]:
        return await job.err("only /system/loadESX/isBootLoadESX is simulated")
    await job.out("1\n" if job.host.quick_booted else "0\n")
    return 0


async def _host_summary(job: Job) -> int:
    host = job.host
    image = host.running_image
    lines = [
        "Listsummary:", "", "(vim.host.Summary) {", "   host = 'vim.HostSystem:ha-host',",
        "   hardware = (vim.host.Summary.HardwareSummary) {", f'      uuid = "{host.uuid}",', "   },",
        "   runtime = (vim.host.RuntimeInfo) {", '      connectionState = "connected",', '      powerState = "poweredOn",',
        f"      inMaintenanceMode = {str(host.maintenance).lower()},",
        f'      bootTime = "{host.boot_time.isoformat() if host.boot_time else ""}",', "   },",
        "   config = (vim.host.Summary.ConfigSummary) {", f'      name = "{host.name}",',
        "      product = (vim.AboutInfo) {", '         name = "VMware ESXi",',
        f'         fullName = "VMware ESXi {image.product_version} build-{image.build}",',
        f'         version = "{image.product_version}",', f'         build = "{image.build}",', "      },", "   },",
        f"   rebootRequired = {str(host.pending_image is not None).lower()},", "}",
    ]  # fmt: skip
    await job.out("".join(f"{line}\n" for line in lines))
    return 0


async def _reboot(job: Job) -> int:
    options = read_options(job.args, "f", "d")
    orderly = "f" not in options.flags
    asyncio.get_running_loop().call_later(REBOOT_AFTER, lambda: job.host.restart(orderly=orderly))
    return 0


async def _vmkfstools(job: Job) -> int:
    options = read_options(job.args, "Ph")
    if "P" not in options.flags or len(options.rest) != 1:
        raise UsageError("only -P PATH is simulated")
    real = job.fs.locate(options.rest[0], job.cwd)[0]
    for bank, label in zip(job.host.banks, ("BOOTBANK1", "BOOTBANK2"), strict=True):
        if real.startswith(f"/vmfs/volumes/{bank.volume}"):
            await job.out(
                f"vfat-0.04 (Raw Major Version: 0) file system spanning 1 partitions.\n"
                f"File system label (if any): {label}\nMode: private\n"
                f"Capacity 4293591040 (65515 file blocks * 65536), 4000000000 (61035 blocks) avail\n"
                f'UUID: {bank.volume}\nPartitions spanned (on "disks"):\n\t{BOOT_DISK}:{bank.partition}\n'
                "Is Native Snapshot Capable: NO\n"
            )
            return 0
    return await job.err(f"Could not retrieve filesystem information for {options.rest[0]}")


PROGRAMS: dict[str, Program] = {
    "vmware": with_usage(_vmware),
    "vim-cmd": _vim_cmd,
    "reboot": with_usage(_reboot),
    "vmkfstools": with_usage(_vmkfstools),
    "secureBoot.py": with_usage(_secure_boot),
    "vsish": _vsish,
    "esxcli": esxcli,
}
