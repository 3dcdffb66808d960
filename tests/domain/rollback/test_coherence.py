"""A plan file that somebody wrote himself: its hash fits, and it does not hold together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from auditor.domain.observation import Read, Reason, Unread
from auditor.domain.rollback.coherence import incoherences
from auditor.domain.rollback.gates.gate import Gate, GateVerdict, Override
from auditor.domain.rollback.journal import Step
from auditor.domain.rollback.plan import Method, RollbackPlan, Target, make_plan
from auditor.domain.rollback.situation import VsanFacts
from tests.domain.rollback.samples import NOW, OLD, situation

VSAN = VsanFacts(Read(True), Read(""), Read(20), Read(20), Read(True))
WORD = Override("ann", "seen to by hand")


def plan(method: Method = Method.UNATTENDED, **changes: Any) -> RollbackPlan:
    hosts = [situation(host=f"esx{n}", **changes) for n in (1, 2, 3)]
    return make_plan(hosts, OLD, method, "ann", NOW, timedelta(hours=8), wave_size=2)


def every(made: RollbackPlan, change: Callable[[Target], Target]) -> RollbackPlan:
    return replace(made, targets=tuple(change(target) for target in made.targets))


def overridden(target: Target, gate: Gate) -> Target:
    return replace(
        target,
        gates=tuple(replace(each, overridden=WORD) if each.gate is gate else each for each in target.gates),
    )


@pytest.mark.parametrize("method", list(Method))
def test_what_is_made_holds_together(method: Method) -> None:
    for made in (plan(method), plan(method, maintenance_mode=Read(True)), plan(method, dpu=Unread(Reason.ABSENT))):
        assert incoherences(made) == ()


FORGED: list[tuple[str, Callable[[], RollbackPlan]]] = [
    ("gates are not those", lambda: every(plan(), lambda t: replace(t, gates=()))),
    ("gates are not those", lambda: every(plan(), lambda t: replace(t, gates=t.gates[1:]))),
    ("first wave", lambda: replace(plan(), waves=(("esx1", "esx2", "esx3"),))),
    ("each of its hosts once", lambda: replace(plan(), waves=(("esx1",), ("esx2",)))),
    ("each of its hosts once", lambda: replace(plan(), waves=(("esx1",), ("esx1",), ("esx2", "esx3")))),
    (
        "two clusters",
        lambda: every(plan(), lambda t: replace(t, cluster="other") if t.host == "esx3" else t),
    ),
    ("go one at a time", lambda: replace(plan(vsan=VSAN), waves=(("esx1",), ("esx2", "esx3")))),
    ("go one at a time", lambda: replace(plan(vsan=VsanFacts()), waves=(("esx1",), ("esx2", "esx3")))),
    ("fault domain", lambda: every(plan(vsan=VSAN), lambda t: replace(t, fault_domain="rack-1"))),
    ("cluster name", lambda: every(plan(), lambda t: replace(t, cluster="other"))),
    ("its steps", lambda: every(plan(), lambda t: replace(t, steps=tuple(s for s in t.steps if s is not Step.BACKUP)))),
    ("its steps", lambda: replace(plan(Method.UNATTENDED), method=Method.GUIDED)),
    ("byte", lambda: replace(plan(Method.UNATTENDED), method=Method.GUIDED)),
    ("no byte", lambda: every(plan(), lambda t: replace(t, edit=None))),
    ("that bank's boot.cfg says", lambda: every(plan(), lambda t: replace(t, to_build="8.0.3-0.1.99999999"))),
    ("that bank's boot.cfg says", lambda: every(plan(), lambda t: replace(t, from_build=OLD))),
    ("is no volume", lambda: every(plan(), lambda t: replace(t, booted=replace(t.booted, volume="/tmp/x")))),
    ("one volume", lambda: every(plan(), lambda t: replace(t, other=replace(t.other, volume=t.booted.volume)))),
    ("at most 7 days", lambda: replace(plan(), expires=NOW + timedelta(days=400))),
    ("at most 7 days", lambda: replace(plan(), expires=NOW - timedelta(days=1))),
    (
        "cannot be overridden",
        lambda: every(plan(dpu=Read(True)), lambda t: overridden(t, Gate.DPU)),
    ),
    (
        "facts do not have gate dpu",
        lambda: every(
            plan(dpu=Read(True)),
            lambda t: replace(
                t, gates=tuple(replace(g, verdict=GateVerdict.PASS) if g.gate is Gate.DPU else g for g in t.gates)
            ),
        ),
    ),
]


@pytest.mark.parametrize(("says", "forged"), FORGED, ids=[f"{number}-{says}" for number, (says, _) in enumerate(FORGED)])
def test_what_is_forged_does_not(says: str, forged: Callable[[], RollbackPlan]) -> None:
    found = incoherences(forged())
    assert any(says in why for why in found), found
