"""What a verb may do to the world, and what it did: the simulated vCenter's log of calls held against the table of effects."""

from __future__ import annotations

from collections.abc import Iterable

from pyVmomi import VmomiSupport

from auditor.vcenter.operations import effects

READS = frozenset({"read", "session"})
COMPUTES = READS | {"compute"}
DRY_RUN = COMPUTES | {"draft-write"}
COMMITS = DRY_RUN | {"commit"}
IMPORTS = READS | {"depot-add"}
EVERY = COMMITS | IMPORTS

Key = tuple[str, str, str]


def effect_of(key: Key) -> str:
    """The effect of a call; ``unknown`` for one the table does not have."""
    protocol, service, operation = key
    if protocol == "soap":
        names = [*_ancestors(service), "ManagedObject"]
        return next((found for name in names if (found := effects().get((protocol, name, operation)))), "unknown")
    return effects().get(key, "unknown")


def _ancestors(wsdl_name: str) -> Iterable[str]:
    """The type a SOAP client names, and the types it inherits from."""
    yield wsdl_name
    try:
        kind = VmomiSupport.GetWsdlType("urn:vim25", wsdl_name)
    except KeyError:
        return
    yield from (base._wsdlName for base in kind.__mro__[1:] if hasattr(base, "_wsdlName"))


def forbidden(calls: Iterable[Key], allowed: frozenset[str]) -> dict[Key, str]:
    """The calls whose effect is not allowed, with it."""
    return {key: effect for key in sorted(set(calls)) if (effect := effect_of(key)) not in allowed}
