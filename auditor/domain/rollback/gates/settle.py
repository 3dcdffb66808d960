"""What a person does about a gate that is unknown: where to look, or which key of the configuration answers it.

By the gates' names. Commands that are named here only look, but for one that says otherwise; nothing here is run by this tool.
"""

from __future__ import annotations

from collections.abc import Mapping

_OR_MAINTENANCE = "or put the host into maintenance mode yourself, and plan again"
_HARDWARE = "vSphere Client > host > Configure > Hardware"

SETTLE: Mapping[str, str] = {
    "identity": (
        "on the host: vim-cmd hostsvc/hostsummary shows its uuid; compare serial numbers with vSphere Client > host > Summary, "
        "and addresses with [ssh.addresses] and DNS"
    ),
    "window": "auditor rollback window HOST says what was not read; it can be read again, and not overridden",
    "era": "auditor rollback window HOST shows both builds; this can be read again, and not overridden",
    "bank-health": "on the host: cat /altbootbank/* >/dev/null, gunzip -c of its .tgz files; vmkernel.log tells of bad ones",
    "stateless": "on the host: esxcli system boot device get; with a Boot Filesystem UUID it boots from a disk",
    "dpu": f"on the host: lspci, or {_HARDWARE}: a DPU (BlueField, Pensando) has an image of its own",
    "quick-boot": "run /bin/loadESXEnable -d on the host (it changes the host: Quick Boot stays off until -e), then override",
    "drs": f"vSphere Client > cluster > Configure > vSphere DRS; {_OR_MAINTENANCE}",
    "capacity": f"vSphere Client > cluster > Monitor > Utilization: is there room for its wave's VMs? {_OR_MAINTENANCE}",
    "pinned-vms": f"vSphere Client > host > VMs: passthrough, local disks, DRS overrides and rules; {_OR_MAINTENANCE}",
    "vcenter-vm": "vSphere Client: find vCenter's own VM by its name and see which host it runs on; move it first",
    "vsan-health": "on the host: esxcli vsan cluster get, esxcli vsan debug resync summary get; or cluster > Monitor > vSAN",
    "vsan-format": (
        "on the host: esxcli vsan storage list (On-disk format version); KB 327034 says what the older release mounts; "
        "a newer table goes into [releases] vsan_formats"
    ),
    "ha-agent": f"vSphere Client > host > Summary > vSphere HA state; {_OR_MAINTENANCE}",
    "encryption": (
        "on the host: esxcli system settings encryption get; in mode TPM set [rollback] escrow, or keep what "
        "esxcli system settings encryption recovery list prints in your own safe"
    ),
    "security-policy": "[rollback.changed] security_policy: the day TPM, Secure Boot or execInstalledOnly last changed",
    "secure-boot": (
        "on the host: /usr/lib/vmware/secureboot/bin/secureBoot.py -s; where it is on, [rollback.changed] security_policy says "
        "since when"
    ),
    "solutions": (
        "compare the VIBs of both banks (auditor rollback window HOST --json) with what the managers take: NSX Manager, or "
        "vSphere Client > Administration > vCenter Server Extensions > vSphere ESX Agent Manager"
    ),
    "root-password": "[rollback.changed] root_password: the day it last changed, from your records",
    "host-keys": "[rollback.changed] host_keys: the day the SSH host keys last changed, from your records",
    "certificates": "[rollback.changed] certificates: the day the host's certificate last changed; its dates are a hint",
    "authorized-keys": "[rollback.changed] authorized_keys: the day /etc/ssh/keys-root/authorized_keys last changed",
    "ssh-after-reboot": "vSphere Client > host > Configure > Services > SSH: startup policy Start and stop with host",
    "lockdown": (
        "vSphere Client > host > Configure > Security Profile > Lockdown Mode and its exception users; "
        "auditor history settings HOST, or [rollback.changed] settings, says whether it is as of the upgrade"
    ),
    "settings-changed": (
        "auditor history settings HOST shows what is recorded; [rollback.changed] settings: the day any setting last changed, "
        "from your records"
    ),
    "cluster-image": "vSphere Client > cluster > Updates > Image: a newer one installs the update again when remediated",
}
"""One sentence a gate, without a full stop."""


__all__ = ["SETTLE"]
