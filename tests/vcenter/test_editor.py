"""The editor against the simulated vCenter in every version it plays, and drafts of others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.domain.observation import Read, Reason, Unread
from auditor.errors import (
    DeniedError,
    ExistsError,
    InputError,
    RefusedError,
)
from auditor.lab.vcenter.depot import DesiredSoftware
from auditor.lab.vcenter.faults import Fault, FaultKind
from auditor.lab.vcenter.state import USER, LabVCenter
from auditor.vcenter.editor import VCenterImageEditor, same_account
from tests.vcenter.editing import ADD_ON, NEW, NEWEST, OLD, VERSIONS, Place, fill, served

if TYPE_CHECKING:
    from auditor.ports import ImageEditor

DRAFTS = "com.vmware.esx.settings.clusters.software.drafts"
TASKS = "com.vmware.cis.tasks.get"
MESSAGE = "CHG-1: raise to what the hosts run (proposal 1a2b)"


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
