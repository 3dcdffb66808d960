"""Drafts as the notes tell of them, by the official client: what a set minds, what a validation says, what a commit does."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from com.vmware import cis_client
from com.vmware.esx import settings_client as settings
from com.vmware.esx.settings import clusters_client
from com.vmware.esx.settings.clusters import software_client
from com.vmware.esx.settings.clusters.software.drafts import software_client as layers
from com.vmware.vapi.std import errors_client as errors

from auditor.lab.faces.server import VCenterServer
from auditor.lab.hosts.host import LabHost
from auditor.lab.hosts.images import make_image
from auditor.lab.vcenter.depot import DesiredSoftware
from auditor.lab.vcenter.faults import Fault, FaultKind
from auditor.lab.vcenter.state import USER, LabVCenter
from tests.lab_vcenter.conftest import NEW, OLD, Vapi, fill

DRAFTS = software_client.Drafts
COMMIT = "com.vmware.esx.settings.clusters.software.drafts.commit$task"
VALIDATE = "com.vmware.esx.settings.clusters.software.drafts.validate$task"
Serve = Callable[[LabVCenter], VCenterServer]


class Editing:
    """The official client at work on cluster `prod`."""

    def __init__(self, vapi: Vapi, vcenter: LabVCenter) -> None:
        self.vapi, self.vcenter = vapi, vcenter
        self.cluster = vcenter.cluster("prod").moid
        self.drafts = vapi.call(DRAFTS)

    def base_image(self, draft: str, version: str) -> None:
        self.vapi.call(layers.BaseImage).set(self.cluster, draft, settings.BaseImageSpec(version))

    def import_text(self, **spec: Any) -> str:
        source = DRAFTS.ImportSpec(source_type=DRAFTS.SourceType.JSON_STRING, software_spec=json.dumps(spec))
        return str(self.drafts.import_software_spec(self.cluster, source))

    def info(self, task: Any) -> Any:
        return self.vapi.call(cis_client.Tasks).get(task.get_task_id())

    def validation(self, draft: str) -> list[str]:
        task = self.drafts.validate_task(self.cluster, draft)
        assert self.info(task).status == "SUCCEEDED"
        return [note.message.default_message for note in task.get_result().notifications.errors or ()]

    def commit(self, draft: str, message: str | None = "raised") -> Any:
        return self.drafts.commit_task(self.cluster, draft, DRAFTS.CommitSpec(message=message))

    @property
    def own(self) -> set[str]:
        return set(self.drafts.list(self.cluster, DRAFTS.FilterSpec(owners={USER})))


@pytest.fixture
def editing(vapi: Vapi, vcenter: LabVCenter) -> Editing:
    return Editing(vapi, vcenter)


def test_a_draft_starts_as_the_image_in_force_and_a_user_has_one(editing: Editing) -> None:
    draft = editing.drafts.create(editing.cluster)
    info = editing.drafts.get(editing.cluster, draft)
    assert (info.metadata.owner, info.metadata.status, info.software.base_image.version) == (USER, "VALID", OLD)
    with pytest.raises(errors.AlreadyExists):
        editing.drafts.create(editing.cluster)
    other = editing.vcenter.add_draft("prod", owner="bob@lab.example")
    assert set(editing.drafts.list(editing.cluster)) == {draft, other.id}
    assert editing.own == {draft}
    editing.drafts.delete(editing.cluster, draft)
    with pytest.raises(errors.NotFound):
        editing.drafts.get(editing.cluster, draft)


def test_a_set_minds_nothing_and_the_validation_succeeds_with_the_error_inside(editing: Editing) -> None:
    draft = editing.drafts.create(editing.cluster)
    editing.base_image(draft, "8.0.3-0.102.25595708")
    assert editing.validation(draft) == ["The depot has no base image 8.0.3-0.102.25595708."]
    assert editing.drafts.get(editing.cluster, draft).software.base_image.details is None
    failed = editing.info(editing.commit(draft))
    assert failed.status == "FAILED"
    assert isinstance(failed.error, errors.InvalidArgument)
    data = failed.error.data.convert_to(DRAFTS.ValidateResult)
    assert len(data.notifications.errors) == 1
    assert editing.own == {draft}, "only a commit that succeeds takes the draft away"
    assert editing.vcenter.cluster("prod").desired == "1"


def test_raising_the_image_touches_no_host(editing: Editing) -> None:
    vcenter = editing.vcenter
    for host in vcenter.hosts.values():
        host.remediate(make_image(NEW))
        host.acts.clear()
    before = {name: host.state_digest() for name, host in vcenter.hosts.items()}
    stored = vcenter.cluster("prod").scan
    draft = editing.drafts.create(editing.cluster)
    editing.base_image(draft, NEW)
    assert editing.validation(draft) == []

    predicted = editing.drafts.scan_task(editing.cluster, draft).get_result()
    assert predicted.commit is None
    assert predicted.status == "COMPLIANT"
    assert vcenter.cluster("prod").scan is stored, "the stored compliance is the old one"

    task = editing.commit(draft, message=None)
    assert task.get_result() == "2"
    commit = editing.vapi.call(software_client.Commits).get(editing.cluster, "2")
    assert (commit.author, commit.description, commit.apply_status) == (USER, "", "NOT_APPLIED")
    assert editing.own == set()
    fresh = editing.vapi.call(clusters_client.Software).scan_task(editing.cluster).get_result()
    assert (fresh.commit, fresh.status) == ("2", "COMPLIANT")
    assert {name: host.state_digest() for name, host in vcenter.hosts.items()} == before
    assert not [act for host in vcenter.hosts.values() for act in host.acts]


def test_a_commit_waits_for_nobody(editing: Editing) -> None:
    draft = editing.drafts.create(editing.cluster)
    task = editing.vcenter.begin_operation("prod", seconds=60)
    with pytest.raises(errors.NotAllowedInCurrentState):
        editing.commit(draft)
    assert editing.vapi.call(cis_client.Tasks).get(task).status == "RUNNING"
    assert editing.own == {draft}


def test_a_draft_from_before_the_backup_comes_back_and_ids_are_used_again(editing: Editing) -> None:
    old = editing.vcenter.add_draft("prod", owner=USER)
    backup = editing.vcenter.backup()
    assert editing.commit(old.id).get_result() == "2"
    editing.vcenter.restore(backup)
    editing.vapi.login()
    again = Editing(editing.vapi, editing.vcenter)
    assert again.own == {old.id}
    assert again.commit(old.id).get_result() == "2"


def test_layers_one_by_one(editing: Editing) -> None:
    vapi, cluster = editing.vapi, editing.cluster
    draft = editing.drafts.create(cluster)
    add_on, components = vapi.call(layers.AddOn), vapi.call(layers.Components)
    with pytest.raises(errors.NotFound):
        add_on.get(cluster, draft)
    add_on.set(cluster, draft, settings.AddOnSpec(name="DEL-ESXi", version="702.17867351-A03"))
    components.update(cluster, draft, layers.Components.UpdateSpec(components_to_set={"one": "1.0-1", "two": "2.0-1"}))
    components.update(cluster, draft, layers.Components.UpdateSpec(components_to_delete={"one"}))
    components.set(cluster, draft, "Broadcom-ELX-lpfc", None)
    listed = components.list(cluster, draft)
    assert set(listed) == {"two", "Broadcom-ELX-lpfc"}
    assert listed["two"].version == "2.0-1"
    said = editing.validation(draft)
    assert "The depot has no add-on DEL-ESXi 702.17867351-A03." in said
    assert "The depot has no component two 2.0-1." in said
    assert any("does not support base image" in text for text in said), "the add-on is of another update release"
    add_on.delete(cluster, draft)
    components.delete(cluster, draft, "two")
    assert editing.validation(draft) == []


def test_an_imported_text_becomes_a_draft(editing: Editing) -> None:
    draft = editing.import_text(base_image={"version": NEW}, add_on=None)
    assert editing.drafts.get(editing.cluster, draft).software.base_image.version == NEW
    with pytest.raises(errors.Error):
        editing.import_text(base_image={"version": NEW})
    editing.drafts.delete(editing.cluster, draft)
    strange = editing.import_text(
        base_image={"version": NEW}, solutions={"com.vmware.nsxt": {"version": "1", "components": []}}
    )
    assert editing.validation(strange) == ["The lab does not simulate solutions of an image."]


def test_a_removed_component_is_part_of_the_image_from_8_0_3(serve: Serve) -> None:
    older = Editing(Vapi(serve(fill(LabVCenter("8.0.2")))).login(), fill(LabVCenter("8.0.2")))
    with pytest.raises(errors.Error):
        older.import_text(base_image={"version": OLD}, removed_components=["VMware-VM-Tools"])

    vcenter = fill(LabVCenter("8.0.3"))
    editing = Editing(Vapi(serve(vcenter)).login(), vcenter)
    draft = editing.import_text(base_image={"version": OLD}, removed_components=["VMware-VM-Tools"])
    removed = editing.vapi.call(layers.RemovedComponents)
    assert set(removed.list(editing.cluster, draft)) == {"VMware-VM-Tools"}
    result = editing.drafts.scan_task(editing.cluster, draft).get_result()
    host = next(iter(result.hosts.values()))
    assert set(host.removed_components) == {"VMware-VM-Tools"}
    assert (host.status, host.removed_components["VMware-VM-Tools"].target_source) == ("NON_COMPLIANT", "USER_REMOVED")
    editing.commit(draft)
    vcenter.remediate("prod")
    assert vcenter.cluster("prod").scan.status == "COMPLIANT"
    assert "tools-light" not in {vib.name for vib in vcenter.hosts["prod-1.lab.example"].running_image.vibs}
    assert set(editing.vapi.call(clusters_client.Software).get(editing.cluster).removed_components) == {"VMware-VM-Tools"}


@pytest.mark.parametrize("version", ["7.0.3", "8.0.2", "8.0.3", "9.1"])
def test_versions_differ_as_documented(serve: Serve, version: str) -> None:
    vcenter = fill(LabVCenter(version))
    editing = Editing(Vapi(serve(vcenter)).login(), vcenter)
    draft = editing.drafts.create(editing.cluster)
    named = editing.drafts.get(editing.cluster, draft).display_name is not None
    assert named is (version == "9.1")
    removed = editing.vapi.call(layers.RemovedComponents)
    if version in {"8.0.3", "9.1"}:
        assert removed.list(editing.cluster, draft) == {}
    else:
        with pytest.raises(errors.OperationNotFound):
            removed.list(editing.cluster, draft)
    metadata = editing.vapi.call(software_client.SoftwareSpecMetadata)
    if version == "9.1":
        assert metadata.get(editing.cluster).display_name == "autogen-software-spec-1"
    else:
        with pytest.raises(errors.OperationNotFound):
            metadata.get(editing.cluster)


def test_an_orchestrators_image_is_not_for_others(serve: Serve) -> None:
    vcenter = fill(LabVCenter("9.1"))
    vcenter.set_desired("prod", DesiredSoftware(OLD), orchestrator="SDDC-M")
    editing = Editing(Vapi(serve(vcenter)).login(), vcenter)
    owner = editing.vapi.call(software_client.SoftwareSpecMetadata).get(editing.cluster).orchestrator_info.owner
    assert owner == "SDDC-M"
    with pytest.raises(errors.Error, match="SDDC-M"):
        editing.commit(editing.drafts.create(editing.cluster))


def test_the_recommendation_is_made_on_request_and_dropped_by_a_commit(editing: Editing) -> None:
    recommendations = editing.vapi.call(software_client.Recommendations)
    with pytest.raises(errors.NotFound):
        recommendations.get(editing.cluster)
    recommendations.generate_task(editing.cluster)
    found = recommendations.get(editing.cluster)
    assert found.latest_recommendation.base_image.version == NEW
    mine = editing.drafts.create(editing.cluster)
    source = DRAFTS.ImportSpec(source_type=DRAFTS.SourceType.LATEST_RECOMMENDATION)
    draft = editing.drafts.import_software_spec(editing.cluster, source)
    assert editing.own == {draft}, f"draft {mine} was overwritten"
    editing.commit(draft)
    with pytest.raises(errors.NotFound):
        recommendations.get(editing.cluster)


class TestFaults:
    def test_a_validation_that_finds_something(self, editing: Editing) -> None:
        draft = editing.drafts.create(editing.cluster)
        editing.vcenter.faults.add(Fault(VALIDATE, FaultKind.INVALID, times=1))
        assert editing.validation(draft) == ["Planned fault: the image is not valid."]
        assert editing.validation(draft) == []

    def test_a_task_that_fails(self, editing: Editing) -> None:
        draft = editing.drafts.create(editing.cluster)
        editing.vcenter.faults.add(Fault(COMMIT, FaultKind.FAIL, error="NotAllowedInCurrentState", times=1))
        failed = editing.info(editing.commit(draft))
        assert failed.status == "FAILED"
        assert isinstance(failed.error, errors.NotAllowedInCurrentState)
        assert editing.vcenter.cluster("prod").desired == "1"

    def test_a_lost_answer_is_to_something_that_was_done(self, editing: Editing) -> None:
        draft = editing.drafts.create(editing.cluster)
        editing.vcenter.faults.add(Fault(COMMIT, FaultKind.LOSE, times=1))
        with pytest.raises(Exception, match="Connection aborted"):
            editing.commit(draft)
        assert editing.vcenter.cluster("prod").desired == "2"
        assert editing.own == set()

    def test_a_restart_loses_sessions_and_tasks_and_does_nothing(self, editing: Editing) -> None:
        draft = editing.drafts.create(editing.cluster)
        task = editing.drafts.validate_task(editing.cluster, draft).get_task_id()
        editing.vcenter.faults.add(Fault(COMMIT, FaultKind.RESTART, times=1))
        with pytest.raises(Exception, match="503"):
            editing.commit(draft)
        with pytest.raises(errors.Unauthenticated):
            editing.drafts.list(editing.cluster)
        editing.vapi.login()
        with pytest.raises(errors.NotFound):
            editing.vapi.call(cis_client.Tasks).get(task)
        assert set(editing.vcenter.database.drafts) == {draft}
        assert editing.vcenter.cluster("prod").desired == "1"

    def test_the_depot_changes_under_our_feet(self, editing: Editing) -> None:
        draft = editing.import_text(base_image={"version": NEW})
        assert editing.validation(draft) == []
        editing.vcenter.faults.add(Fault(COMMIT, FaultKind.FORGET, item=NEW))
        assert editing.info(editing.commit(draft)).status == "FAILED"

    def test_a_task_shows_its_progress(self, editing: Editing) -> None:
        editing.vcenter.tasks.duration = timedelta(hours=2)
        started = editing.vcenter.clock() - timedelta(hours=1)
        task = editing.vapi.call(clusters_client.Software).scan_task(editing.cluster)
        found = editing.vcenter.tasks.find(task.get_task_id())
        found.started, found.ends = started, started + timedelta(hours=2)
        info = editing.info(task)
        assert info.status == "RUNNING"
        assert 45 <= info.progress.completed <= 55


def test_calls_are_written_down_also_the_refused_ones(editing: Editing, soap: Any) -> None:
    vcenter = editing.vcenter
    vcenter.calls.clear()
    with pytest.raises(errors.NotFound):
        editing.drafts.get(editing.cluster, "99")
    host = soap.content.rootFolder.childEntity[0].hostFolder.childEntity[0].host[0]
    with pytest.raises(Exception, match="not supported"):
        host.EnterLockdownMode()
    kinds = vcenter.calls.kinds()
    assert ("vapi", "com.vmware.esx.settings.clusters.software.drafts", "get") in kinds
    assert ("soap", "HostSystem", "EnterLockdownMode") in kinds


def test_hosts_remember_what_was_done_to_them() -> None:
    host = LabHost("one.lab.example", make_image(OLD))
    digest = host.state_digest()
    assert host.acts == []
    host.maintenance = True
    host.remediate(make_image(NEW))
    assert [act.what for act in host.acts] == [
        "entered maintenance mode",
        f"wrote {NEW} to the other bank",
        "went down",
        "booted",
    ]
    assert host.state_digest() != digest
