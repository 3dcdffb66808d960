"""Edits of a draft, expectations of a scan, marks of hosts: pure rules."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from auditor.domain.editing import HostActivity, VlcmTask
from auditor.domain.image import AddOn, DesiredImage, HardwareSupport, Solution
from auditor.domain.observation import ClusterVerdict, Connection, HostVerdict, InventoryHost
from auditor.domain.proposal.edits import differences, edits, exact, fingerprint, same_solutions
from auditor.domain.proposal.expect import (
    away,
    host_tasks,
    host_work,
    marks,
    results,
    surprises,
    touched,
    unproven,
)
from auditor.domain.proposal.values import Candidate, CandidateKind, Forecast, HostForecast
from tests.domain.estates import NEW, NOW, OLD, ago, base, image

HA = Solution("com.vmware.vsphere-ha", "8.0.3-1")
names = st.sampled_from(["one", "two", "three"])
images = st.builds(
    DesiredImage,
    base_image=st.sampled_from([base(OLD), base(NEW)]),
    add_on=st.sampled_from([None, AddOn("DEL", "1"), AddOn("DEL", "2"), AddOn("HPE", "1")]),
    components=st.dictionaries(names, st.sampled_from(["1.0", "2.0"])),
    removed_components=st.frozensets(names).map(sorted).map(tuple),
    solutions=st.sampled_from([(), (HA,)]),
)


@given(images, images)
def test_edits_make_the_target_of_the_draft(draft: DesiredImage, target: DesiredImage) -> None:
    todo = edits(draft, target)
    assert todo is not None
    components = {**draft.components, **todo.components}
    made = replace(
        draft,
        base_image=base(todo.base_image) if todo.base_image else draft.base_image,
        add_on=todo.add_on if todo.set_add_on else draft.add_on,
        components={name: version for name, version in components.items() if name not in todo.without},
        removed_components=tuple(sorted({*draft.removed_components, *todo.remove} - {*todo.restore})),
    )
    assert differences(made, target) == ()
    assert fingerprint(made) == fingerprint(target)
    assert made.solutions == draft.solutions
    assert (differences(draft, target) == ()) == (fingerprint(draft) == fingerprint(target))


def test_what_no_call_sets_is_imported_as_a_whole() -> None:
    plain = image(OLD)
    assert edits(plain, replace(plain, components={"one": None})) is None
    assert edits(replace(plain, components={"one": None}), replace(plain, components={"one": None})) is not None
    assert differences(replace(plain, components={"one": "2.0"}), replace(plain, components={"one": None})) == ()


def test_the_base_image_of_a_composite_image_is_set_and_its_parts_stay() -> None:
    def composite(version: str, add_on: str = "1") -> DesiredImage:
        part = {"base_image": {"version": version}, "add_on": {"name": "DEL", "version": add_on}, "display_name": "blades"}
        spec = json.dumps({"base_image": {"version": version}, "alternative_images": {"a": part}})
        return image(version, alternatives=("blades",), spec=spec)

    todo = edits(composite(OLD), composite(NEW))
    assert todo is not None
    assert todo.base_image == NEW
    assert todo.parts == {}
    assert edits(composite(OLD), image(NEW)) is None


def test_firmware_is_set_like_any_layer() -> None:
    plain, packages = image(OLD), (HardwareSupport("m", "p", "1"),)
    todo = edits(plain, replace(plain, hardware_support=packages))
    assert todo is not None
    assert (todo.set_packages, todo.packages) == (True, packages)
    gone = edits(replace(plain, hardware_support=packages), plain)
    assert gone is not None
    assert (gone.set_packages, gone.packages) == (True, ())


def test_the_layers_of_an_alternative_image_are_set_by_its_id_as_vcenter_writes_it() -> None:
    def composite(add_on: str, component: str | None = "1", host: str = "u") -> DesiredImage:
        criteria = {"selection_type": "HOST_UUID", "host_uuids": [host]}
        own = {"add_on": {"name": "DEL", "version": add_on}, "components": {"x": component}, "selection_criteria": criteria}
        spec = json.dumps({"base_image": {"version": OLD}, "alternative_images": {"Blades": own, "other": {}}})
        return image(OLD, alternatives=("b", "o"), spec=spec)

    todo = edits(composite("1"), composite("2", "3"))
    assert todo is not None
    assert set(todo.parts) == {"Blades"}
    own = todo.parts["Blades"]
    assert (own.add_on, own.components, own.base_image) == (AddOn("DEL", "2"), {"x": "3"}, "")
    assert not todo.set_add_on
    assert edits(composite("1"), composite("1", None)) is None, "vLCM is to pick the version: only an import says that"
    assert edits(composite("1"), composite("1", host="v")) is None, "other hosts get it"


def test_solutions_are_told_apart() -> None:
    assert same_solutions(image(OLD, solutions=(HA,)), image(NEW, solutions=(HA,)))
    assert not same_solutions(image(OLD, solutions=(HA,)), image(OLD))


def test_what_an_alternative_image_holds_is_told_apart() -> None:
    def composite(version: str, add_on: str = "1", own: str = "") -> DesiredImage:
        part = {"base_image": {"version": own or version}, "add_on": {"name": "DEL", "version": add_on}}
        spec = json.dumps({"base_image": {"version": version}, "alternative_images": {"a": part}})
        return image(version, alternatives=("blades",), spec=spec)

    assert differences(composite(NEW), composite(NEW)) == ()
    assert differences(composite(NEW, "2"), composite(NEW)) == ("alternative images",)
    assert differences(composite(NEW, own=OLD), composite(NEW)) == ("alternative images",)
    assert exact(composite(NEW)) == exact(composite(NEW))
    assert exact(composite(NEW, "2")) != exact(composite(NEW))
    assert exact(image(NEW, solutions=(HA,))) != exact(image(NEW))


def candidate(kind: CandidateKind = CandidateKind.UNIFORM, **forecasts: Forecast) -> Candidate:
    rows = tuple(HostForecast(name, f"id-{name}", forecast) for name, forecast in forecasts.items())
    return Candidate(kind, "title", image(NEW), forecast=rows)


def verdict(unavailable: tuple[str, ...] = (), **said: str) -> ClusterVerdict:
    return ClusterVerdict(
        "COMPLIANT", NOW, hosts=tuple(HostVerdict(f"id-{n}", s) for n, s in said.items()), unavailable_hosts=unavailable
    )


def test_a_scan_is_as_predicted_or_the_host_is_named() -> None:
    wanted = candidate(a=Forecast.COMPLIANT, b=Forecast.NON_COMPLIANT, c=Forecast.UNKNOWN)
    assert surprises(results(wanted, verdict(a="COMPLIANT", b="NON_COMPLIANT", c="NON_COMPLIANT"), ())) == ()
    found = surprises(results(wanted, verdict(a="NON_COMPLIANT", b="COMPLIANT", c="INCOMPATIBLE", d="COMPLIANT"), ()))
    assert found == (
        "a: expected COMPLIANT, the scan says NON_COMPLIANT",
        "b: expected NON_COMPLIANT, the scan says COMPLIANT",
        "c: expected UNKNOWN, the scan says INCOMPATIBLE",
        "id-d: expected not in the cluster, the scan says COMPLIANT",
    )
    assert surprises(results(wanted, verdict(("id-a",), b="NON_COMPLIANT"), ())) == (
        "a: expected COMPLIANT, the scan says UNAVAILABLE",
        "c: expected UNKNOWN, the scan says nothing",
    )


def test_a_host_that_is_not_connected_is_expected_to_be_unavailable() -> None:
    wanted = candidate(a=Forecast.COMPLIANT)
    assert surprises(results(wanted, verdict(("id-a",)), ("id-a",))) == ()
    assert surprises(results(wanted, verdict(a="COMPLIANT"), ("id-a",))) == (), "it came back"
    assert surprises(results(wanted, verdict(a="INCOMPATIBLE"), ("id-a",))) != ()


def test_only_undoing_may_end_incompatible() -> None:
    for kind, fits in ((CandidateKind.INVERSE, True), (CandidateKind.UNIFORM, False)):
        found = results(candidate(kind, a=Forecast.UNKNOWN), verdict(a="INCOMPATIBLE"), ())
        assert (surprises(found) == ()) == fits


def host(name: str = "a", **more: object) -> InventoryHost:
    values: dict[str, object] = {"boot_time": ago(5), "in_maintenance_mode": False, "reboot_required": False, **more}
    return InventoryHost(f"id-{name}", name, "c", **values)  # type: ignore[arg-type]


def test_marks_tell_what_was_done_to_a_host() -> None:
    before = marks([host()])
    assert touched(before, marks([host()])) == ()
    for change, said in (
        ({"boot_time": ago(1)}, "a was restarted"),
        ({"in_maintenance_mode": True}, "a entered maintenance mode"),
        ({"reboot_required": True}, "reboot required was False, is True"),
        ({"connection": Connection.NOT_RESPONDING.value}, "a is notResponding now"),
    ):
        [text] = touched(before, marks([host(**change)]))
        assert said in text
    assert touched(before, {}) == ("a is not in the cluster any more",)


def test_a_host_vcenter_was_not_connected_to_proves_nothing() -> None:
    gone = host(connection=Connection.DISCONNECTED.value)
    before = marks([gone])
    assert touched(before, marks([host(boot_time=ago(1))])) == (), "it came back; what was shown before was old"
    assert unproven(before, marks([host()])) == ("a",)
    assert away([gone, host("b")]) == {"id-a"}


def test_tasks_on_hosts_since_then() -> None:
    work = VlcmTask("1", "s", "apply$task", "c", "RUNNING", effect="touches-hosts", user="carol", started=NOW)
    assert host_work([work, replace(work, effect="compute")], NOW) == ("apply$task by carol at 12:00:00 UTC (RUNNING)",)
    assert host_work([work], NOW + timedelta(seconds=1)) == ()
    seen = HostActivity("t", "id-a", "HostSystem.enterMaintenanceMode", "carol", NOW)
    assert host_tasks([seen, replace(seen, what="HostSystem.queryTpm")], NOW, {"id-a": "a"}) == (
        "HostSystem.enterMaintenanceMode on a by carol at 12:00:00 UTC",
    )
    assert host_tasks([seen], NOW + timedelta(seconds=1), {}) == ()
