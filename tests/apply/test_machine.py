"""The step machine against a made-up vCenter, killed anywhere, any number of times."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.domain.editing import Draft, VlcmTask
from auditor.domain.image import Commit
from auditor.domain.journal import Entry, Phase
from auditor.domain.proposal.apply import COMMIT_OPERATION, Discard, Do, End, Found, Look, Looked, Missed, Move, Wait, next_step
from auditor.domain.proposal.steps import RESUMED, Outcome, Step, key, leftovers

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
MARK = "auditor apply 1"
BEFORE, TARGET, WORK = "the image before", "the target", "somebody's work"
KILLED = "killed"


class Kill(Exception):  # noqa: N818 - not an error: the end of a process
    """The process dies here."""


@dataclass
class World:
    """A cluster in vCenter, and our journal. ``dies`` counts down at each thing that is done; ``fails`` are steps that end in
    failure, ``lost`` those that are carried out and whose answer never comes."""

    execute: bool = True
    dies: list[int] = field(default_factory=list)
    fails: frozenset[Step] = frozenset()
    lost: frozenset[Step] = frozenset()
    slow_commit: bool = False
    drafts: dict[str, tuple[Draft, str]] = field(default_factory=dict)
    commits: list[str] = field(default_factory=list)
    sent: int = 0
    running: str = ""
    pending: str = ""
    entries: list[Entry] = field(default_factory=list)
    outcome: Outcome | None = None
    serial: int = 100

    def tick(self) -> None:
        if self.dies:
            self.dies[0] -= 1
            if self.dies[0] < 0:
                self.dies.pop(0)
                raise Kill

    def write(self, step: str, phase: Phase, data: dict[str, str] | None = None) -> None:
        self.tick()
        self.entries.append(Entry(len(self.entries), NOW, "cluster", step, phase, data or {}))
        self.tick()

    def draft(self, owner: str, holds: str, *, own: bool) -> Draft:
        self.serial += 1
        made = Draft(str(self.serial), owner, NOW + timedelta(seconds=self.serial), own)
        self.drafts[made.id] = made, holds
        return made

    def look(self) -> Looked:
        tasks = (VlcmTask(self.running, "drafts", COMMIT_OPERATION, "c", "RUNNING"),) if self.running else ()
        return Looked(
            drafts=tuple(draft for draft, _ in self.drafts.values()),
            contents={draft.id: holds for draft, holds in self.drafts.values() if draft.own},
            before=BEFORE,
            target=TARGET,
            ours=Commit("7", description=MARK) if MARK in self.commits else None,
            running=tasks,
        )

    def run(self, *, resumed: bool) -> None:
        """One process: until the operation ends, or the process does."""
        if resumed:
            self.write(RESUMED, Phase.NOTE)
        looked: Looked | None = None
        for _ in range(200):
            move = next_step(self.entries, looked, execute=self.execute)
            looked = None
            if isinstance(move, End):
                self.tick()
                self.outcome = move.outcome
                return
            if isinstance(move, Look):
                looked = self.look()
            else:
                self.act(move)
        pytest.fail("it goes round in circles")

    def act(self, move: Move) -> None:
        if isinstance(move, Found):
            self.write(Step.COMMIT, Phase.DONE, {"commit": move.commit.id})
        elif isinstance(move, Missed):
            self.write(Step.COMMIT, Phase.FAILED, {"why": move.why})
        elif isinstance(move, Wait):
            assert move.task == self.running
            self.finish()
        elif isinstance(move, Discard):
            self.write(Step.DISCARD, Phase.INTENT)
            assert move.draft.own
            self.drafts.pop(move.draft.id)
            self.write(Step.DISCARD, Phase.DONE)
        elif isinstance(move, Do):
            self.step(move.step)

    def step(self, step: Step) -> None:
        data: dict[str, str] = {}
        if step is Step.DRAFT:
            data = {"seen": json.dumps([key(draft) for draft, _ in self.drafts.values()])}
        self.write(step, Phase.INTENT, data)
        if step in self.fails:
            self.write(step, Phase.FAILED, {"why": "no", "refused": "yes", "doubt": "no"})
            return
        data = {}
        if step is Step.DRAFT:
            made = self.draft("us", BEFORE, own=True)
            data = {"draft": made.id, "created": made.created.isoformat()}
        elif step is Step.LAYERS:
            mine = next(id_ for id_, (draft, holds) in self.drafts.items() if draft.own and holds == BEFORE)
            self.drafts[mine] = self.drafts[mine][0], TARGET
        elif step is Step.COMMIT:
            self.commit()
            return
        self.tick()
        if step in self.lost:
            self.write(step, Phase.FAILED, {"why": "no answer", "refused": "no", "doubt": "yes"})
            return
        self.write(step, Phase.DONE, data)

    def commit(self) -> None:
        self.sent += 1
        self.running = self.pending = "task-1"
        if not self.slow_commit:
            self.end_of_commit()
        self.tick()
        if Step.COMMIT in self.lost:
            self.write(Step.COMMIT, Phase.NOTE, {"why": "no answer"})
            return
        self.write(Step.COMMIT, Phase.NOTE, {"task": "task-1"})
        self.finish()

    def end_of_commit(self) -> None:
        """In vCenter: the draft becomes the image."""
        if self.pending:
            mine = next(id_ for id_, (draft, holds) in self.drafts.items() if draft.own and holds == TARGET)
            del self.drafts[mine]
            self.commits.append(MARK)
            self.running = self.pending = ""

    def finish(self) -> None:
        self.end_of_commit()
        self.tick()
        self.write(Step.COMMIT, Phase.DONE, {"commit": "7"})


steps = st.frozensets(st.sampled_from([s for s in Step if s is not Step.DISCARD]), max_size=2)


@given(
    execute=st.booleans(),
    dies=st.lists(st.integers(0, 60), max_size=4),
    fails=steps,
    lost=steps,
    slow=st.booleans(),
    early=st.booleans(),
    late=st.sampled_from(["", "between", "same account"]),
    between=st.sampled_from(["", "ends", "vanishes"]),
)
@settings(max_examples=500, deadline=None)
def test_never_two_commits_and_never_a_draft_of_somebody_else(
    execute: bool,
    dies: list[int],
    fails: frozenset[Step],
    lost: frozenset[Step],
    slow: bool,
    early: bool,
    late: str,
    between: str,
) -> None:
    world = World(execute, [*dies], fails, lost, slow)
    theirs = [world.draft("carol", TARGET, own=False)] if early else []
    resumed = False
    for _ in range(len(dies) + 1):
        try:
            world.run(resumed=resumed)
        except Kill:
            resumed = True
            if between == "ends":
                world.end_of_commit()
            elif between == "vanishes":  # vCenter was restarted: its task is lost
                world.running = world.pending = ""
            if late == "between":
                theirs.append(world.draft("carol", BEFORE, own=False))
            elif late == "same account" and not any(draft.own for draft, _ in world.drafts.values()):
                theirs.append(world.draft("us", WORK, own=True))
        else:
            break
    assert world.outcome is not None
    assert world.sent <= 1
    assert world.commits == [MARK] * world.outcome.committed
    assert all(draft.id in world.drafts for draft in theirs)
    assert [draft for draft, _ in world.drafts.values() if draft not in theirs] == []
    if not execute:
        assert world.sent == 0
    if world.outcome is Outcome.APPLIED:
        assert not fails & {Step.SCAN, Step.COMPARE, Step.PROOF}


def test_a_resumed_operation_sends_no_commit() -> None:
    done = (Step.FACTS, Step.DRAFT, Step.LAYERS, Step.VALIDATE, Step.DRAFT_SCAN, Step.INVERSE)
    entries = [Entry(n, NOW, "c", step, Phase.DONE, {"draft": "1", "created": "x"}) for n, step in enumerate(done)]
    assert next_step(entries, None, execute=True) == Do(Step.COMMIT)
    entries.append(Entry(9, NOW, "c", RESUMED, Phase.NOTE))
    assert next_step(entries, None, execute=True) == Look()
    end = next_step(entries, Looked(), execute=True)
    assert isinstance(end, End)
    assert (end.outcome, "after the step inverse" in end.why) == (Outcome.WITHDRAWN, True)


def entries_of(*lines: tuple[Step, Phase, dict[str, str]]) -> list[Entry]:
    return [Entry(n, NOW, "c", step, phase, data) for n, (step, phase, data) in enumerate(lines)]


FACTS_DONE = (Step.FACTS, Phase.DONE, {"image": BEFORE})


@pytest.mark.parametrize(
    ("holds", "known_before", "refused", "discarded"),
    [
        (BEFORE, False, False, True),
        (TARGET, False, False, True),
        (WORK, False, False, False),
        (BEFORE, True, False, False),
        (BEFORE, False, True, False),
    ],
    ids=["untouched", "imported", "somebody works on it", "was there before", "ours was refused"],
)
def test_a_draft_of_our_account_the_journal_does_not_name(
    holds: str, known_before: bool, refused: bool, discarded: bool
) -> None:
    draft = Draft("5", "us", NOW, own=True)
    seen = f'[["5", "{NOW.isoformat()}"]]' if known_before else "[]"
    lines = [FACTS_DONE, (Step.DRAFT, Phase.INTENT, {"seen": seen})]
    if refused:
        lines.append((Step.DRAFT, Phase.FAILED, {"why": "there is one", "refused": "yes", "doubt": "no"}))
    else:
        lines.append((RESUMED, Phase.NOTE, {}))  # type: ignore[arg-type]
    move = next_step(entries_of(*lines), Looked((draft,), {"5": holds}, BEFORE, TARGET), execute=True)
    if discarded:
        assert move == Discard(draft)
    else:
        assert isinstance(move, End)
        assert move.left == (draft,)


def test_a_known_draft_id_used_again_after_a_restore_is_another_draft() -> None:
    again = Draft("5", "us", NOW + timedelta(days=1), own=True)
    lines = [FACTS_DONE, (Step.DRAFT, Phase.DONE, {"draft": "5", "created": NOW.isoformat()}), (RESUMED, Phase.NOTE, {})]
    move = next_step(entries_of(*lines), Looked((again,)), execute=True)  # type: ignore[arg-type]
    assert isinstance(move, End)
    assert move.left == (again,)
    assert leftovers([again, replace(again, created=NOW)], {("5", NOW.isoformat())}) == (replace(again, created=NOW),)
    assert leftovers([Draft("5", "carol", NOW, own=False)], {("5", NOW.isoformat())}) == ()
