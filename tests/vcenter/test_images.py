"""Owner, advice and depot contents, asked of the simulated vCenter in the versions it plays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from auditor.domain.observation import Read, Reason, Unread
from auditor.lab.faces.esxcli_api import FORMATTERS, run_esxcli
from auditor.lab.faces.server import VCenterServer
from auditor.lab.hosts.host import LabHost
from auditor.lab.hosts.images import find_add_on, make_image
from auditor.lab.vcenter.database import Recommendation
from auditor.lab.vcenter.depot import DesiredSoftware
from auditor.lab.vcenter.faults import Fault, FaultKind
from auditor.lab.vcenter.state import LabVCenter
from auditor.vcenter.reader import VCenterRouteReader
from auditor.vcenter.settings import VCenterSettings
from auditor.vcenter.tls import fetch_thumbprint
from tests.vcenter.conftest import Clock, Silence

OLD, NEW = "8.0.3-0.60.24585383", "8.0.3-0.70.24674464"
ADD_ON = ("DEL-ESXi", "803.24414501-A03")

Make = Callable[[str], tuple[VCenterServer, VCenterRouteReader]]


@pytest.fixture
def make(tmp_path_factory: pytest.TempPathFactory, clock: Clock, progress: Silence) -> Iterator[Make]:
    servers: list[VCenterServer] = []
    readers: list[VCenterRouteReader] = []

    def make(version: str) -> tuple[VCenterServer, VCenterRouteReader]:
        vcenter = LabVCenter(version)
        depot = vcenter.database.depot
        depot.add_base_image(OLD)
        depot.add_base_image(NEW)
        depot.add_add_on(find_add_on(*ADD_ON))
        vcenter.add_cluster("prod")
        vcenter.add_host(LabHost("esx1.lab.example", make_image(OLD)), "prod")
        vcenter.set_desired("prod", DesiredSoftware(OLD), author="alice")
        server = VCenterServer(vcenter, tmp_path_factory.mktemp("lab"), run=run_esxcli, commands=FORMATTERS)
        server.start()
        servers.append(server)
        pin = fetch_thumbprint("127.0.0.1", server.http.port)
        user = vcenter.sessions.user
        settings = VCenterSettings("lab", "127.0.0.1", user, server.http.port, thumbprint=pin, threads=4, read_timeout=60)
        reader = VCenterRouteReader(settings, lambda: vcenter.password, clock)
        readers.append(reader)
        reader.view(progress)  # which tells the reader what version this is
        return server, reader

    yield make
    for reader in readers:
        reader.close()
    for server in servers:
        server.stop()


def cluster_id(server: VCenterServer) -> str:
    return next(moid for moid, cluster in server.vcenter.database.clusters.items() if cluster.name == "prod")


@pytest.mark.parametrize(("version", "has"), [("7.0.3", False), ("8.0.3", False), ("9.1", True)])
def test_the_owner_is_known_from_9_on_and_not_supported_before(make: Make, version: str, has: bool) -> None:
    server, reader = make(version)
    owner = reader.extras(cluster_id(server)).owner
    if has:
        assert owner == Read(None)
    else:
        assert isinstance(owner, Unread)
        assert owner.reason is Reason.NOT_SUPPORTED


def test_sddc_manager_is_named(make: Make) -> None:
    server, reader = make("9.1")
    cluster = server.vcenter.database.clusters[cluster_id(server)]
    assert cluster.commit is not None
    cluster.commits[cluster.commit.id] = replace(cluster.commit, orchestrator="SDDC Manager")
    assert reader.extras(cluster_id(server)).owner == Read("SDDC Manager")


def test_no_stored_recommendation_is_an_answer_and_none_is_made(make: Make) -> None:
    server, reader = make("8.0.3")
    assert reader.extras(cluster_id(server)).recommendations == Read(())
    assert server.vcenter.database.clusters[cluster_id(server)].recommendation is None


def test_a_stored_recommendation_is_read_with_its_time(make: Make, clock: Clock) -> None:
    server, reader = make("8.0.3")
    cluster = server.vcenter.database.clusters[cluster_id(server)]
    cluster.recommendation = Recommendation(clock.at, DesiredSoftware(NEW), None)
    found = reader.extras(cluster_id(server)).recommendations
    assert isinstance(found, Read)
    [advice] = found.value
    assert (advice.label, advice.checked) == ("latest", clock.at)
    assert advice.image.base_image is not None
    assert advice.image.base_image.version.raw == NEW


def test_orphans_need_an_extraction_that_somebody_made(make: Make) -> None:
    server, reader = make("8.0.3")
    orphans = reader.extras(cluster_id(server)).orphans
    assert isinstance(orphans, Unread)
    assert orphans.reason is Reason.ABSENT


def test_what_is_inside_depot_items_and_what_is_not_there(make: Make) -> None:
    _, reader = make("8.0.3")
    inside = reader.base_image_contents(NEW)
    assert isinstance(inside, Read)
    assert {(c.name, c.version) for c in inside.value} == {(c.name, c.version) for c in make_image(NEW).components}
    add_on = reader.add_on_contents(*ADD_ON)
    assert isinstance(add_on, Read)
    assert {c.name for c in add_on.value.components} == {c.name for c in find_add_on(*ADD_ON).components}
    part = inside.value[0]
    assert reader.has_component(part.name, part.version) == Read(True)
    assert reader.has_component(part.name, "0.0") == Read(False)
    for missing in (reader.base_image_contents("8.0.3-0.79.24859861"), reader.add_on_contents("DEL-ESXi", "nothing")):
        assert isinstance(missing, Unread)
        assert missing.reason is Reason.ABSENT


def test_a_fault_is_a_reading_never_an_exception_and_never_an_absence(make: Make) -> None:
    server, reader = make("8.0.3")
    server.vcenter.faults.add(Fault("com.vmware.esx.settings.depot_content.*", FaultKind.ERROR, error="ServiceUnavailable"))
    for reading in (reader.base_image_contents(NEW), reader.add_on_contents(*ADD_ON), reader.has_component("x", "1")):
        assert isinstance(reading, Unread)
        assert reading.reason is not Reason.ABSENT


def test_only_the_clusters_asked_for_are_read(make: Make, clock: Clock, progress: Silence) -> None:
    server, _ = make("8.0.3")
    server.vcenter.add_cluster("other")
    pin = fetch_thumbprint("127.0.0.1", server.http.port)
    settings = VCenterSettings("lab", "127.0.0.1", server.vcenter.sessions.user, server.http.port, thumbprint=pin)
    for only, read in (
        (frozenset({"prod"}), ["prod"]),
        (frozenset({cluster_id(server)}), ["prod"]),
        (frozenset(), ["other", "prod"]),
    ):
        reader = VCenterRouteReader(settings, lambda: server.vcenter.password, clock, only=only)
        view = reader.view(progress)
        assert isinstance(view.clusters, Read)
        assert sorted(c.name for c in view.clusters.value if isinstance(c.mode, Read)) == read
        assert len(view.clusters.value) == 2
        reader.close()
