"""Everything a host is asked about its boot banks before somebody goes back by them, and the answers put together.

A second list of commands, apart from the audit's: it is longer, and of use only on the way to a rollback.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from auditor.domain.readings import bank_files, bank_place, banks, image_database, product
from auditor.domain.readings.answer import Answer, Command
from auditor.domain.rollback.bank import ALTBOOTBANK, BOOTBANK, BankFacts, BankObservation

LINKS = (BOOTBANK, ALTBOOTBANK)

BANK_COMMANDS: tuple[Command, ...] = (
    product.VMWARE,
    product.SYSTEM_VERSION,
    *banks.COMMANDS,
    bank_files.CLOCK,
    *(command for link in LINKS for command in bank_files.commands(link)),
    *(bank_place.partition_command(link) for link in LINKS),
    bank_place.LIVE_MARKER,
    bank_place.VOLUMES_WITH_BOOT_CFG,
    *(image_database.command(link) for link in LINKS),
)
"""What decides the window comes first, the large image databases last."""


def observe_banks(seen: BankObservation, answers: Mapping[str, Answer]) -> BankObservation:
    """``seen`` with every reading taken from the answers, which are keyed by the commands' names."""
    clock = bank_files.parse_clock(answers[bank_files.CLOCK.name])
    found = []
    for link, commands in banks.BY_LINK.items():
        basic = BankFacts.of(banks.parse(link, *(answers[command.name] for command in commands)))
        ls, stat = bank_files.commands(link)
        found.append(
            replace(
                basic,
                files=bank_files.parse(link, answers[ls.name], answers[stat.name], clock),
                partition=bank_place.parse_partition(link, answers[bank_place.partition_command(link).name]),
                image=image_database.parse(link, answers[image_database.command(link).name]),
            )
        )
    return replace(
        seen,
        product=product.combine(
            product.parse_vmware(answers[product.VMWARE.name]),
            product.parse_system_version(answers[product.SYSTEM_VERSION.name]),
        ),
        banks=tuple(found),
        volumes=bank_place.parse_volumes(answers[bank_place.VOLUMES_WITH_BOOT_CFG.name]),
        live_marker=bank_place.parse_live_marker(answers[bank_place.LIVE_MARKER.name]),
        clock=clock,
    )
