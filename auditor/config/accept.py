"""``[[accept]]``: a difference of an image or a gap that somebody answers for until a day."""

from __future__ import annotations

from collections.abc import Callable, Set
from datetime import UTC, datetime
from typing import Any

from auditor.domain.accepted import Acceptance, AcceptedGap, Entry
from auditor.domain.assessment import Layer
from auditor.domain.observation import READING_KEYS
from auditor.errors import ConfigError


def entry(key: str, item: dict[str, Any], vcenters: Set[str], wrong: Callable[..., ConfigError]) -> Entry:
    """The entry ``key`` of the file; ``vcenters`` are the configured names, and ``wrong`` makes the `ConfigError` to raise."""
    if item["vcenter"] not in vcenters:
        raise wrong(f"{key}.vcenter: no vCenter is called {item['vcenter']!r}", f"configured: {', '.join(sorted(vcenters))}")
    if ("layer" in item) == ("route" in item):
        raise wrong(
            f"{key}: needs either a layer or a route",
            "a difference has cluster, layer, name and version; a gap has route and reason, and reading for a single one",
        )
    needed = ("cluster", "version") if "layer" in item else ("reason",)
    foreign = {"route", "reason", "reading"} if "layer" in item else {"layer", "name", "version"}
    if missing := [name for name in needed if name not in item]:
        raise wrong(f"{key}.{missing[0]}: is missing")
    if given := sorted(foreign & item.keys()):
        raise wrong(f"{key}.{given[0]}: does not belong to a {'difference' if 'layer' in item else 'gap'}")
    try:
        expires = datetime.fromisoformat(item["expires"])
    except ValueError:
        raise wrong(f"{key}.expires: there is no such day: {item['expires']!r}") from None
    expires = expires.replace(tzinfo=UTC) if expires.tzinfo is None else expires.astimezone(UTC)
    who = {"owner": item["owner"], "ticket": item["ticket"], "expires": expires, "host": item.get("host", "")}
    if "route" in item:
        if (reading := item.get("reading", "")) and reading not in READING_KEYS:
            raise wrong(f"{key}.reading: there is no reading {reading!r}", f"there are: {', '.join(READING_KEYS)}")
        return AcceptedGap(
            item["vcenter"], item["route"], item["reason"], reading=reading, cluster=item.get("cluster", ""), **who
        )
    layer = Layer(item["layer"])
    if layer is not Layer.BASE_IMAGE and not item.get("name"):
        raise wrong(f"{key}: a {layer.value} needs its name")
    return Acceptance(
        vcenter=item["vcenter"],
        cluster=item["cluster"],
        layer=layer,
        name="" if layer is Layer.BASE_IMAGE else item["name"],
        version=item["version"],
        **who,
    )


__all__ = ["entry"]
