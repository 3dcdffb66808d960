"""Imports and exports against the simulated vCenter, with everything that can go wrong on the way."""

from __future__ import annotations

import hashlib
import json
import socket
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from auditor.domain.editing import ExportKind, Imported
from auditor.domain.observation import Depot
from auditor.errors import (
    AbsentError,
    ConnectError,
    FailedError,
    InDoubtError,
    InputError,
    ReadError,
    RefusedError,
    SessionEndedError,
    TrustError,
)
from auditor.lab.hosts.images import find_add_on, make_image
from auditor.lab.vcenter.bundle import make_bundle
from auditor.lab.vcenter.depot import DesiredSoftware, LabDepot
from auditor.lab.vcenter.faults import Fault, FaultKind
from auditor.lab.vcenter.state import LabVCenter
from auditor.vcenter.depot_editor import VCenterDepotEditor
from auditor.vcenter.exporter import VCenterImageExporter
from auditor.vcenter.transfer import _file_id
from tests.vcenter.editing import ADD_ON, NEW, NEWEST, OLD, VERSIONS, Place, fill, served

if TYPE_CHECKING:
    from auditor.ports import DepotEditor, ImageExporter

URL = "https://depot.lab.example/u3g.zip"
CREATE = "com.vmware.esx.settings.depots.offline.create$task"


def bundle() -> bytes:
    source = LabDepot()
    source.add_base_image(NEWEST)
    source.add_add_on(find_add_on(*ADD_ON))
    return make_bundle(DesiredSoftware(NEWEST, ADD_ON), source)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with served(fill(LabVCenter("8.0.3")), tmp_path) as place:
        place.vcenter.web[URL] = bundle()
        yield place


@pytest.fixture
def depot(place: Place) -> Iterator[VCenterDepotEditor]:
    editor = place.depot_editor()
    yield editor
    editor.close()


@pytest.fixture
def exporter(place: Place) -> Iterator[VCenterImageExporter]:
    exporter = place.exporter()
    yield exporter
    exporter.close()


def started(found: str | Imported) -> str:
    assert isinstance(found, str)
    return found


class TestBundles:
    @pytest.mark.parametrize("version", VERSIONS)
    def test_pull(self, tmp_path: Path, version: str) -> None:
        with served(fill(LabVCenter(version)), tmp_path) as place:
            place.vcenter.web[URL] = bundle()
            editor: DepotEditor = place.depot_editor()
            before = place.host_digests()
            made = editor.finish_import(started(editor.start_pull(URL, "for CHG-1")))
            assert not made.known
            assert NEWEST in editor.content().base_images
            (listed,) = editor.offline_depots()
            assert (listed.id, listed.description, listed.source) == (made.depot, "for CHG-1", URL)
            assert editor.brought(made.depot) == Depot((NEWEST,), (ADD_ON,))
            assert [task.operation for task in editor.operations()] == ["create$task"]
            assert place.host_digests() == before
            editor.close()

    @pytest.mark.parametrize("at_once", [False, True])
    def test_a_bundle_that_is_there_is_a_success(self, place: Place, depot: VCenterDepotEditor, at_once: bool) -> None:
        first = depot.finish_import(started(depot.start_pull(URL, "")))
        place.vcenter.refuse_at_once = at_once
        again = depot.start_pull(URL, "")
        found = again if isinstance(again, Imported) else depot.finish_import(again)
        assert isinstance(again, Imported) is at_once
        assert found == Imported(first.depot, known=True)

    @pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://x/y.zip", "/tmp/y.zip", "https:///y.zip", ""])
    def test_only_web_locations(self, place: Place, depot: VCenterDepotEditor, location: str) -> None:
        place.vcenter.calls.clear()
        with pytest.raises(InputError):
            depot.start_pull(location, "")
        assert place.vcenter.calls.all() == []

    def test_nothing_at_the_location(self, depot: VCenterDepotEditor) -> None:
        with pytest.raises(FailedError, match=r"EsxImage\.DepotConnectErrorV2"):
            depot.finish_import(started(depot.start_pull("https://depot.lab.example/none.zip", "")))

    def test_invalid_contents(self, place: Place, depot: VCenterDepotEditor) -> None:
        place.vcenter.web[URL] = b"no zip"
        with pytest.raises(FailedError, match=r"depotContent\.ValidationError"):
            depot.finish_import(started(depot.start_pull(URL, "")))

    def test_push(self, place: Place, depot: VCenterDepotEditor, tmp_path: Path) -> None:
        file = tmp_path / 'a "strange" naïve name.zip'
        file.write_bytes(bundle())
        heard: list[int] = []
        file_id = depot.upload(file, lambda percent, _: heard.append(percent))
        assert heard[-1] == 100
        assert place.vcenter.uploads == {file_id: bundle()}, "byte for byte"
        made = depot.finish_import(started(depot.start_push(file_id, "pushed")))
        assert depot.offline_depots()[0].source == file_id
        assert NEWEST in depot.brought(made.depot).base_images

    def test_an_upload_that_is_refused(self, place: Place, depot: VCenterDepotEditor, tmp_path: Path) -> None:
        file = tmp_path / "u3g.zip"
        with pytest.raises(InputError, match="No such file"):
            depot.upload(file)
        file.write_bytes(bundle())
        depot.content()
        place.vcenter.sessions.end_all()
        with pytest.raises(SessionEndedError, match="401"):
            depot.upload(file)
        depot.content()  # looking logs in again
        assert depot.upload(file)
        elsewhere = VCenterDepotEditor(place.settings(), place.password, upload_port=1)
        with pytest.raises(ConnectError):
            elsewhere.upload(file)
        elsewhere.close()

    def test_a_lost_answer_is_not_sent_again(self, place: Place, depot: VCenterDepotEditor) -> None:
        place.vcenter.faults.add(Fault(CREATE, FaultKind.LOSE, times=1))
        with pytest.raises(InDoubtError):
            depot.start_pull(URL, "")
        assert [each.source for each in depot.offline_depots()] == [URL]
        assert len([call for call in place.vcenter.calls.all() if call.operation == "create$task"]) == 1


@pytest.mark.parametrize(
    ("text", "file_id"),
    [
        ('"abc"', "abc"),
        ("abc", "abc"),
        ('{"fileId": "abc", "name": "x"}', "abc"),
        ('{"value": {"file_id": "abc"}}', "abc"),
        ('["abc"]', "abc"),
        ("17", "17"),
    ],
)
def test_the_uploads_answer_is_read_in_any_form(text: str, file_id: str) -> None:
    assert _file_id(text, "u") == file_id


@pytest.mark.parametrize("text", ["", "<html>no</html>", "{}", "[]", "null", "x" * 300])
def test_an_answer_without_an_id(text: str) -> None:
    with pytest.raises(ReadError):
        _file_id(text, "u")


class TestOtherWays:
    def test_sync(self, place: Place, depot: VCenterDepotEditor) -> None:
        with pytest.raises(FailedError, match="online depot"):
            depot.finish_sync(depot.start_sync())
        place.vcenter.online = LabDepot()
        place.vcenter.online.add_base_image(NEWEST)
        depot.finish_sync(depot.start_sync())
        assert NEWEST in depot.content().base_images

    def test_from_a_host(self, place: Place, depot: VCenterDepotEditor) -> None:
        host = place.vcenter.hosts["prod-1.lab.example"]
        host.remediate(make_image(NEWEST, find_add_on(*ADD_ON)))
        host.acts.clear()
        moid = place.vcenter.host(host.name).moid
        made = depot.finish_from_host(depot.start_from_host(moid))
        assert json.loads(made.spec) == {
            "base_image": {"version": NEWEST},
            "add_on": {"name": ADD_ON[0], "version": ADD_ON[1]},
        }
        assert made.depot
        assert place.host_acts() == [f"{host.name}: wrote a depot seed to /var/vmware/lifecycle/hostSeed"]
        again = depot.finish_from_host(depot.start_from_host(moid))
        assert again.depot == ""
        with pytest.raises(AbsentError):
            depot.start_from_host("host-99")

    def test_an_oem_host_that_keeps_its_vibs(self, place: Place, depot: VCenterDepotEditor) -> None:
        operation = "com.vmware.esx.settings.depots.offline.create_from_host$task"
        place.vcenter.faults.add(Fault(operation, FaultKind.FAIL, error="Error"))
        with pytest.raises(FailedError):
            depot.finish_from_host(depot.start_from_host(place.vcenter.host("prod-1.lab.example").moid))

    def test_it_has_no_way_to_edit_an_image_or_to_take_away(self, place: Place, depot: VCenterDepotEditor) -> None:
        from com.vmware.esx.settings.clusters.software_client import Drafts
        from com.vmware.esx.settings.depots_client import Offline

        for service, operation, arguments in (
            (Drafts, "create", {"cluster": place.cluster}),
            (Offline, "delete", {"depot": "1"}),
        ):
            with pytest.raises(RefusedError, match="not on this route's list"):
                depot._write(service, operation, **arguments)
        assert not {key for key in place.vcenter.calls.kinds() if key[2] in {"create", "delete"} and "session" not in key[1]}


class TestExports:
    def test_each_kind(self, place: Place, exporter: VCenterImageExporter, tmp_path: Path) -> None:
        ours: ImageExporter = exporter
        found = {}
        for kind in ExportKind:
            target = tmp_path / kind.value
            heard: list[int] = []
            got = ours.fetch(ours.export(place.cluster, kind), target, lambda percent, _, heard=heard: heard.append(percent))
            assert (got.size, got.authenticated, heard[-1]) == (target.stat().st_size, True, 100)
            assert got.sha256 == hashlib.sha256(target.read_bytes()).hexdigest()
            found[kind] = target
        assert json.loads(found[ExportKind.SPECIFICATION].read_text()) == {"base_image": {"version": OLD}}
        assert zipfile.is_zipfile(found[ExportKind.BUNDLE])
        assert place.host_acts() == []

    def test_an_image_the_depot_lacks(self, place: Place, exporter: VCenterImageExporter) -> None:
        place.vcenter.database.depot.remove_base_image(OLD)
        with pytest.raises(FailedError, match="Not in the depot"):
            exporter.export(place.cluster, ExportKind.BUNDLE)
        assert exporter.export(place.cluster, ExportKind.SPECIFICATION)

    def test_plain_http_is_refused_unless_allowed(self, exporter: VCenterImageExporter, tmp_path: Path) -> None:
        url = "http://127.0.0.1:1/vum-filedownload/download?file=x"
        with pytest.raises(TrustError, match="plain HTTP"):
            exporter.fetch(url, tmp_path / "x")
        with pytest.raises(ConnectError):
            exporter.fetch(url, tmp_path / "x", allow_http=True)
        assert list(tmp_path.glob("*x*")) == []

    def test_what_is_not_there_leaves_nothing(self, place: Place, exporter: VCenterImageExporter, tmp_path: Path) -> None:
        target = tmp_path / "image.iso"
        with pytest.raises(FailedError, match="404"):
            exporter.fetch(f"{place.server.url}/vum-filedownload/download?file=none", target)
        url = exporter.export(place.cluster, ExportKind.SPECIFICATION)
        with pytest.raises(InputError):
            exporter.fetch(url, tmp_path / "no-such-folder" / "image.iso")
        assert not target.exists()
        assert not list(tmp_path.glob(".*part"))

    @pytest.mark.parametrize(
        ("length", "error"), [("ten", ReadError), ("1" * 5000, ReadError), ("-3", ReadError), ("10", ConnectError)]
    )
    def test_a_download_that_is_garbled_or_cut_off_leaves_nothing(
        self, exporter: VCenterImageExporter, tmp_path: Path, length: str, error: type[Exception]
    ) -> None:
        def answer(listener: socket.socket) -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\nfour".encode())

        with socket.create_server(("127.0.0.1", 0)) as listener:
            threading.Thread(target=answer, args=(listener,), daemon=True).start()
            with pytest.raises(error):
                exporter.fetch(f"http://127.0.0.1:{listener.getsockname()[1]}/x", tmp_path / "x", allow_http=True)
        assert list(tmp_path.glob("*x*")) == []

    def test_another_certificate_is_refused(self, place: Place, tmp_path: Path) -> None:
        pin = ":".join(["AB"] * 32)
        exporter = VCenterImageExporter(place.settings(thumbprint=pin), place.password)
        with pytest.raises(TrustError):
            exporter.fetch(f"{place.server.url}/vum-filedownload/download?file=none", tmp_path / "x")
        exporter.close()

    def test_it_cannot_edit(self, place: Place, exporter: VCenterImageExporter) -> None:
        from com.vmware.esx.settings.clusters.software_client import Drafts

        with pytest.raises(RefusedError, match="not on this route's list"):
            exporter._write(Drafts, "create", cluster=place.cluster)
        assert NEW in place.vcenter.database.depot.base_images
