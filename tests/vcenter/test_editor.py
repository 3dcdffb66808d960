"""The editor against the simulated vCenter in every version it plays, and through everything that can go wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from com.vmware.cis_client import Session
from com.vmware.esx.settings.clusters.software_client import Drafts
from hypothesis import given
from hypothesis import strategies as st

from auditor.domain.editing import InvalidImageError
from auditor.domain.observation import Read, Reason, Unread
from auditor.errors import (
    AbsentError,
    AuditorError,
    BusyError,
    ConnectError,
    DeadlineError,
    DeniedError,
    ExistsError,
    FailedError,
    InDoubtError,
    InputError,
    RefusedError,
    SessionEndedError,
)
from auditor.lab.vcenter.depot import DesiredSoftware
from auditor.lab.vcenter.faults import Fault, FaultKind
from auditor.lab.vcenter.state import USER, LabVCenter
from auditor.vcenter.editor import VCenterImageEditor, same_account
from auditor.vcenter.tasks import Patience
from tests.vcenter.editing import ADD_ON, NEW, NEWEST, OLD, VERSIONS, Place, fill, served

if TYPE_CHECKING:
    from auditor.ports import ImageEditor

DRAFTS = "com.vmware.esx.settings.clusters.software.drafts"
TASKS = "com.vmware.cis.tasks.get"
MESSAGE = "CHG-1: raise to what the hosts run (proposal 1a2b)"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with served(fill(LabVCenter("8.0.3")), tmp_path) as place:
        yield place


@pytest.fixture
def editor(place: Place) -> Iterator[VCenterImageEditor]:
    editor = place.editor()
    yield editor
    editor.close()


@pytest.mark.parametrize("version", VERSIONS)
def test_the_whole_way_touches_no_host(tmp_path: Path, version: str) -> None:
    with served(fill(LabVCenter(version)), tmp_path) as place:
        editor: ImageEditor = place.editor()
        before = place.host_digests()
        assert {verdict.status for verdict in editor.compliance(place.cluster).hosts} == {"INCOMPATIBLE"}
        draft = editor.create_draft(place.cluster)
        assert (draft.owner, draft.own) == (USER, True)
        editor.set_base_image(place.cluster, draft, NEW)
        assert editor.validate(place.cluster, draft).valid
        predicted = editor.scan_draft(place.cluster, draft)
        assert (predicted.commit, predicted.status) == ("", "COMPLIANT")
        heard: list[tuple[int, str]] = []
        commit = editor.finish_commit(editor.start_commit(place.cluster, draft, MESSAGE), lambda p, n: heard.append((p, n)))
        assert heard[-1][0] == 100
        info = editor.commit_info(place.cluster, commit)
        assert (info.id, info.author, info.description) == ("2", USER, MESSAGE)
        assert editor.newest_commit(place.cluster, "1") == info
        image = editor.image(place.cluster)
        assert image.base_image is not None
        assert image.base_image.version.raw == NEW
        assert editor.drafts(place.cluster) == ()
        fresh = editor.scan(place.cluster)
        assert (fresh.commit, fresh.status) == (commit, "COMPLIANT")
        done = editor.operations(place.cluster)
        assert [task.operation for task in done] == ["validate$task", "scan$task", "commit$task", "scan$task"]
        assert not any(task.running or task.touches_hosts for task in done)
        editor.close()
        assert place.host_digests() == before
        assert place.host_acts() == []


@pytest.mark.parametrize("version", VERSIONS)
def test_what_depends_on_the_version(tmp_path: Path, version: str) -> None:
    with served(fill(LabVCenter(version)), tmp_path) as place:
        editor = place.editor()
        owner = editor.extras(place.cluster).owner
        if version == "9.1":
            assert owner == Read(None)
            place.vcenter.set_desired("prod", DesiredSoftware(OLD), orchestrator="SDDC-M")
            assert editor.extras(place.cluster).owner == Read("SDDC-M")
        else:
            assert isinstance(owner, Unread)
            assert owner.reason is Reason.NOT_SUPPORTED
        draft = editor.create_draft(place.cluster)
        if version in {"8.0.3", "9.1"}:
            editor.set_removed_component(place.cluster, draft, "VMware-VM-Tools")
            assert editor.draft_image(place.cluster, draft).removed_components == ("VMware-VM-Tools",)
            editor.delete_removed_component(place.cluster, draft, "VMware-VM-Tools")
        else:
            with pytest.raises(RefusedError, match="not in this vCenter"):
                editor.set_removed_component(place.cluster, draft, "VMware-VM-Tools")
        assert editor.draft_image(place.cluster, draft).removed_components == ()
        editor.close()


def test_layers(place: Place, editor: VCenterImageEditor) -> None:
    draft = editor.create_draft(place.cluster)
    editor.set_add_on(place.cluster, draft, *ADD_ON)
    editor.set_components(place.cluster, draft, {"one": "1.0-1", "two": "2.0-1"})
    editor.set_components(place.cluster, draft, {}, without={"two"})
    image = editor.draft_image(place.cluster, draft)
    assert image.add_on is not None
    assert ((image.add_on.name, image.add_on.version), image.add_on.in_depot) == (ADD_ON, False)
    assert dict(image.components) == {"one": "1.0-1"}
    found = editor.validate(place.cluster, draft)
    assert len(found.errors) == 2
    assert {notice.severity for notice in found.errors} == {"ERROR"}
    assert all(notice.id for notice in found.errors)
    editor.delete_add_on(place.cluster, draft)
    editor.set_components(place.cluster, draft, {}, without={"one"})
    assert editor.validate(place.cluster, draft).valid


def test_a_specification_is_imported_without_its_solutions(place: Place, editor: VCenterImageEditor) -> None:
    spec = {"base_image": {"version": NEW}, "solutions": {"com.vmware.ha": {"version": "1", "components": []}}}
    draft = editor.import_spec(place.cluster, json.dumps(spec))
    image = editor.draft_image(place.cluster, draft)
    assert image.base_image is not None
    assert image.base_image.version.raw == NEW
    assert editor.validate(place.cluster, draft).valid
    with pytest.raises(InputError, match="not a specification"):
        editor.import_spec(place.cluster, "[]")


def test_a_dry_editor_cannot_commit(place: Place) -> None:
    editor = place.editor(may_commit=False)
    draft = editor.create_draft(place.cluster)
    place.vcenter.calls.clear()
    with pytest.raises(RefusedError, match="not on this route's list"):
        editor.start_commit(place.cluster, draft, MESSAGE)
    assert ("vapi", DRAFTS, "commit$task") not in place.vcenter.calls.kinds()
    assert editor.discard(place.cluster, draft)
    assert not editor.discard(place.cluster, draft), "it is gone already"
    editor.close()


class TestDraftsOfOthers:
    def test_they_are_listed_and_left_alone(self, place: Place, editor: VCenterImageEditor) -> None:
        foreign = place.vcenter.add_draft("prod", DesiredSoftware(NEWEST), owner="LAB\\bob")
        (seen,) = editor.drafts(place.cluster)
        assert (seen.id, seen.owner, seen.own, seen.status) == (foreign.id, "LAB\\bob", False, "INVALID")
        place.vcenter.calls.clear()
        for act in (
            lambda: editor.set_base_image(place.cluster, seen, NEW),
            lambda: editor.discard(place.cluster, seen),
            lambda: editor.start_commit(place.cluster, seen, MESSAGE),
        ):
            with pytest.raises(RefusedError, match="bob"):
                act()
        assert place.vcenter.database.drafts[foreign.id] == foreign
        assert not {operation for _, _, operation in place.vcenter.calls.kinds()} & {"set", "delete", "commit$task"}
        mine = editor.create_draft(place.cluster)
        assert [draft.own for draft in editor.drafts(place.cluster)] == [False, True]
        assert editor.discard(place.cluster, mine)

    def test_one_of_our_account_that_we_did_not_make(self, place: Place, editor: VCenterImageEditor) -> None:
        old = place.vcenter.add_draft("prod", owner=USER.upper())
        for make in (
            lambda: editor.create_draft(place.cluster),
            lambda: editor.import_spec(place.cluster, json.dumps({"base_image": {"version": NEW}})),
        ):
            with pytest.raises(ExistsError, match=f"draft {old.id}"):
                make()
        assert list(place.vcenter.database.drafts) == [old.id]

    def test_an_id_used_again_after_a_restore_is_another_draft(self, place: Place, editor: VCenterImageEditor) -> None:
        backup = place.vcenter.backup()
        mine = editor.create_draft(place.cluster)
        place.vcenter.restore(backup)
        again = place.vcenter.add_draft("prod", owner=USER)
        assert again.id == mine.id
        with pytest.raises(RefusedError, match="another one"):
            editor.discard(place.cluster, mine)
        assert again.id in place.vcenter.database.drafts

    def test_vcenter_says_that_there_is_one_after_we_looked(self, place: Place, editor: VCenterImageEditor) -> None:
        place.vcenter.faults.add(Fault(f"{DRAFTS}.create", FaultKind.ERROR, error="AlreadyExists"))
        with pytest.raises(ExistsError):
            editor.create_draft(place.cluster)


class TestRefusedCommits:
    @pytest.fixture
    def ready(self, place: Place, editor: VCenterImageEditor) -> object:
        draft = editor.create_draft(place.cluster)
        editor.set_base_image(place.cluster, draft, NEW)
        return draft

    def check(self, place: Place) -> None:
        assert place.vcenter.cluster("prod").desired == "1"
        assert len(place.vcenter.database.drafts) == 1
        assert place.host_acts() == []

    def test_another_operation_runs(self, place: Place, editor: VCenterImageEditor, ready: object) -> None:
        task = place.vcenter.begin_operation("prod", seconds=0.3)
        running = [each for each in editor.operations(place.cluster) if each.running]
        assert [(each.id, each.operation, each.user) for each in running] == [(task, "apply$task", "carol@lab.example")]
        assert (running[0].effect, running[0].touches_hosts) == ("touches-hosts", True)
        with pytest.raises(BusyError, match="Another operation"):
            editor.start_commit(place.cluster, ready, MESSAGE)
        self.check(place)

    @pytest.mark.parametrize("at_once", [False, True])
    def test_the_validation_says_no(self, place: Place, editor: VCenterImageEditor, ready: object, at_once: bool) -> None:
        place.vcenter.refuse_at_once = at_once
        place.vcenter.faults.add(Fault(f"{DRAFTS}.commit$task", FaultKind.INVALID))
        with pytest.raises(InvalidImageError) as raised:
            editor.finish_commit(editor.start_commit(place.cluster, ready, MESSAGE))
        assert [notice.text for notice in raised.value.validation.errors] == ["Planned fault: the image is not valid."]
        self.check(place)

    def test_the_depot_lost_it_in_between(self, place: Place, editor: VCenterImageEditor, ready: object) -> None:
        assert editor.validate(place.cluster, ready).valid
        place.vcenter.faults.add(Fault(f"{DRAFTS}.commit$task", FaultKind.FORGET, item=NEW))
        with pytest.raises(InvalidImageError, match=NEW):
            editor.finish_commit(editor.start_commit(place.cluster, ready, MESSAGE))
        self.check(place)

    @pytest.mark.parametrize(
        ("error", "meaning"),
        [("NotAllowedInCurrentState", BusyError), ("Error", FailedError), ("Unauthorized", DeniedError)],
    )
    def test_its_task_fails(
        self, place: Place, editor: VCenterImageEditor, ready: object, error: str, meaning: type[AuditorError]
    ) -> None:
        place.vcenter.faults.add(Fault(f"{DRAFTS}.commit$task", FaultKind.FAIL, error=error))
        with pytest.raises(meaning):
            editor.finish_commit(editor.start_commit(place.cluster, ready, MESSAGE))
        self.check(place)

    def test_the_session_ended_between_scan_and_commit(self, place: Place, editor: VCenterImageEditor, ready: object) -> None:
        editor.scan_draft(place.cluster, ready)
        place.vcenter.faults.add(Fault(f"{DRAFTS}.commit$task", FaultKind.EXPIRE, times=1))
        with pytest.raises(SessionEndedError, match="nothing was done"):
            editor.start_commit(place.cluster, ready, MESSAGE)
        self.check(place)
        assert editor.drafts(place.cluster) == (ready,), "looking again logs in again"
        assert editor.finish_commit(editor.start_commit(place.cluster, ready, MESSAGE)) == "2"

    def test_no_right_to_write(self, place: Place, editor: VCenterImageEditor, ready: object) -> None:
        place.vcenter.faults.add(Fault(f"{DRAFTS}.commit$task", FaultKind.ERROR, error="Unauthorized"))
        with pytest.raises(DeniedError, match=r"VcIntegrity\.lifecycleSoftwareSpecification\.Write"):
            editor.start_commit(place.cluster, ready, MESSAGE)
        self.check(place)


class TestInDoubt:
    def test_a_lost_answer_to_a_commit(self, place: Place, editor: VCenterImageEditor) -> None:
        draft = editor.create_draft(place.cluster)
        place.vcenter.faults.add(Fault(f"{DRAFTS}.commit$task", FaultKind.LOSE, times=1))
        place.vcenter.calls.clear()
        with pytest.raises(InDoubtError, match="not known"):
            editor.start_commit(place.cluster, draft, MESSAGE)
        sent = [call for call in place.vcenter.calls.all() if call.operation == "commit$task"]
        assert len(sent) == 1, "a write is never repeated"
        assert editor.drafts(place.cluster) == ()
        newest = editor.newest_commit(place.cluster, "1")
        assert newest is not None
        assert (newest.id, newest.description) == ("2", MESSAGE)

    def test_a_lost_answer_to_a_draft(self, place: Place, editor: VCenterImageEditor) -> None:
        place.vcenter.faults.add(Fault(f"{DRAFTS}.create", FaultKind.LOSE, times=1))
        with pytest.raises(InDoubtError):
            editor.create_draft(place.cluster)
        (made,) = editor.drafts(place.cluster)
        assert made.own
        assert editor.discard(place.cluster, made)

    def test_a_draft_that_cannot_be_read_back(self, place: Place, editor: VCenterImageEditor) -> None:
        assert editor.drafts(place.cluster) == ()
        place.vcenter.faults.add(Fault(f"{DRAFTS}.list", FaultKind.ERROR, error="Unauthorized", times=1))
        with pytest.raises(InDoubtError, match="draft 1 was made"):
            editor._listed(place.cluster, str(editor._write(Drafts, "create", cluster=place.cluster)))
        assert [draft.id for draft in editor.drafts(place.cluster)] == ["1"]

    @pytest.mark.parametrize("operation", ["create", "import_software_spec"])
    def test_vcenter_restarts(self, place: Place, editor: VCenterImageEditor, operation: str) -> None:
        place.vcenter.faults.add(Fault(f"{DRAFTS}.{operation}", FaultKind.RESTART, seconds=60, times=1))
        spec = json.dumps({"base_image": {"version": NEW}})
        make = {
            "create": lambda: editor.create_draft(place.cluster),
            "import_software_spec": lambda: editor.import_spec(place.cluster, spec),
        }[operation]
        with pytest.raises(InDoubtError, match="503"):
            make()
        with pytest.raises(ConnectError, match="503"):
            editor.drafts(place.cluster)
        place.vcenter.restart(0)  # it is up again
        assert editor.drafts(place.cluster) == ()

    def test_an_internal_error_may_come_from_the_middle(self, place: Place, editor: VCenterImageEditor) -> None:
        place.vcenter.faults.add(Fault(f"{DRAFTS}.create", FaultKind.ERROR, error="InternalServerError"))
        with pytest.raises(InDoubtError):
            editor.create_draft(place.cluster)

    def test_a_login_that_fails_sent_nothing_else(self, place: Place) -> None:
        editor = place.editor()
        place.vcenter.starting = True
        with pytest.raises(ConnectError, match="503") as raised:
            editor._write(Drafts, "create", cluster=place.cluster)
        assert not isinstance(raised.value, InDoubtError)
        place.vcenter.starting = False
        assert editor.create_draft(place.cluster).own
        editor.close()

    def test_where_nothing_listens_nothing_was_sent(self, place: Place) -> None:
        editor = place.editor()
        assert editor.drafts(place.cluster) == ()
        place.server.stop()
        with pytest.raises(ConnectError) as raised:
            editor._write(Session, "get")
        assert not isinstance(raised.value, InDoubtError)
        editor.close()


class TestWaiting:
    def test_a_stuck_task_is_given_up_and_can_be_waited_for_again(self, place: Place) -> None:
        editor = place.editor(patience=Patience(task=0.3, first=0.02, longest=0.05, absence=1))
        draft = editor.create_draft(place.cluster)
        place.vcenter.faults.add(Fault(f"{DRAFTS}.commit$task", FaultKind.STUCK, times=1))
        heard: list[int] = []
        task = editor.start_commit(place.cluster, draft, MESSAGE)
        with pytest.raises(DeadlineError, match="still RUNNING"):
            editor.finish_commit(task, lambda percent, _: heard.append(percent))
        assert set(heard) == {10}
        assert [each.id for each in editor.operations(place.cluster) if each.running] == [task]
        found = place.vcenter.tasks.find(task)
        assert found is not None
        found.ends, found.result = place.vcenter.clock(), "7"
        other = place.editor()
        assert other.finish_commit(task) == "7"
        editor.close()
        other.close()

    def test_progress_is_told(self, place: Place, editor: VCenterImageEditor) -> None:
        place.vcenter.tasks.duration = timedelta(seconds=0.4)
        heard: list[int] = []
        editor.scan(place.cluster, lambda percent, _: heard.append(percent))
        assert heard == sorted(heard)
        assert heard[-1] == 100
        assert any(0 < percent < 100 for percent in heard)

    def test_a_restart_while_waiting_loses_the_task(self, place: Place, editor: VCenterImageEditor) -> None:
        draft = editor.create_draft(place.cluster)
        task = editor.start_commit(place.cluster, draft, MESSAGE)
        place.vcenter.faults.add(Fault(TASKS, FaultKind.RESTART, seconds=0.3, times=1))
        with pytest.raises(AbsentError, match="restarted or restored"):
            editor.finish_commit(task)
        newest = editor.newest_commit(place.cluster, "1")
        assert newest is not None
        assert newest.description == MESSAGE

    def test_a_vcenter_that_stays_away(self, place: Place) -> None:
        editor = place.editor(patience=Patience(task=5, first=0.02, longest=0.1, absence=0.3))
        draft = editor.create_draft(place.cluster)
        task = editor.start_commit(place.cluster, draft, MESSAGE)
        place.vcenter.starting = True
        with pytest.raises(InDoubtError, match="what became of task"):
            editor.finish_commit(task)
        place.vcenter.starting = False
        assert editor.finish_commit(task) == "2"
        editor.close()

    def test_a_lost_poll_is_asked_again(self, place: Place, editor: VCenterImageEditor) -> None:
        place.vcenter.faults.add(Fault(TASKS, FaultKind.LOSE, times=2))
        assert editor.scan(place.cluster).status == "INCOMPATIBLE"

    def test_a_session_that_ends_while_waiting_is_renewed(self, place: Place, editor: VCenterImageEditor) -> None:
        place.vcenter.faults.add(Fault(TASKS, FaultKind.EXPIRE, times=1))
        assert editor.scan(place.cluster).status == "INCOMPATIBLE"

    def test_a_scan_that_fails(self, place: Place, editor: VCenterImageEditor) -> None:
        place.vcenter.faults.add(Fault("*.software.scan$task", FaultKind.FAIL, error="Error"))
        with pytest.raises(FailedError, match="failed"):
            editor.scan(place.cluster)


def test_the_recommendation_is_read(place: Place, editor: VCenterImageEditor) -> None:
    assert editor.extras(place.cluster).recommendations == Read(())


def test_a_wrong_password_is_tried_once(place: Place) -> None:
    editor = VCenterImageEditor(place.settings(), lambda: "wrong", may_commit=True)
    before = place.vcenter.database.last_event
    for _ in range(3):
        with pytest.raises(DeniedError):
            editor.drafts(place.cluster)
    assert place.vcenter.database.last_event == before + 1
    assert "wrong" not in repr(editor)
    editor.close()


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Administrator@VSPHERE.LOCAL", "administrator@vsphere.local", True),
        ("VSPHERE.LOCAL\\Administrator", "administrator@vsphere.local", True),
        ("bob@vsphere.local", "administrator@vsphere.local", False),
        ("administrator@other.local", "administrator@vsphere.local", False),
        ("administrator", "administrator@vsphere.local", False),
        ("", "", False),
    ],
)
def test_accounts_are_compared_in_every_spelling(one: str, other: str, same: bool) -> None:
    assert same_account(one, other) is same


@given(st.from_regex(r"[a-z]{1,8}", fullmatch=True), st.from_regex(r"[a-z.]{1,8}", fullmatch=True))
def test_the_two_spellings_are_one_account(name: str, domain: str) -> None:
    assert same_account(f"{name}@{domain}".upper(), f"{domain}\\{name}")
    assert not same_account(f"{name}@{domain}", f"{name}x@{domain}")
