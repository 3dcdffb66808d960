"""The objects that write, at the wire: each flow with everything it calls, held against what its verb may do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from auditor.domain.editing import ExportKind
from auditor.domain.image import HardwareSupport
from auditor.lab.vcenter.bundle import make_bundle
from auditor.lab.vcenter.depot import DesiredSoftware, LabDepot
from auditor.lab.vcenter.state import LabVCenter
from tests.vcenter.editing import NEW, NEWEST, VERSIONS, Place, fill, served
from tests.wire.judging import COMMITS, COMPUTES, DRY_RUN, EVERY, IMPORTS, READS, effect_of, forbidden

URL = "https://depot.lab.example/u3g.zip"


@pytest.fixture(params=VERSIONS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    with served(fill(LabVCenter(request.param)), tmp_path) as place:
        source = LabDepot()
        source.add_base_image(NEWEST)
        place.vcenter.web[URL] = make_bundle(DesiredSoftware(NEWEST), source)
        yield place


def look(place: Place) -> None:
    editor = place.editor(may_commit=False)
    editor.drafts(place.cluster)
    editor.image(place.cluster)
    editor.compliance(place.cluster)
    editor.newest_commit(place.cluster, "1")
    editor.extras(place.cluster)
    editor.depot()
    editor.operations(place.cluster)
    editor.close()


def dry_run(place: Place, *, commit: bool = False) -> None:
    editor = place.editor(may_commit=commit)
    draft = editor.create_draft(place.cluster)
    editor.set_base_image(place.cluster, draft, NEW)
    editor.set_add_on(place.cluster, draft, "DEL-ESXi", "803.24414501-A03")
    editor.delete_add_on(place.cluster, draft)
    editor.set_components(place.cluster, draft, {"x": "1"}, without=["x"])
    editor.set_hardware_support(place.cluster, draft, (HardwareSupport("m", "p", "1"),))
    editor.set_hardware_support(place.cluster, draft, ())
    editor.discard(place.cluster, draft)
    draft = editor.import_spec(place.cluster, f'{{"base_image": {{"version": "{NEW}"}}}}')
    assert editor.validate(place.cluster, draft).valid
    editor.scan_draft(place.cluster, draft)
    if commit:
        editor.finish_commit(editor.start_commit(place.cluster, draft, "CHG-1"))
        editor.scan(place.cluster)
    else:
        editor.discard(place.cluster, draft)
    editor.close()


def apply(place: Place) -> None:
    dry_run(place, commit=True)


def import_bundle(place: Place) -> None:
    editor = place.depot_editor()
    made = editor.finish_import(str(editor.start_pull(URL, "")))
    file = Path(place.server.certificate.cert_file).parent / "bundle.zip"
    file.write_bytes(place.vcenter.web[URL])
    editor.upload(file)
    editor.offline_depots()
    editor.brought(made.depot)
    place.vcenter.online = LabDepot()
    editor.finish_sync(editor.start_sync())
    editor.close()


def export(place: Place) -> None:
    exporter = place.exporter()
    for kind in ExportKind:
        exporter.fetch(exporter.export(place.cluster, kind), Path(place.server.certificate.cert_file).parent / kind.value)
    exporter.close()


@pytest.mark.parametrize(
    ("flow", "allowed", "needs"),
    [
        (look, READS, set()),
        (dry_run, DRY_RUN, {"draft-write", "compute"}),
        (apply, COMMITS, {"draft-write", "compute", "commit"}),
        (import_bundle, IMPORTS, {"depot-add"}),
        (export, COMPUTES, {"compute"}),
    ],
)
def test_a_flow_stays_within_its_verb_and_touches_no_host(
    place: Place, flow: Callable[[Place], None], allowed: frozenset[str], needs: set[str]
) -> None:
    place.vcenter.calls.clear()
    before = place.host_digests()
    flow(place)
    kinds = place.vcenter.calls.kinds()
    assert forbidden(kinds, allowed) == {}
    assert needs <= {effect_of(key) for key in kinds}, "the test sees what it is about"
    assert place.host_digests() == before
    assert place.host_acts() == []


def test_an_extraction_is_the_one_that_leaves_something_on_a_host(place: Place) -> None:
    editor = place.depot_editor()
    before = place.host_digests()
    editor.finish_from_host(editor.start_from_host(place.vcenter.host("prod-1.lab.example").moid))
    assert forbidden(place.vcenter.calls.kinds(), EVERY) == {}
    assert [act.partition(": ")[2].partition(" to ")[0] for act in place.host_acts()] == ["wrote a depot seed"]
    assert place.host_digests() == before, "neither bank, power nor maintenance mode"
    editor.close()
