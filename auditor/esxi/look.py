"""Looks at a host around a rollback over SSH: the short look between the steps, and all that the gates ask of the host."""

from __future__ import annotations

from dataclasses import replace

from auditor.domain.observation import NOT_ATTEMPTED, Unread, host_key
from auditor.domain.readings import boot_identity, image_database, maintenance_mode, own_settings
from auditor.domain.readings import situation as situation_readings
from auditor.domain.readings.answer import Answer
from auditor.domain.readings.bank_details import BANK_COMMANDS, LINKS, observe_banks
from auditor.domain.readings.situation import LOOK_COMMANDS, SITUATION_COMMANDS
from auditor.domain.rollback.bank import BankObservation
from auditor.domain.rollback.look import Look
from auditor.domain.rollback.situation import HostSituation
from auditor.esxi.host import SshHostReader
from auditor.ports import Clock, HostTarget

_DATABASES = tuple(image_database.command(link) for link in LINKS)


class SshLooker:
    """A ``HostLooker``. Each look is one connection, one login, one script."""

    def __init__(self, reader: SshHostReader, clock: Clock) -> None:
        self._reader, self._clock = reader, clock

    def look(self, target: HostTarget) -> Look:
        """Banks, the boot's name, maintenance mode. Raises `ConfigError` only."""
        seen = BankObservation(host_key(target.name), self._clock.now(), target.vcenter)
        # The image databases are large and change nothing between two steps.
        commands = (*LOOK_COMMANDS, *(command for command in BANK_COMMANDS if command not in _DATABASES))
        answers = self._reader.ask(target, commands)
        if isinstance(answers, Unread):
            return Look(replace(seen, at=self._clock.now(), trouble=answers), answers, answers, NOT_ATTEMPTED)
        left_out = Answer(b"", None, fault=NOT_ATTEMPTED)
        answers = {command.name: left_out for command in BANK_COMMANDS} | dict(answers)
        return Look(
            replace(observe_banks(seen, answers), at=self._clock.now()),
            boot_identity.parse(answers[boot_identity.COMMAND.name]),
            maintenance_mode.parse(answers[maintenance_mode.COMMAND.name]),
            NOT_ATTEMPTED,
        )


class SshSituationReader:
    """A ``SituationReader``: what the host itself tells, and its banks where nobody has read them yet."""

    def __init__(self, reader: SshHostReader) -> None:
        self._reader = reader

    def fill(self, situation: HostSituation, target: HostTarget) -> HostSituation:
        """The same with banks, boot, boot device, bank health, vSAN, encryption mode, Secure Boot and the ways in. Raises
        `ConfigError` only."""
        if not situation.banks.banks and situation.banks.trouble is None:
            situation = replace(situation, banks=self._reader.read_banks(target))
        answers = self._reader.ask(target, SITUATION_COMMANDS)
        if isinstance(answers, Unread):
            silent = Answer(b"", None, fault=answers)
            answers = {command.name: silent for command in (*SITUATION_COMMANDS, own_settings.HOST_KEY)}
        return situation_readings.fill(situation, answers)


__all__ = ["SshLooker", "SshSituationReader"]
