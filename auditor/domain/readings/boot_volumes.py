"""The volumes that have a boot.cfg at their top: two, else a third bank is before the loader (KB 433821, KB 426834)."""

from __future__ import annotations

from auditor.domain.banks import VOLUMES
from auditor.domain.observation import Read, Reading
from auditor.domain.readings import banks
from auditor.domain.readings.answer import unreadable
from auditor.domain.readings.bank_place import VOLUMES_WITH_BOOT_CFG, parse_volumes
from auditor.domain.readings.reading import AT_THE_HOST, Answers, HostReading


def _parse(answers: Answers) -> Reading[tuple[str, ...]]:
    """No volume is believed of a host without banks on any, as one booted over the network, and not of another."""
    found = parse_volumes(answers[VOLUMES_WITH_BOOT_CFG.name])
    if found == Read(()):
        for link, (readlink, _, _) in banks.BY_LINK.items():
            target = answers.get(readlink.name)
            if target is not None and target.data.decode("utf-8", "replace").startswith(VOLUMES):
                return unreadable(VOLUMES_WITH_BOOT_CFG, f"no volume is listed, and {link} leads to one")
    return found


READING = HostReading(
    "boot_volumes",
    "volumes with a boot.cfg",
    (VOLUMES_WITH_BOOT_CFG,),
    _parse,
    list,
    routes=AT_THE_HOST,
)
