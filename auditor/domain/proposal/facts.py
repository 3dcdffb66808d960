"""The facts a proposal rests on, by stable names, as text. ``apply`` makes them anew and refuses what moved.

A reading without a value is "unread", without its reason: a host that timed out and then refused the connection has not
changed. Hosts count by what they say of themselves, by the best route.

    vcenter.instance-uuid, vcenter.version          which vCenter, and what it runs
    cluster.id, .mode, .commit, .image, .owner      the cluster as it is; image is a SHA-256 of its layers and specification
    cluster.hosts                                   the managed object ids of its hosts
    host NAME base-image, add-on, components        what each host runs; components is a SHA-256 of all of them
    scheduled-task ID, cluster.scheduled-tasks,     what acts by itself after a commit, see ``may_act``
    cluster.auto-remediation
    depot ITEM                                      present, absent or unread, for everything the target names
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from typing import TypeVar

from auditor.domain.diagnosis.scene import HostScene
from auditor.domain.image import AddOn, BaseImage, Commit, Component, DesiredImage, ManagementMode
from auditor.domain.observation import Reading, Unread
from auditor.domain.proposal import may_act
from auditor.domain.proposal.case import Case
from auditor.domain.proposal.context import in_depot, items_of
from auditor.domain.proposal.values import Fact

T = TypeVar("T")
UNREAD = "unread"


def facts(case: Case, target: DesiredImage | None) -> tuple[Fact, ...]:
    """All facts of a proposal for ``target``, in the order of their names."""
    found = [*_vcenter(case), *_cluster(case), *_hosts(case), *may_act.facts(case), *_depot(case, target)]
    return tuple(sorted(found, key=lambda f: f.name))


def _vcenter(case: Case) -> Iterable[Fact]:
    marks = case.marks
    yield Fact("vcenter.instance-uuid", marks.instance_uuid if marks else UNREAD)
    yield Fact("vcenter.version", f"{marks.version} build-{marks.build}" if marks else UNREAD)


def _cluster(case: Case) -> Iterable[Fact]:
    view = case.cluster.view
    yield Fact("cluster.id", view.id)
    yield Fact("cluster.mode", _text(view.mode, _mode))
    yield Fact("cluster.commit", _text(view.commit, _commit))
    yield Fact("cluster.image", _text(view.image, _image))
    yield Fact("cluster.owner", _text(case.extras.owner, lambda owner: owner or "nobody"))
    listed = " ".join(sorted(h.listed.id for h in case.cluster.hosts))
    yield Fact("cluster.hosts", UNREAD if isinstance(case.scene.view.hosts, Unread) else listed)


def _hosts(case: Case) -> Iterable[Fact]:
    for host in case.cluster.hosts:
        yield from _host(host)


def _host(host: HostScene) -> Iterable[Fact]:
    name = f"host {host.name}"
    yield Fact(f"{name} base-image", _text(host.facts.base_image, _base_image))
    yield Fact(f"{name} add-on", _text(host.facts.add_on, _add_on))
    yield Fact(f"{name} components", _text(host.facts.components, _components))


def _depot(case: Case, target: DesiredImage | None) -> Iterable[Fact]:
    words = {True: "present", False: "absent", None: UNREAD}
    for item in items_of(target) if target else ():
        yield Fact(f"depot {item}", words[in_depot(item, case.depot, case.contents)])


def _mode(mode: ManagementMode) -> str:
    return mode.value


def _commit(commit: Commit) -> str:
    return f"{commit.id} of {commit.time.isoformat() if commit.time else 'an unknown time'}"


def _image(image: DesiredImage) -> str:
    return _hash([[str(layer) for layer in image.layers()], json.loads(image.spec) if image.spec else None])


def _base_image(base: BaseImage) -> str:
    return base.version.raw


def _add_on(add_on: AddOn | None) -> str:
    return f"{add_on.name} {add_on.version}" if add_on else "none"


def _components(components: tuple[Component, ...]) -> str:
    return _hash(sorted([part.name, part.version] for part in components))


def _text(reading: Reading[T], text: Callable[[T], str]) -> str:
    return UNREAD if isinstance(reading, Unread) else text(reading.value)


def _hash(data: object) -> str:
    return hashlib.sha256(json.dumps(data, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


__all__ = ["UNREAD", "facts"]
