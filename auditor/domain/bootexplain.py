"""A pass of the boot loader in plain words: what becomes of each bank, which one is picked, and why."""

from __future__ import annotations

from auditor.domain.bootbank import BankOutcome, BankRead, BootOutcome, BootState

_LONGEST_TEXT = 60

_STATE_WORDS = {
    BootState.VALID: "good",
    BootState.UPGRADING: "updated, not booted yet",
    BootState.DIRTY: "trial boot under way",
    BootState.INVALID: "invalid",
}

_UNREAD_WORDS = {
    BankRead.NO_FILE: "has no boot.cfg, so the loader passes it over.",
    BankRead.BAD_VALUE: (
        "is passed over and left as it is: its updated, bootstate or quickboot is not a number, and then the loader "
        "gives up the whole boot.cfg."
    ),
    BankRead.NOT_REACHED: "is not looked at: the loader stops after the third bank it can read.",
}


def explain(outcome: BootOutcome, shift_r: bool = False) -> tuple[str, ...]:
    """Return sentences: one or more for each bank, numbered from 0 in partition order, then what is picked and why.

    ``shift_r`` says that the pass was made with a rollback asked for; it is only needed to tell that it had no effect.
    Texts from the files are shortened and their unprintable characters shown as escapes.
    """
    sentences = [f"Bank {index} {words}" for index, bank in enumerate(outcome.banks) for words in _of_bank(bank)]
    sentences += _of_choice(outcome)
    if shift_r and not any(_given_up_by_hand(bank) for bank in outcome.banks):
        sentences.append("The rollback asked for with Shift+R does not take place: " + _why_no_rollback(outcome))
    elif outcome.rollback and outcome.selected is not None:
        sentences.append("The system that starts is told that a rollback took place.")
    return tuple(sentences)


def _of_bank(bank: BankOutcome) -> list[str]:
    if bank.read in _UNREAD_WORDS:
        return [_UNREAD_WORDS[bank.read]]
    found = f"(build {_shown(bank.build)}, updated {bank.updated}, state {_state(bank.bootstate)})"
    if bank.read is BankRead.STATE_NOT_WRITABLE:
        why = "the loader has to change its state and finds no line bootstate= with a digit 0 to 3 in the first 512 bytes"
        return [f"{found} is passed over and left as it is: {why} of boot.cfg."]
    sentences = [f"{found} {_fate(bank)}"]
    if bank.bootstate_after != bank.state_in_use:
        sentences.append(
            f"will be read with state {_state(bank.bootstate_after)} at the next boot, not {bank.state_in_use}: "
            "the loader changes one character of the first bootstate line, and this file does not hold it as one digit."
        )
    return sentences


def _fate(bank: BankOutcome) -> str:
    """Why an ``ok`` bank may or may not be booted."""
    if _given_up_by_hand(bank):
        return "is set to state 3 (invalid) by Shift+R: it would have been booted, and will not be again."
    if bank.valid and bank.bootstate == BootState.UPGRADING:
        return (
            "may be booted: it holds a staged update and this boot is its one trial. Its state becomes 2; unless ESXi "
            "confirms it after a good start, the next boot gives the bank up."
        )
    if bank.valid:
        return "may be booted."
    if bank.quickboot:
        return "is not booted: it was meant for one Quick Boot only, and is marked invalid (3)."
    lacks = _lacks(bank)
    if bank.bootstate in {BootState.UPGRADING, BootState.DIRTY} and lacks:
        return f"is not booted: the update is not complete, {lacks}. It counts as failed; its state becomes 3 (invalid)."
    if bank.bootstate == BootState.DIRTY:
        return (
            "is not booted: its trial boot was never confirmed, so the update counts as failed. Its state becomes 3 (invalid)."
        )
    if bank.bootstate == BootState.INVALID:
        return "is not booted: it is marked invalid (empty, failed or rolled back)."
    if bank.bootstate == BootState.VALID:
        return f"is not booted: {lacks}."
    return f"is not booted: {bank.bootstate} is no state. Its state becomes 3 (invalid)."


def _of_choice(outcome: BootOutcome) -> list[str]:
    if outcome.selected is None:
        return ['No bank can be booted: the loader stops with "No hypervisor found."']
    picked = outcome.banks[outcome.selected]
    rivals = [bank for index, bank in enumerate(outcome.banks) if bank.valid and index != outcome.selected]
    name = f"Bank {outcome.selected} is picked"
    if not rivals:
        sentences = [f"{name}: it is the only one that may be booted."]
    elif any(bank.updated == picked.updated for bank in rivals):
        tie = "another bank has the same one, and on a tie the lower partition number wins"
        sentences = [f"{name}: its updated counter, {picked.updated}, is the highest, {tie}."]
    else:
        sentences = [f"{name}: its updated counter, {picked.updated}, is the highest of those that may be booted."]
    sentences += [
        f"Bank {index} loses its trial: it is not booted now, but its state was moved on, and the next boot gives it up."
        for index, bank in enumerate(outcome.banks)
        if bank.valid and index != outcome.selected and bank.bootstate == BootState.UPGRADING
    ]
    if outcome.starts is False:
        sentences.append(
            f"But it is not started: its build text {_shown(picked.build)} does not begin with a version number. "
            "The loader stops there and tries no other bank."
        )
    return sentences


def _why_no_rollback(outcome: BootOutcome) -> str:
    valid = sum(bank.valid for bank in outcome.banks)
    if outcome.selected is None:
        return "there is nothing to boot."
    if valid < 2:
        return "there is no alternate hypervisor to roll back to."
    return (
        f"the loader finds no place in the boot.cfg of bank {outcome.selected} to mark it invalid, and starts it all the same."
    )


def _given_up_by_hand(bank: BankOutcome) -> bool:
    """Whether Shift+R invalidated the bank: after the scan alone it would have been bootable."""
    bootable = bank.bootstate in {BootState.VALID, BootState.UPGRADING} and not bank.quickboot and not _lacks(bank)
    return bank.read is BankRead.OK and bootable and not bank.valid


def _lacks(bank: BankOutcome) -> str:
    missing = []
    if not bank.updated:
        missing.append("updated is 0 or missing")
    if bank.build is None:
        missing.append("build is empty or missing")
    return " and ".join(missing)


def _state(number: int | None) -> str:
    words = _STATE_WORDS.get(BootState(number), "") if number in set(BootState) else "no state"
    return f"{number} ({words})"


def _shown(text: str | None) -> str:
    if text is None:
        return "none"
    clipped = text if len(text) <= _LONGEST_TEXT else text[:_LONGEST_TEXT] + "…"
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in clipped)
