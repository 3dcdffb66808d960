"""Playing a scenario: each thing that can happen does what it does to a real vCenter and its hosts."""

from __future__ import annotations

from pathlib import Path

import pytest

from auditor.errors import InputError
from auditor.lab.play import BUNDLES, Play
from auditor.lab.scenario_file import load
from auditor.lab.vcenter.database import BASELINES, CONNECTED, DISCONNECTED, IMAGE, NOT_RESPONDING

OLD, NEW = "24585383", "24674464"
SMALL = f"""
title = "Small"
[vcenter]
version = "8.0.3"
[image.old]
base_image = "8.0.3-0.60.{OLD}"
[image.new]
base_image = "8.0.3-0.70.{NEW}"
[[cluster]]
name = "One"
hosts = 4
image = "old"
[[cluster]]
name = "Bare"
hosts = 2
image = "old"
management = "baselines"
[[host]]
name = "spare"
image = "new"
place = "later"
"""


def events(*texts: str) -> str:
    return "".join(f"[[past]]\n{text}\n" for text in texts)


def played(folder: Path, *texts: str, rest: str = "") -> Play:
    path = folder / "small.toml"
    path.write_text(SMALL + events(*texts) + rest, "utf-8")
    play = Play(load(str(path)))
    play.past(lambda: None, lambda _: None)
    play.break_things()
    return play


def believed(play: Play, name: str) -> tuple[str, str]:
    entry = play.vcenter.host(f"{name}.lab.example")
    return entry.belief.build, entry.belief.connection


def runs(play: Play, name: str) -> str:
    return play.hosts[f"{name}.lab.example"].running_image.build


UPDATE = ("do = 'import-to-depot'\nimage = 'new'", "do = 'set-image'\ncluster = 'One'\nimage = 'new'")
REMEDIATE = "do = 'remediate'\ncluster = 'One'"


def test_the_start_is_in_sync(tmp_path: Path) -> None:
    play = played(tmp_path)
    cluster = play.vcenter.cluster("One")
    assert cluster.scan is not None
    assert (cluster.mode, cluster.scan.status) == (IMAGE, "COMPLIANT")
    assert play.vcenter.cluster("Bare").mode == BASELINES
    assert believed(play, "one-01") == (OLD, CONNECTED)


def test_a_remediation_of_a_part_leaves_the_rest(tmp_path: Path) -> None:
    play = played(tmp_path, *UPDATE, REMEDIATE + "\npart = 0.5")
    assert [runs(play, f"one-0{n}") for n in range(1, 5)] == [NEW, NEW, OLD, OLD]


def test_a_restore_takes_image_depot_and_commits_back_and_no_host(tmp_path: Path) -> None:
    play = played(tmp_path, "do = 'backup'", *UPDATE, REMEDIATE, "do = 'restore'")
    commit = play.vcenter.cluster("One").commit
    assert commit is not None
    assert commit.software.base_image.endswith(OLD)
    assert len(play.vcenter.database.depot.base_images) == 1
    assert runs(play, "one-01") == NEW
    assert believed(play, "one-01") == (NEW, CONNECTED)


def test_a_restored_vcenter_does_not_know_a_newer_vpxuser_password_and_keeps_its_old_view_of_that_host(tmp_path: Path) -> None:
    change = "do = 'change-vpxuser-password'\nhosts = ['one-01']"
    play = played(tmp_path, "do = 'backup'", *UPDATE, REMEDIATE, change, "do = 'restore'")
    assert believed(play, "one-01") == (OLD, NOT_RESPONDING)
    assert believed(play, "one-02") == (NEW, CONNECTED)
    mended = played(
        tmp_path, "do = 'backup'", *UPDATE, REMEDIATE, change, "do = 'restore'", "do = 'reconnect'\nhosts = ['one-01']"
    )
    assert believed(mended, "one-01") == (NEW, CONNECTED)


def test_a_password_changed_before_the_backup_does_no_harm(tmp_path: Path) -> None:
    play = played(tmp_path, "do = 'change-vpxuser-password'", "do = 'backup'", "do = 'restore'")
    assert believed(play, "one-01") == (OLD, CONNECTED)


def test_a_cluster_that_was_switched_to_an_image_is_on_baselines_after_the_restore(tmp_path: Path) -> None:
    switch = "do = 'switch-to-image'\ncluster = 'Bare'\nimage = 'new'"
    play = played(tmp_path, "do = 'backup'", UPDATE[0], switch, "do = 'remediate'\ncluster = 'Bare'", "do = 'restore'")
    assert play.vcenter.cluster("Bare").mode == BASELINES
    assert runs(play, "bare-01") == NEW


def test_a_host_added_after_the_backup_is_gone_from_the_inventory_and_goes_on_running(tmp_path: Path) -> None:
    add = "do = 'add-host'\nhosts = ['spare']\ncluster = 'One'"
    assert believed(played(tmp_path, add), "spare") == (NEW, CONNECTED)
    play = played(tmp_path, "do = 'backup'", add, "do = 'restore'")
    with pytest.raises(LookupError):
        play.vcenter.host("spare.lab.example")
    assert runs(play, "spare") == NEW


def test_a_host_removed_after_the_backup_is_back(tmp_path: Path) -> None:
    remove = "do = 'remove-host'\nhosts = ['one-04']"
    with pytest.raises(LookupError):
        played(tmp_path, remove).vcenter.host("one-04.lab.example")
    assert believed(played(tmp_path, "do = 'backup'", remove, "do = 'restore'"), "one-04") == (OLD, CONNECTED)


def test_a_staged_update_starts_at_the_next_reboot(tmp_path: Path) -> None:
    stage = "do = 'stage'\nhosts = ['one-01']\nimage = 'new'"
    staged = played(tmp_path, stage)
    pending = staged.hosts["one-01.lab.example"].pending_image
    assert pending is not None
    assert (pending.build, runs(staged, "one-01")) == (NEW, OLD)
    assert runs(played(tmp_path, stage, "do = 'reboot'\nhosts = ['one-01']"), "one-01") == NEW


def test_a_patch_of_vcenter_is_taken_back_by_a_restore(tmp_path: Path) -> None:
    patch = "do = 'patch-vcenter'\nbuild = '24999999'"
    assert played(tmp_path, "do = 'backup'", patch).vcenter.database.build == "24999999"
    assert played(tmp_path, "do = 'backup'", patch, "do = 'restore'").vcenter.database.build != "24999999"


def test_disconnected_and_powered_off_hosts_keep_their_last_known_facts(tmp_path: Path) -> None:
    play = played(tmp_path, "do = 'disconnect'\nhosts = ['one-01']", "do = 'power-off'\nhosts = ['one-02']")
    assert believed(play, "one-01") == (OLD, DISCONNECTED)
    assert believed(play, "one-02") == (OLD, NOT_RESPONDING)
    assert play.hosts["one-02.lab.example"].power == "off"


def test_faults_are_in_force_at_the_end(tmp_path: Path) -> None:
    fault = (
        "[[fault]]\nhosts = ['one-01']\nssh = 'refuse'\nvcenter = 'unreachable'\n"
        "[[fault]]\nhosts = ['one-02']\npower = 'off'\nvcenter = 'disconnected'\n"
        "[[vcenter_fault]]\noperation = 'RetrievePropertiesEx'\nkind = 'error'\ntimes = 1\n"
    )
    play = played(tmp_path, rest=fault)
    assert not play.hosts["one-01.lab.example"].ssh_reachable
    assert believed(play, "one-01") == (OLD, NOT_RESPONDING)
    assert believed(play, "one-02") == (OLD, DISCONNECTED)
    assert len(play.vcenter.faults.take("RetrievePropertiesEx")) == 1


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (UPDATE[1], "not in the depot: base image"),
        ("do = 'remediate'\ncluster = 'Bare'", "has no image"),
        ("do = 'switch-to-image'\ncluster = 'One'\nimage = 'old'", "One is managed by an image: use set-image"),
        ("do = 'set-image'\ncluster = 'Bare'\nimage = 'old'", "Bare is on baselines: use switch-to-image"),
        ("do = 'remove-from-depot'\nimage = 'new'", "the depot has no new"),
        ("do = 'remove-host'\nhosts = ['spare']", "no host spare"),
    ],
)
def test_what_cannot_happen_is_said_with_scenario_and_event(tmp_path: Path, event: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        played(tmp_path, event)
    assert said in caught.value.what
    assert caught.value.where.startswith("scenario small, 30 days ago: ")


def test_a_draft_of_somebody_comes_back_with_a_restore(tmp_path: Path) -> None:
    draft = 'do = "begin-draft"\ncluster = "One"\nimage = "new"\nuser = "bob@lab.example"'
    play = played(tmp_path, draft, 'do = "backup"', 'do = "restore"')
    (found,) = play.vcenter.database.drafts.values()
    assert (found.owner, found.software.base_image) == ("bob@lab.example", f"8.0.3-0.70.{NEW}")
    assert played(tmp_path, 'do = "backup"', draft, 'do = "restore"').vcenter.database.drafts == {}


def test_another_operation_runs_until_a_restore(tmp_path: Path) -> None:
    begin = 'do = "begin-operation"\ncluster = "One"\nuser = "carol@lab.example"'
    play = played(tmp_path, begin)
    (task,) = play.vcenter.tasks.all()
    assert (task.status(play.vcenter.clock()), task.target) == ("RUNNING", play.vcenter.cluster("One").moid)
    assert played(tmp_path, 'do = "backup"', begin, 'do = "restore"').vcenter.tasks.all() == []


def test_bundles_of_the_images_are_where_vcenter_finds_them(tmp_path: Path) -> None:
    assert set(played(tmp_path).vcenter.web) == {f"{BUNDLES}old.zip", f"{BUNDLES}new.zip"}


def test_new_faults_are_read(tmp_path: Path) -> None:
    fault = '[[vcenter_fault]]\noperation = "*.drafts.commit$task"\nkind = "forget"\nitem = "8.0.3-0.70.24674464"\n'
    (found,) = played(tmp_path, rest=fault).scenario.vcenter_faults
    assert (found.kind, found.item) == ("forget", "8.0.3-0.70.24674464")
