"""From what was read of a host's banks to the five facts and the window."""

from __future__ import annotations

from dataclasses import replace

from auditor.domain.banks import NextBoot
from auditor.domain.bootbank import BootState, after, simulate_boot
from auditor.domain.bootexplain import explain
from auditor.domain.observation import HostObservation, Read, Reading, Reason, Route, Unread, value_of
from auditor.domain.rollback.bank import BOOTBANK, BankFacts, BankObservation
from auditor.domain.rollback.rules import ALARM_RULES, BOOT_CFG_RULES, WINDOW_RULES, Banks, Rule, loader_sees
from auditor.domain.rollback.window import BankState, NextStart, Window, WindowKind


def window_of(seen: BankObservation) -> BankState:
    """Judge what was read of a host's banks. Raises nothing; nothing is taken for granted."""
    return _judge(seen, WINDOW_RULES)


def recorded_window(seen: HostObservation) -> BankState:
    """Judge what an audit recorded by the boot.cfg files alone, which every version of this tool recorded.

    Good for telling that something changed. It does not see missing module files or a third bank, so nothing may be done
    on its word.
    """
    return boot_cfg_window(_observed(seen))


def recorded_alarm(seen: HostObservation) -> BankState | None:
    """The banks of an audit's reading if they are UNHEALTHY by any rule of the window, in the window's words; else None. What
    was not read alarms nobody here: it is a gap."""
    observed = _observed(seen)
    # The rest of the state takes the loader several passes more, and most hosts of an estate are in order.
    alarms = _window(Banks(observed), ALARM_RULES).kind is WindowKind.UNHEALTHY
    return _judge(observed, ALARM_RULES) if alarms else None


def recorded_of(seen: BankObservation) -> HostObservation:
    """What is recorded of banks that were read whole: as an audit records them."""
    return HostObservation(
        seen.host,
        Route.SSH,
        seen.at,
        seen.vcenter,
        product=seen.product,
        banks=tuple(bank.recorded for bank in seen.banks),
        boot_volumes=seen.volumes,
        trouble=seen.trouble,
    )


def _observed(seen: HostObservation) -> BankObservation:
    banks = tuple(BankFacts.of(bank) for bank in seen.banks)
    return BankObservation(seen.host, seen.at, seen.vcenter, seen.product, banks, seen.boot_volumes, trouble=seen.trouble)


def boot_cfg_window(seen: BankObservation) -> BankState:
    """The same of banks that were read whole: for comparing with what an audit recorded."""
    return _judge(seen, BOOT_CFG_RULES)


def _judge(seen: BankObservation, rules: tuple[Rule, ...]) -> BankState:
    banks = Banks(seen)
    window = _window(banks, rules)
    if not window.build and banks.other_keys is not None and banks.other_keys.build:
        window = replace(window, build=banks.other_keys.build)
    return BankState(
        host=seen.host,
        at=seen.at,
        booted=_booted(banks),
        next=_next(banks),
        staged=_staged(banks),
        confirmed=_confirmed(banks),
        fallback=_fallback(banks),
        window=window,
        configuration_saved=banks.other.configuration_saved,
    )


def _window(banks: Banks, rules: tuple[Rule, ...]) -> Window:
    """What the first rule says that has something to say; the last one always has."""
    return next(found for rule in rules if (found := rule(banks)) is not None)


def _booted(banks: Banks) -> Reading[str]:
    if isinstance(banks.own.boot_cfg, Unread):
        return banks.own.boot_cfg
    keys = banks.own_keys
    if keys is None or keys.build is None:
        return Unread(Reason.UNREADABLE, f"{BOOTBANK}/boot.cfg has no build the loader can read")
    return Read(keys.build)


def _next(banks: Banks) -> Reading[NextStart]:
    if isinstance(banks.next, Unread):
        return banks.next
    boot: NextBoot = banks.next.value
    links = {f"Bank {index} ": f"{link} " for index, link in enumerate(boot.order)}
    sentences = []
    for sentence in explain(boot.outcome):
        start = next((number for number in links if sentence.startswith(number)), "")
        sentences.append(links[start] + sentence.removeprefix(start) if start else sentence)
    selected = boot.outcome.selected
    if selected is None or boot.outcome.starts is not True:
        return Read(NextStart(None, "", tuple(sentences)))
    return Read(NextStart(boot.bank, boot.outcome.banks[selected].build or "", tuple(sentences)))


def _staged(banks: Banks) -> Reading[str | None]:
    reading = loader_sees(banks.other)
    if isinstance(reading, Unread):
        return reading
    keys = banks.other_keys
    return Read(keys.build or "a bank without a build" if keys and keys.bootstate == BootState.UPGRADING else None)


def _confirmed(banks: Banks) -> Reading[bool]:
    if isinstance(banks.own.boot_cfg, Unread):
        return banks.own.boot_cfg
    keys = banks.own_keys
    if keys is None:
        return Unread(Reason.UNREADABLE, f"the loader gives up {BOOTBANK}/boot.cfg")
    return Read(keys.bootstate == BootState.VALID)


def _fallback(banks: Banks) -> Reading[str | None]:
    """The boot after the next one, when the bank that the next one picks is out."""
    if isinstance(banks.next, Unread):
        return banks.next
    boot: NextBoot = banks.next.value
    by_link = {bank.name: bank for bank in banks.before_loader}
    texts = list(after([value_of(by_link[link].boot_cfg) for link in boot.order], boot.outcome))
    if boot.outcome.selected is None:
        return Read(None)
    texts[boot.outcome.selected] = None
    outcome = simulate_boot(texts)
    if outcome.selected is None or outcome.starts is not True:
        return Read(None)
    return Read(outcome.banks[outcome.selected].build)


__all__ = ["boot_cfg_window", "recorded_alarm", "recorded_of", "recorded_window", "window_of"]
