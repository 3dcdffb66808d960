"""All gates on one host."""

from __future__ import annotations

from collections.abc import Mapping

from auditor.domain.rollback.gates import cluster, host, security, way_back_in
from auditor.domain.rollback.gates.answer import Check
from auditor.domain.rollback.gates.gate import Gate, GateResult, GateVerdict, Override, may_be_overridden
from auditor.domain.rollback.gates.settle import SETTLE
from auditor.domain.rollback.situation import HostSituation

TO_SETTLE = "to settle it: "
"""How the line of evidence begins that says what to do about an unknown."""

_CHECKS: Mapping[Gate, Check] = {**host.CHECKS, **cluster.CHECKS, **security.CHECKS, **way_back_in.CHECKS}


def evaluate(situation: HostSituation, to: str, overrides: Mapping[Gate, Override] | None = None) -> tuple[GateResult, ...]:
    """Every gate for going back to build ``to``, in the order of `Gate`. An override that may not take effect, or that
    has no name or reason, is left out of the result, and the gate goes on blocking."""
    results = []
    for gate in Gate:
        check, rests_on = _CHECKS[gate]
        verdict, evidence = check(situation, to)
        override = (overrides or {}).get(gate)
        takes_effect = override is not None and may_be_overridden(gate, verdict) and _given(override)
        said = (evidence, f"{TO_SETTLE}{SETTLE[gate.value]}") if verdict is GateVerdict.UNKNOWN else (evidence,)
        results.append(GateResult(gate, verdict, said, rests_on, override if takes_effect else None))
    return tuple(results)


def _given(override: Override) -> bool:
    return bool(override.by.strip()) and bool(override.reason.strip())


__all__ = ["TO_SETTLE", "evaluate"]
