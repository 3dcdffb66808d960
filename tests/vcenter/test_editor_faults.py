"""The editor through what can go wrong: refused commits, lost answers, restarts, tasks that do not end."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from com.vmware.cis_client import Session
from com.vmware.esx.settings.clusters.software_client import Drafts

from auditor.domain.editing import InvalidImageError
from auditor.errors import (
    AbsentError,
    AuditorError,
    BusyError,
    ConnectError,
    DeadlineError,
    DeniedError,
    FailedError,
    InDoubtError,
    SessionEndedError,
)
from auditor.lab.vcenter.faults import Fault, FaultKind
from auditor.vcenter.editor import VCenterImageEditor
from auditor.vcenter.tasks import Patience
from tests.vcenter.editing import NEW, Place

if TYPE_CHECKING:
    pass

DRAFTS = "com.vmware.esx.settings.clusters.software.drafts"
TASKS = "com.vmware.cis.tasks.get"
MESSAGE = "CHG-1: raise to what the hosts run (proposal 1a2b)"


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
