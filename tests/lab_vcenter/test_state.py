"""The state: what a backup saves, what a restore rewinds, what stays as it is."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from auditor.lab.clock import LabClock
from auditor.lab.hosts.host import LabHost
from auditor.lab.hosts.images import make_image
from auditor.lab.vcenter.depot import DesiredSoftware
from auditor.lab.vcenter.state import PASSWORD, USER, LabVCenter
from tests.lab_vcenter.conftest import NEW, OLD, fill

HOST = "prod-1.lab.example"


@pytest.fixture
def state() -> LabVCenter:
    return fill(LabVCenter("8.0.3"))


def builds(vcenter: LabVCenter) -> dict[str, str]:
    return {entry.name: entry.belief.build for entry in vcenter.database.hosts.values()}


def test_a_restore_rewinds_the_image_and_no_host(state: LabVCenter) -> None:
    backup = state.backup()
    state.set_desired("prod", DesiredSoftware(NEW))
    state.remediate("prod")
    state.restore(backup)
    commit = state.cluster("prod").commit
    assert commit is not None
    assert (commit.id, commit.software.base_image) == ("1", OLD)
    assert state.hosts[HOST].running_image.base_image == NEW
    assert builds(state)[HOST] == "24585383"
    state.refresh_inventory()
    assert builds(state)[HOST] == "24674464"


def test_a_restored_vcenter_uses_its_numbers_again(state: LabVCenter) -> None:
    backup = state.backup()
    first = state.set_desired("prod", DesiredSoftware(NEW), message="before")
    key = state.database.events[-1].key
    state.restore(backup)
    assert state.database.events[-1].key < key
    again = state.set_desired("prod", DesiredSoftware(OLD), message="after")
    assert again.id == first.id
    assert again != first
    assert state.database.events[-1].key == key


def test_a_backup_can_be_restored_more_than_once(state: LabVCenter) -> None:
    backup = state.backup()
    for _ in range(2):
        state.set_desired("prod", DesiredSoftware(NEW))
        state.to_baselines("prod")
        state.database.depot.remove_base_image(OLD)
        state.add_cluster("later")
        state.restore(backup)
        assert state.cluster("prod").mode == "image"
        assert OLD in state.database.depot.base_images
        with pytest.raises(LookupError):
            state.cluster("later")


def test_a_cluster_switched_to_an_image_after_the_backup_is_on_baselines_again(state: LabVCenter) -> None:
    backup = state.backup()
    state.set_desired("legacy", DesiredSoftware(NEW))
    state.restore(backup)
    assert (state.cluster("legacy").mode, state.cluster("legacy").commit) == ("baselines", None)


def test_sessions_and_tasks_do_not_survive_a_restore(state: LabVCenter) -> None:
    backup = state.backup()
    session = state.login(USER, PASSWORD, "test")
    assert session is not None
    state.tasks.add("service", "operation", "type", "id", "user")
    state.restore(backup)
    assert state.sessions.find(session.id) is None
    assert state.tasks.all() == []


def test_hosts_added_or_removed_after_the_backup(state: LabVCenter) -> None:
    backup = state.backup()
    state.add_host(LabHost("new.lab.example", make_image(OLD)), "prod")
    state.remove_host(HOST)
    state.restore(backup)
    assert "new.lab.example" not in builds(state)
    assert state.host(HOST).parent == state.cluster("prod").moid


def test_the_build_goes_back_and_the_instance_stays(state: LabVCenter) -> None:
    build, uuid = state.database.build, state.instance_uuid
    backup = state.backup()
    state.patch("24999999")
    assert state.database.build == "24999999"
    state.restore(backup)
    assert (state.database.build, state.instance_uuid) == (build, uuid)


def test_only_named_hosts_are_remediated(state: LabVCenter) -> None:
    state.set_desired("prod", DesiredSoftware(NEW))
    state.remediate("prod", [HOST])
    assert builds(state)[HOST] == "24674464"
    assert builds(state)["prod-2.lab.example"] == "24585383"
    scan = state.cluster("prod").scan
    assert scan is not None
    assert scan.status == "NON_COMPLIANT"
    assert state.cluster("prod").commits["2"].applied is False


def test_nothing_is_remediated_from_a_depot_that_lacks_the_image(state: LabVCenter) -> None:
    state.set_desired("prod", DesiredSoftware("8.0.3-0.102.25595708"))
    with pytest.raises(LookupError, match=r"8\.0\.3-0\.102\.25595708"):
        state.remediate("prod")
    assert builds(state)[HOST] == "24585383"


def test_baselines_cannot_be_scanned_or_remediated(state: LabVCenter) -> None:
    for act in (state.scan, state.remediate):
        with pytest.raises(LookupError, match="no image"):
            act("legacy")


def test_unknown_names_are_told(state: LabVCenter) -> None:
    with pytest.raises(LookupError):
        state.cluster("nowhere")
    with pytest.raises(LookupError):
        state.host("nobody")
    with pytest.raises(ValueError, match=r"8\.0\.3"):
        LabVCenter("6.7")


def test_a_cluster_goes_with_its_hosts(state: LabVCenter) -> None:
    state.remove_cluster("prod")
    assert HOST not in builds(state)
    assert "legacy-1.lab.example" in builds(state)


def test_times_follow_the_clock() -> None:
    clock = LabClock(dt.timedelta(days=-3))
    vcenter = fill(LabVCenter("8.0.3", clock=clock.now))
    before = vcenter.database.events[-1].time
    clock.advance(dt.timedelta(days=2))
    after = vcenter.post("later").time
    assert dt.timedelta(days=2) <= after - before < dt.timedelta(days=2, minutes=1)
    commit = vcenter.cluster("prod").commits["1"]
    assert dt.datetime.now(dt.UTC) - commit.time > dt.timedelta(days=2)


class Rewinding(RuleBasedStateMachine):
    """Whatever happens after a backup, a restore gives exactly the database that was saved, and hosts keep what they run."""

    @initialize()
    def start(self) -> None:
        self.vcenter = fill(LabVCenter("8.0.3"), hosts=2)
        self.backup = self.vcenter.backup()
        self.saved = repr(self.vcenter.database)

    @rule(version=st.sampled_from([OLD, NEW]), cluster=st.sampled_from(["prod", "legacy"]))
    def commit(self, version: str, cluster: str) -> None:
        self.vcenter.set_desired(cluster, DesiredSoftware(version))

    @rule()
    def remediate(self) -> None:
        if self.vcenter.cluster("prod").commit is not None:
            self.vcenter.remediate("prod")

    @rule(name=st.sampled_from([HOST, "legacy-1.lab.example"]))
    def lose_and_find(self, name: str) -> None:
        self.vcenter.unreachable ^= {name}
        self.vcenter.refresh_inventory()

    @rule()
    def depot(self) -> None:
        self.vcenter.database.depot.add_base_image("8.0.3-0.102.25595708")

    @rule()
    def baselines(self) -> None:
        self.vcenter.to_baselines("prod")

    @rule()
    def restore(self) -> None:
        running = {name: host.running_image.base_image for name, host in self.vcenter.hosts.items()}
        self.vcenter.restore(self.backup)
        assert repr(self.vcenter.database) == self.saved
        assert {name: host.running_image.base_image for name, host in self.vcenter.hosts.items()} == running

    @rule()
    def save(self) -> None:
        self.backup = self.vcenter.backup()
        self.saved = repr(self.vcenter.database)

    @invariant()
    def event_keys_are_consecutive(self) -> None:
        keys = [event.key for event in self.vcenter.database.events]
        assert keys == list(range(1, len(keys) + 1))
        assert self.vcenter.database.last_event == keys[-1]


TestRewinding = Rewinding.TestCase
TestRewinding.settings = settings(max_examples=15, stateful_step_count=12, deadline=None)
