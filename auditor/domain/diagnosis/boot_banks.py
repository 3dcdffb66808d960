"""``boot-banks``: what the rollback window calls UNHEALTHY is an alarm of the audit as well, in the same words."""

from __future__ import annotations

from collections.abc import Iterable

from auditor.domain.banks import VOLUMES
from auditor.domain.findings import Code, Finding, Severity, Subject
from auditor.domain.hosts import HostFacts
from auditor.domain.observation import Read, value_of
from auditor.domain.rollback.judge import recorded_alarm
from auditor.domain.rollback.window import Trouble, next_start_words


def boot_banks(subject: Subject, facts: HostFacts) -> Iterable[Finding]:
    """At most one finding. How bad it is follows from what the next boot would do: where that is not known to start what the
    host booted from, it must not be rebooted. A host booted over the network has no banks, and none to lose."""
    seen = next((o for o in facts.observations if o.banks), None)
    if seen is None or value_of(seen.stateless):
        return
    state = recorded_alarm(seen)
    if state is None:
        return
    start = value_of(state.next)
    on_disk = all(isinstance(bank.target, Read) and bank.target.value.startswith(VOLUMES) for bank in seen.banks)
    kind = state.window.trouble
    safe = start is not None and start.same and on_disk and kind is not Trouble.NEXT_BANK
    reboot = safe and kind is not Trouble.TRIAL
    severe = not safe and kind is not Trouble.TRIAL  # which passes by itself, some minutes after an update
    if start is None:
        told = f"is not known ({state.next}): do not reboot this host"
    elif start.link is not None and not on_disk:
        told = "is not known, since what was read lies in RAM and not on the boot device: do not reboot this host"
    elif kind is Trouble.NEXT_BANK:
        told = f"{next_start_words(start)}, which is not whole: do not reboot this host"
    else:
        told = next_start_words(start)
    hold = () if reboot else ("Do not reboot this host, and let nothing reboot it: it may not come back as it is.",)
    yield Finding(
        Code.BOOT_BANKS,
        Severity.CRITICAL if severe else Severity.WARNING,
        subject,
        "Its boot banks are not in order." if reboot else "Its boot banks are not in order: do not reboot this host.",
        hosts=(facts.name,),
        evidence=(state.window.reason, f"next boot: {told}"),
        do=(
            *hold,
            f"auditor rollback window {facts.name}   (reads the banks now, down to VIBs)",
            _ADVICE.get(kind, "Keep copies of both boot.cfg files and open a support case."),
        ),
        avoid=(
            "Do not update or remediate it, and write nothing into its banks by hand.",
            *(() if reboot else ("Do not count on the host coming back after maintenance.",)),
        ),
        rests_on=_RESTS_ON if isinstance(state.next, Read) else _RESTS_ON[:1],
    )


_ADVICE = {
    Trouble.DEVICE: "See to the boot device first. Move the VMs away while the host still runs, and save its configuration.",
    Trouble.TRIAL: "Wait some minutes and audit again: ESXi confirms a boot by itself. If it does not, open a support case.",
    Trouble.ARMED: "Find out who armed it: auditor rollback status tells whether it was this tool.",
}
_RESTS_ON = ("KB 318029, KB 301134, KB 373403: boot device lost", "the boot loader's choice of a bank (KB 306902)")

__all__ = ["boot_banks"]
