"""What the person at the console is told, in the loader's own words.

The words are those of esx-boot (safeboot/gui.c and bootbank.c, bank_kill; grade CODE, loader of ESX 9.0) and KB 316592. An
older loader may word them otherwise, so the card says what must be compared and not only what to read.
"""

from __future__ import annotations

from auditor.domain.rollback.plan import PlannedBank, Target

VENDOR_POSITION = (
    "The vendor supports one way back: Shift+R at the console (KB 316592). This run writes the same byte over SSH, which the "
    "vendor does not support; its advice is not to edit boot.cfg by hand."
)

HA_WARNING = (
    "leaving maintenance mode lets vSphere HA install its agent live, which copies the running image into the other bank "
    "(KB 316592, KB 386377): the image that was given up is gone then"
)


def console_card(target: Target) -> str:
    """One host's card for Shift+R: what to do, and what the loader shows."""
    lines = [
        f"Host      {target.host}",
        f"Now       build {target.from_build}",
        f"Back to   build {target.to_build}",
        "",
        "1. Open the host's console (iLO, iDRAC, XCC, CIMC, or a monitor). Its screen must show this host's name or address,",
        "   and vCenter this host in maintenance mode: another host still has its VMs.",
        "2. Reboot it in an orderly way: F12 and F11 there, or Power > Reboot in the vSphere Client. Never by the switch.",
        "3. While the loader's progress bar runs, press Shift+R. If you miss it, it boots what it ran before, and the run ends",
        "   with FELL_BACK: nothing is lost. Do not try again by yourself; a new plan does.",
        '4. The screen "VMware Hypervisor Recovery" lists the banks. Compare the builds with this card:',
        "     Installed hypervisors:",
        *sorted(
            (
                _bank(target.booted, target.from_build, " (Default)"),
                _bank(target.other, target.to_build, ""),
            )
        ),
        "     CURRENT DEFAULT HYPERVISOR WILL BE REPLACED PERMANENTLY.",
        "     DO YOU REALLY WANT TO ROLL BACK?",
        "5. If they are these two, answer Y. If they are others, or one says (Upgrading...), answer N, stop the run, and:",
        "     auditor rollback abort",
        '   "No alternate hypervisor to roll back to." means that there is no way back; it boots what it ran before.',
        "",
        "The older image brings back its configuration of the day of the update: root's password, SSH host key, certificate,",
        "network and storage settings of that day.",
    ]
    return "\n".join(lines)


def _bank(bank: PlannedBank, build: str, default: str) -> str:
    number = "?" if bank.partition is None else str(bank.partition)
    return f"        BANK{number}: {build}{default}"


__all__ = ["HA_WARNING", "VENDOR_POSITION", "console_card"]
