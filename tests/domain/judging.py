"""The audit's rules on small estates: judge one, and look at its findings."""

from __future__ import annotations

from auditor.domain.assess import assess
from auditor.domain.assessment import Assessment
from auditor.domain.findings import Code
from auditor.domain.image import Commit
from auditor.domain.observation import (
    Estate,
)
from auditor.domain.past import Past
from auditor.tables import load_release_table
from tests.domain.estates import (
    NEW,
    ago,
    cluster,
    estate,
    listed,
    says,
)

TABLE = load_release_table()
COMMIT_5, COMMIT_7 = Commit("5", "admin", ago(100)), Commit("7", "admin", ago(20))


def judge(view: Estate, before: Past | None = None) -> Assessment:
    return assess(view, before or Past(), TABLE)


def codes(result: Assessment) -> set[str]:
    return {f.code.value for f in result.findings}


def one(result: Assessment, code: Code) -> object:
    (finding,) = [f for f in result.findings if f.code is code]
    return finding


STEADY = estate((cluster(NEW),), (listed("a", NEW), listed("b", NEW)), (says("a", NEW), says("b", NEW)))
