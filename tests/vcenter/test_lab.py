"""Against the simulated vCenter, in the versions it plays: the whole view, live hosts, and faults."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from auditor.domain.image import ManagementMode
from auditor.domain.observation import ClusterView, Read, Reason, StagedImage, Unread, VCenterView
from auditor.domain.readings.registry import BY_KEY
from auditor.lab.faces.esxcli_api import FORMATTERS, run_esxcli
from auditor.lab.faces.server import VCenterServer
from auditor.lab.hosts.host import LabHost
from auditor.lab.hosts.images import find_add_on, make_image
from auditor.lab.vcenter.depot import DesiredSoftware
from auditor.lab.vcenter.faults import Fault, FaultKind
from auditor.lab.vcenter.state import LabVCenter
from auditor.vcenter.esxcli import Esxcli
from auditor.vcenter.reader import VCenterRouteReader
from auditor.vcenter.settings import VCenterSettings
from auditor.vcenter.tls import fetch_thumbprint
from tests.vcenter.conftest import Clock, Silence

OLD, NEW = "8.0.3-0.60.24585383", "8.0.3-0.70.24674464"
ADD_ON = ("DEL-ESXi", "803.24414501-A03")
NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], VCenterServer]]:
    servers: list[VCenterServer] = []

    def make(version: str) -> VCenterServer:
        vcenter = LabVCenter(version, clock=lambda: NOW)
        depot = vcenter.database.depot
        depot.add_base_image(OLD)
        depot.add_base_image(NEW)
        depot.add_add_on(find_add_on(*ADD_ON))
        for cluster, image in (("by image", OLD), ("ahead", NEW), ("by baselines", OLD)):
            vcenter.add_cluster(cluster)
            for number in (1, 2):
                vcenter.add_host(LabHost(f"{cluster.replace(' ', '-')}-{number}.lab.example", make_image(image)), cluster)
        vcenter.add_host(LabHost("alone.lab.example", make_image(OLD)))
        vcenter.set_desired("by image", DesiredSoftware(OLD, ADD_ON), author="alice", message="the first")
        vcenter.remediate("by image")
        vcenter.set_desired("ahead", DesiredSoftware(OLD), author="bob")
        vcenter.scan("ahead")
        server = VCenterServer(vcenter, tmp_path_factory.mktemp("lab"), run=run_esxcli, commands=FORMATTERS)
        server.start()
        servers.append(server)
        return server

    yield make
    for server in servers:
        server.stop()


def reader_of(server: VCenterServer, clock: Clock) -> VCenterRouteReader:
    vcenter = server.vcenter
    pin = fetch_thumbprint("127.0.0.1", server.http.port)
    settings = VCenterSettings(
        "lab", "127.0.0.1", vcenter.sessions.user, server.http.port, thumbprint=pin, threads=4, read_timeout=60
    )
    return VCenterRouteReader(settings, lambda: vcenter.password, clock)


@pytest.fixture(scope="module", params=["7.0.3", "8.0.3", "9.1"])
def server(request: pytest.FixtureRequest, made: Callable[[str], VCenterServer]) -> VCenterServer:
    return made(request.param)


@pytest.fixture
def reader(server: VCenterServer, clock: Clock) -> Iterator[VCenterRouteReader]:
    reader = reader_of(server, clock)
    yield reader
    reader.close()


def clusters(view: VCenterView) -> dict[str, ClusterView]:
    assert isinstance(view.clusters, Read)
    return {cluster.name: cluster for cluster in view.clusters.value}


def host(view: VCenterView, name: str) -> Any:
    assert isinstance(view.hosts, Read)
    return next(each for each in view.hosts.value if each.name == name)


def test_the_whole_view(reader: VCenterRouteReader, server: VCenterServer, progress: Silence) -> None:
    view = reader.view(progress)
    assert isinstance(view.marks, Read)
    marks = view.marks.value
    assert marks.instance_uuid == server.vcenter.instance_uuid
    assert marks.version == server.vcenter.release.product_version
    assert marks.clock == Read(NOW)
    assert isinstance(marks.newest_event_key, Read)
    assert marks.newest_event_key.value > 5
    assert marks.newest_event_time == Read(NOW)
    assert isinstance(view.depot, Read)
    assert view.depot.value.base_images == (OLD, NEW)
    assert view.depot.value.add_ons == (ADD_ON,)

    by_image = clusters(view)["by image"]
    assert by_image.mode == Read(ManagementMode.IMAGE)
    assert isinstance(by_image.image, Read)
    image = by_image.image.value
    assert image.base_image is not None
    assert image.add_on is not None
    assert (image.base_image.version.raw, image.base_image.in_depot) == (OLD, True)
    assert (image.add_on.name, image.add_on.version) == ADD_ON
    assert isinstance(by_image.commit, Read)
    commit = by_image.commit.value
    assert (commit.id, commit.author, commit.description, commit.time) == ("1", "alice", "the first", NOW)
    assert isinstance(by_image.compliance, Read)
    assert {verdict.status for verdict in by_image.compliance.value.hosts} == {"COMPLIANT"}

    ahead = clusters(view)["ahead"]
    assert isinstance(ahead.compliance, Read)
    assert {verdict.status for verdict in ahead.compliance.value.hosts} == {"INCOMPATIBLE"}
    elements = {(v.base_image.current, v.base_image.target) for v in ahead.compliance.value.hosts if v.base_image}
    assert elements == {(NEW, OLD)}

    baselines = clusters(view)["by baselines"]
    assert baselines.mode == Read(ManagementMode.BASELINES)
    assert isinstance(baselines.image, Unread)
    assert baselines.image.reason is Reason.ABSENT
    assert host(view, "alone.lab.example").cluster == ""


def test_a_live_host(reader: VCenterRouteReader, server: VCenterServer, progress: Silence) -> None:
    view = reader.view(progress)
    observed = reader.read_host(host(view, "by-image-1.lab.example"))
    running = server.vcenter.hosts["by-image-1.lab.example"].running_image
    assert observed.trouble is None
    assert isinstance(observed.base_image, Read)
    assert observed.base_image.value.version.raw == running.base_image == OLD
    assert isinstance(observed.add_on, Read)
    assert observed.add_on.value is not None
    assert (observed.add_on.value.name, observed.add_on.value.version) == ADD_ON
    assert isinstance(observed.components, Read)
    assert {(c.name, c.version) for c in observed.components.value} == {(c.name, c.version) for c in running.components}
    assert isinstance(observed.vibs, Read)
    assert {(v.name, v.version, v.vendor) for v in observed.vibs.value} == {(v.name, v.version, v.vendor) for v in running.vibs}
    assert isinstance(observed.product, Read)
    assert (observed.product.value.version, observed.product.value.build) == (running.product_version, running.build)
    assert isinstance(observed.profile, Read)
    assert observed.profile.value.name
    assert observed.acceptance_level == Read("PartnerSupported")
    assert isinstance(observed.staged, Unread)
    assert observed.staged.reason is Reason.NOT_ATTEMPTED


def test_a_staged_image_is_seen_when_the_host_needs_a_reboot(made: Callable[[str], VCenterServer], clock: Clock) -> None:
    server = made("8.0.3")
    lab_host = server.vcenter.hosts["by-image-2.lab.example"]
    lab_host.stage(make_image(NEW))
    server.vcenter.refresh_inventory()
    reader = reader_of(server, clock)
    found = host(reader.view(Silence()), lab_host.name)
    assert found.reboot_required is True
    observed = reader.read_host(found)
    reader.close()
    assert isinstance(observed.staged, Read)
    assert isinstance(observed.staged.value, StagedImage)
    assert observed.staged.value.base_image is not None
    assert observed.staged.value.base_image.version.raw == NEW
    assert len(observed.staged.value.vibs) == len(make_image(NEW).vibs)


def test_after_a_restore_the_marks_and_images_are_the_old_ones(made: Callable[[str], VCenterServer], clock: Clock) -> None:
    vcenter = (server := made("8.0.3")).vcenter
    backup = vcenter.backup()
    reader = reader_of(server, clock)
    vcenter.set_desired("by image", DesiredSoftware(NEW), author="carol")
    vcenter.remediate("by image")
    before = reader.view(Silence())
    vcenter.restore(backup)
    after = reader.view(Silence())  # the session is gone: it is renewed
    reader.close()

    def facts(view: VCenterView) -> tuple[str, str, str, int]:
        cluster = clusters(view)["by image"]
        assert isinstance(cluster.commit, Read)
        assert isinstance(cluster.image, Read)
        assert cluster.image.value.base_image is not None
        assert isinstance(view.marks, Read)
        assert isinstance(view.marks.value.newest_event_key, Read)
        commit, image = cluster.commit.value, cluster.image.value.base_image
        return commit.id, commit.author, image.version.raw, view.marks.value.newest_event_key.value

    assert facts(before)[:3] == ("3", "carol", NEW)
    assert facts(after)[:3] == ("1", "alice", OLD)
    assert facts(after)[3] < facts(before)[3]


def test_a_commit_that_was_not_scanned_yet_is_found(made: Callable[[str], VCenterServer], clock: Clock) -> None:
    server = made("8.0.3")
    server.vcenter.set_desired("by image", DesiredSoftware(NEW), author="dave")  # id 3: 2 belongs to the other cluster
    reader = reader_of(server, clock)
    found = clusters(reader.view(Silence()))["by image"].commit
    reader.close()
    assert isinstance(found, Read)
    assert (found.value.id, found.value.author) == ("3", "dave")


def test_what_the_depot_lacks_shows_in_image_and_verdict(made: Callable[[str], VCenterServer], clock: Clock) -> None:
    server = made("8.0.3")
    server.vcenter.database.depot.remove_base_image(OLD)
    reader = reader_of(server, clock)
    view = reader.view(Silence())
    reader.close()
    cluster = clusters(view)["by image"]
    assert isinstance(cluster.image, Read)
    assert cluster.image.value.base_image is not None
    assert cluster.image.value.base_image.in_depot is False
    assert isinstance(view.depot, Read)
    assert view.depot.value.base_images == (NEW,)


def test_a_host_out_of_reach_is_not_observed(made: Callable[[str], VCenterServer], clock: Clock) -> None:
    server = made("8.0.3")
    server.vcenter.disconnect("ahead-1.lab.example")
    reader = reader_of(server, clock)
    view = reader.view(Silence())
    observed = reader.read_host(host(view, "ahead-1.lab.example"))
    neighbour = reader.read_host(host(view, "ahead-2.lab.example"))
    reader.close()
    assert observed.trouble is not None
    assert observed.trouble.reason is Reason.NOT_CONNECTED
    assert neighbour.trouble is None
    assert isinstance(neighbour.base_image, Read)


def test_a_vcenter_that_is_starting_says_so(made: Callable[[str], VCenterServer], clock: Clock) -> None:
    server = made("8.0.3")
    reader = reader_of(server, clock)
    server.vcenter.starting = True
    view = reader.view(Silence())
    reader.close()
    for part in (view.marks, view.clusters, view.hosts, view.depot):
        assert isinstance(part, Unread)
        assert part.reason is Reason.UNREACHABLE
        assert "503" in part.detail


def test_one_clusters_fault_does_not_touch_the_others(made: Callable[[str], VCenterServer], clock: Clock) -> None:
    server = made("8.0.3")
    server.vcenter.faults.add(Fault("com.vmware.esx.settings.clusters.software.get", FaultKind.ERROR, times=1))
    reader = reader_of(server, clock)
    found = clusters(reader.view(Silence()))
    reader.close()
    images = [found[name].image for name in ("by image", "ahead")]
    assert sorted(type(image).__name__ for image in images) == ["Read", "Unread"]
    assert all(isinstance(found[name].compliance, Read) for name in ("by image", "ahead"))


def test_sessions_that_expire_in_between_are_renewed(made: Callable[[str], VCenterServer], clock: Clock) -> None:
    server = made("8.0.3")
    reader = reader_of(server, clock)
    first = reader.view(Silence())
    server.vcenter.sessions.end_all()
    observed = reader.read_host(host(first, "ahead-2.lab.example"))
    reader.close()
    for reading in (observed.base_image, observed.components, observed.vibs, observed.profile):
        assert isinstance(reading, Read)


class TestEsxcli:
    """Every command of this route against the lab's esxcli, which prints what recorded hosts print."""

    @pytest.fixture
    def asked(self, server: VCenterServer, clock: Clock) -> Iterator[tuple[Esxcli, str, LabHost]]:
        reader = reader_of(server, clock)
        found = host(reader.view(Silence()), "by-image-1.lab.example")
        yield reader._esxcli, found.id, server.vcenter.hosts[found.name]
        reader.close()

    def test_image(self, asked: tuple[Esxcli, str, LabHost]) -> None:
        esxcli, moid, lab_host = asked
        running = lab_host.running_image
        base_image, add_on, product = (
            esxcli.read(BY_KEY["base_image"], moid),
            esxcli.read(BY_KEY["add_on"], moid),
            esxcli.read(BY_KEY["product"], moid),
        )
        assert isinstance(base_image, Read)
        assert base_image.value.version.raw == running.base_image
        assert isinstance(add_on, Read)
        assert add_on.value is not None
        assert (add_on.value.name, add_on.value.version) == ADD_ON
        assert isinstance(product, Read)
        assert (product.value.version, product.value.build) == (running.product_version, running.build)

    def test_lists(self, asked: tuple[Esxcli, str, LabHost]) -> None:
        esxcli, moid, lab_host = asked
        running = lab_host.running_image
        vibs, components, profile = (
            esxcli.read(BY_KEY["vibs"], moid),
            esxcli.read(BY_KEY["components"], moid),
            esxcli.read(BY_KEY["profile"], moid),
        )
        assert isinstance(vibs, Read)
        assert {(v.name, v.version) for v in vibs.value} == {(v.name, v.version) for v in running.vibs}
        assert isinstance(components, Read)
        assert {(c.name, c.version) for c in components.value} == {(c.name, c.version) for c in running.components}
        assert isinstance(profile, Read)
        assert profile.value.name

    def test_nothing_staged(self, asked: tuple[Esxcli, str, LabHost]) -> None:
        esxcli, moid, _ = asked
        assert esxcli.read(BY_KEY["staged"], moid) == Read(None)

    def test_both_routes_through_vcenter_agree(self, asked: tuple[Esxcli, str, LabHost], reader: VCenterRouteReader) -> None:
        esxcli, moid, _ = asked
        observed = reader.read_host(host(reader.view(Silence()), "by-image-1.lab.example"))
        assert isinstance(observed.vibs, Read)
        assert isinstance(observed.components, Read)
        vibs, components = esxcli.read(BY_KEY["vibs"], moid), esxcli.read(BY_KEY["components"], moid)
        assert isinstance(vibs, Read)
        assert isinstance(components, Read)
        assert set(vibs.value) == set(observed.vibs.value)
        assert set(components.value) == set(observed.components.value)
        assert esxcli.read(BY_KEY["profile"], moid) == observed.profile
        assert esxcli.read(BY_KEY["base_image"], moid) == observed.base_image
        assert esxcli.read(BY_KEY["add_on"], moid) == observed.add_on
