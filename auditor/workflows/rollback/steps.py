"""What each step does to a host: act, then read back. Deciding which step comes is not done here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from auditor.domain.banks import Bank
from auditor.domain.observation import Read, Reading, Unread, value_of
from auditor.domain.rollback.arm import arm_edit
from auditor.domain.rollback.bank import ALTBOOTBANK, BOOTBANK
from auditor.domain.rollback.build import same_build
from auditor.domain.rollback.canonical import digest, sha256
from auditor.domain.rollback.control import BootCfgChange, HostTask, TaskState, TaskView
from auditor.domain.rollback.gates.gate import Gate, GateVerdict, blocking
from auditor.domain.rollback.journal import Step
from auditor.domain.rollback.judge import window_of
from auditor.domain.rollback.look import silent
from auditor.domain.rollback.plan import Target, gates_now, in_wave, moved_facts
from auditor.domain.rollback.situation import HostSituation
from auditor.errors import AuditorError, InDoubtError
from auditor.masking import masked
from auditor.ports import HostControl, HostTarget
from auditor.workflows.rollback.card import HA_WARNING
from auditor.workflows.rollback.checks import built_in
from auditor.workflows.rollback.log import HostLog
from auditor.workflows.rollback.means import CheckResult, Means
from auditor.workflows.rollback.patience import Patience
from auditor.workflows.rollback.situation import collect, connected

Evidence = Mapping[str, str]
_SHOWN = 5  # moved facts, failed checks that a reason names


class StepFailedError(Exception):
    """The step was refused, or reading back did not show what it should; the text says why."""


class Steps:
    """The acts on one planned host. ``wave``: the hosts that are away together, this one among them."""

    def __init__(self, means: Means, target: Target, log: HostLog, wave: Sequence[str] = ()) -> None:
        self._means, self._target, self._log, self._wave = means, target, log, wave
        self._host = means.sight.target(target.vcenter, target.host)
        self._patience = Patience(means, target.host)
        self._acts: Mapping[Step, Callable[[], Evidence]] = {
            Step.LOOK: self._look,
            Step.MAINTENANCE: self._maintenance,
            Step.BACKUP: self._backup,
            Step.ARM: self._arm,
            Step.DISARM: self._disarm,
            Step.REBOOT: self._reboot,
            Step.CONNECT: self._connect,
            Step.CHECKS: self._checks,
            Step.LEAVE_MAINTENANCE: self._leave,
            Step.VERIFY: self._verify,
        }

    @property
    def host(self) -> HostTarget:
        """Where the host is reached."""
        return self._host

    def act(self, step: Step) -> Evidence:
        """Do one step and read back; returns what is worth keeping. Raises `StepFailedError`, ``InDoubtError`` when nobody
        knows whether it was done, ``NotDoneError`` when it was not and may be given again, any other ``AuditorError`` when it
        was not."""
        return self._acts[step]()

    # Helpers --------------------------------------------------------------------------------------------------------

    def _tell(self, words: str) -> None:
        self._means.tell(self._target.host, words)

    @property
    def _now(self) -> datetime:
        return self._means.sight.clock.now()

    def _control(self) -> HostControl:
        return self._means.hands.hosts(self._target.vcenter)

    def _follow(self, control: HostControl, task: HostTask, span: timedelta) -> TaskView:
        """Wait for a task. One that is not over in time is asked to be given up, and its last word counts."""
        until, asked = self._now + span, False
        shown: int | None = None
        while True:
            try:
                view = control.task(self._host, task)
            except AuditorError as error:  # vCenter is away, or forgot our login; only the deadline tells that it stays so
                view = TaskView(TaskState.RUNNING, None, error.what)
            if view.state.over:
                return view
            if view.percent is not None and view.percent != shown:
                shown = view.percent
                self._tell(f"{view.percent}%")
            if self._now >= until:
                if asked:
                    raise InDoubtError("a task neither ends nor is given up", where=self._target.host, tried=task.id)
                control.cancel(self._host, task)
                asked, until = True, self._now + timedelta(minutes=2)
            self._means.sleep(self._means.pace.poll.total_seconds())

    def _connected(self) -> Reading[bool]:
        return self._patience.read(lambda: connected(self._means.sight, self._target.vcenter, self._host), silent)

    def _mode_is(self, wanted: bool) -> None:
        """Read back maintenance mode from the host itself."""
        looker = self._means.sight.looker
        mode = self._patience.read(lambda: looker.look(self._host).maintenance_mode, silent)
        if isinstance(mode, Unread):
            raise StepFailedError(f"whether it is in maintenance mode could not be read back: {mode}")
        if mode.value is not wanted:
            raise StepFailedError(f"the order was taken, and it is {'not' if wanted else 'still'} in maintenance mode")

    def _change(self) -> BootCfgChange:
        """The planned byte, worked out anew: a plan file could have been written by anybody."""
        target = self._target
        edit = arm_edit(
            Bank(BOOTBANK, Read(target.booted.boot_cfg), target.booted.partition),
            Bank(ALTBOOTBANK, Read(target.other.boot_cfg), target.other.partition),
        )
        if target.edit is None or edit != target.edit:
            raise StepFailedError("the plan's byte is not the one that Shift+R would write")
        return BootCfgChange.of(target)

    # Before the reboot ----------------------------------------------------------------------------------------------

    def _look(self) -> Evidence:
        situation = self._patience.read(self._situation, self._unanswered)
        moved = moved_facts(self._target, situation)
        if moved:
            more = f"; and {len(moved) - _SHOWN} more" if len(moved) > _SHOWN else ""
            words = "; ".join(
                f"{fact.name} was {masked(fact.planned)[:80]}, is {masked(fact.now)[:80]}" for fact in moved[:_SHOWN]
            )
            raise StepFailedError(f"not as planned any more: {words}{more}")
        standing = blocking(gates_now(self._target, situation))  # not by the plan's word: anybody could have written it
        if standing:
            raise StepFailedError(f"gate {standing[0].gate.value} stands against it: {'; '.join(standing[0].evidence)}")
        return {"facts": digest(self._target.facts), "window": str(situation.state.window)}

    def _situation(self) -> HostSituation:
        return in_wave(collect(self._means.sight, self._target.vcenter, self._target.host), [self._wave])

    def _unanswered(self, found: HostSituation) -> Unread | None:
        """Who did not answer, host or vCenter, where the facts are not as planned; as planned they may have been unread."""
        own = silent(found.banks.trouble, found.boot_id, found.maintenance_mode, found.machine)
        trouble = own or silent(found.machine_in_vcenter, found.cluster.name)
        return trouble if trouble is not None and moved_facts(self._target, found) else None

    def _maintenance(self) -> Evidence:
        control, pace = self._control(), self._means.pace
        running = control.pending(self._host)
        if running:
            task = running[0]
            self._tell(f"{task.id} is under way already; following it")
        else:
            task = control.enter_maintenance(self._host, pace.evacuation, pace.maintenance.total_seconds())
        self._log.note(Step.MAINTENANCE, task=task.id)
        view = self._follow(control, task, pace.maintenance + timedelta(minutes=1))
        if view.state is TaskState.ERROR:
            raise StepFailedError(f"it did not enter maintenance mode: {view.why}")
        self._mode_is(True)
        return {"task": task.id, "evacuation": pace.evacuation.value}

    def _backup(self) -> Evidence:
        target, vault = self._target, self._means.vault
        control = self._means.hands.bundles or self._control()
        at = self._now
        kept = {}
        for link, bank in ((BOOTBANK, target.booted), (ALTBOOTBANK, target.other)):
            name = f"{link.strip('/')}-boot.cfg"
            kept[name] = vault.keep_bytes(target.host, name, at, bank.boot_cfg).path
            kept[f"{name} sha256"] = sha256(bank.boot_cfg)
        bundle = self._patience.fetch(
            lambda: vault.keep(target.host, "configBundle.tgz", at, lambda save: control.fetch_bundle(self._host, save))
        )
        kept |= {"key": bundle.key} if bundle.encrypted else {"unencrypted for": bundle.clear_for}
        return {**kept, "bundle": bundle.path, "bundle sha256": bundle.sha256, "encrypted": str(bundle.encrypted).lower()}

    def _arm(self) -> Evidence:
        banks, change = self._means.hands.banks, self._change()
        if banks is None:
            raise StepFailedError("this run was given nothing that could arm")
        written = banks.arm(self._host, change)
        if not written.as_wanted or written.boot_cfg != change.after:
            raise StepFailedError(f"{written.outcome.value}: {written.why or 'the file is not as intended'}")
        return {"outcome": written.outcome.value, "sha256": sha256(change.after), "copy": written.copy}

    def _disarm(self) -> Evidence:
        banks, change = self._means.hands.banks, self._change()
        if banks is None:
            raise StepFailedError("this run was given nothing that could disarm")
        written = banks.disarm(self._host, change)
        if not written.as_wanted or written.boot_cfg != change.before:
            raise StepFailedError(f"{written.outcome.value}: {written.why or 'the file is not as it was'}")
        return {"outcome": written.outcome.value, "sha256": sha256(change.before)}

    def _reboot(self) -> Evidence:
        control, pace = self._control(), self._means.pace
        pending = control.pending(self._host)
        if pending:  # never a second order while one is on its way
            self._follow(control, pending[0], pace.unattended.grace)
            raise InDoubtError("an order was under way already; looking at what came of it", where=self._target.host)
        task = control.reboot(self._host, f"auditor rollback, operation {self._log.operation}")
        self._log.note(Step.REBOOT, task=task.id)
        until = self._now + pace.order
        while self._now < until:
            try:
                view = control.task(self._host, task)
            except AuditorError:
                break  # going down takes the answer with it
            if view.state is TaskState.ERROR:
                raise StepFailedError(f"the reboot was refused: {view.why}")
            if view.state.over:
                break
            self._means.sleep(min(pace.poll, pace.order).total_seconds())
        return {"task": task.id}

    # After it -------------------------------------------------------------------------------------------------------

    def _connect(self) -> Evidence:
        target, pace = self._target, self._means.pace
        if not target.vcenter:
            return {"vcenter": "none"}
        until = self._now + pace.connect
        while True:
            reading = connected(self._means.sight, target.vcenter, self._host)
            if value_of(reading):
                return {"vcenter": target.vcenter}
            if self._now >= until:
                said = str(reading) if isinstance(reading, Unread) else "it lists the host and is not connected to it"
                raise StepFailedError(
                    f"vCenter {target.vcenter} is not connected to it ({said}): connect it by hand, with root's password of "
                    "the day of the update, then resume"
                )
            self._means.sleep(pace.poll.total_seconds())

    def _checks(self) -> Evidence:
        target, sight = self._target, self._means.sight
        now = self._patience.read(lambda: collect(sight, target.vcenter, target.host), lambda seen: silent(seen.banks.trouble))
        link = value_of(self._connected())
        failed: list[CheckResult] = []
        count = 0
        for found in (built_in(target, now, link), self._means.checks.run(target.host)):
            for check in found:
                count += 1
                result = {True: "pass", False: "fail", None: "unknown"}[check.passed]
                kind = "required" if check.required else "wanted"
                self._log.note(Step.CHECKS, check=check.name, kind=kind, result=result, said=check.said)
                self._tell(f"{kind} check {check.name}: {result}" + ("" if check.passed else f" ({check.said[:200]})"))
                if check.required and not check.passed:
                    failed.append(check)
        if failed:
            words = "; ".join(f"{check.name}: {check.said[:100]}" for check in failed[:_SHOWN])
            raise StepFailedError(f"{len(failed)} required checks failed: {words}")
        return {"checks": str(count)}

    def _leave(self) -> Evidence:
        control, pace = self._control(), self._means.pace
        if self._ha:
            self._tell(f"warning: {HA_WARNING}")
            self._log.note(Step.LEAVE_MAINTENANCE, warning=HA_WARNING)
        for running in control.pending(self._host):  # an order of a run that was killed
            self._follow(control, running, pace.maintenance)
        task = control.leave_maintenance(self._host, pace.maintenance.total_seconds())
        self._log.note(Step.LEAVE_MAINTENANCE, task=task.id)
        view = self._follow(control, task, pace.maintenance + timedelta(minutes=1))
        if view.state is TaskState.ERROR:
            raise StepFailedError(f"it did not leave maintenance mode: {view.why}")
        self._mode_is(False)
        return {"task": task.id}

    @property
    def _ha(self) -> bool:
        """HA is on, or may be."""
        gate = next((result for result in self._target.gates if result.gate is Gate.HA_AGENT), None)
        return gate is None or gate.verdict is not GateVerdict.PASS or "HA is off" not in " ".join(gate.evidence)

    def _verify(self) -> Evidence:
        """By a fresh and whole observation of the host, and vCenter's word beside it."""
        target, sight = self._target, self._means.sight
        seen = self._patience.read(lambda: sight.banks.read_banks(self._host), lambda found: silent(found.trouble))
        if seen.trouble is not None:
            raise StepFailedError(f"the fresh observation failed: {seen.trouble}")
        state = window_of(seen)
        wrong = []
        product = seen.product
        if isinstance(product, Unread):
            wrong.append(f"what it runs was not read: {product}")
        elif not same_build(product.value.build, target.to_build):
            wrong.append(f"it runs {product.value.build}")
        if not same_build(value_of(state.booted) or "", target.to_build):
            wrong.append(f"{BOOTBANK} holds {value_of(state.booted) or state.booted}")
        if value_of(state.confirmed) is not True:
            wrong.append("its boot is not confirmed")
        coming = value_of(state.next)
        if coming is None or not same_build(coming.build, target.to_build):
            wrong.append(f"its next boot would start {coming.build if coming else state.next}")
        if target.vcenter and value_of(self._connected()) is not True:
            wrong.append("vCenter is not connected to it any more")
        if wrong:
            raise StepFailedError("; ".join(wrong))
        return {"observation": digest(seen), "window": str(state.window)}


__all__ = ["StepFailedError", "Steps"]
