"""1,000 hosts in one sweep, and many clients at once without a mix-up. How long it takes is measured in ``benchmarks/``."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from com.vmware.esx.hosts import software_client

from auditor.lab.faces.server import VCenterServer
from auditor.lab.hosts.host import LabHost
from auditor.lab.hosts.images import LabComponent, make_image
from auditor.lab.vcenter.state import LabVCenter
from tests.lab_vcenter.conftest import OLD, Vapi, connect, fill
from tests.lab_vcenter.test_soap import PATHS, sweep


def test_a_thousand_hosts(serve: Callable[[LabVCenter], VCenterServer]) -> None:
    vcenter = LabVCenter("8.0.3")
    for number in range(32):
        vcenter.add_cluster(f"cluster-{number:02}")
    image = make_image(OLD)
    for number in range(1000):
        vcenter.add_host(LabHost(f"esx-{number:04}.lab.example", image), f"cluster-{number % 32:02}")
    server = serve(vcenter)
    content = connect(server).content
    found, _ = sweep(content, PATHS)
    assert len(found) == 1000
    assert all(set(values) == set(PATHS) for values in found.values())


def test_thirty_two_threads_get_their_own_answers(serve: Callable[[LabVCenter], VCenterServer]) -> None:
    vcenter = fill(LabVCenter("8.0.3"))
    for number in range(16):
        own = LabComponent(f"own-{number}", "1.0-1", "Own", "1.0", "Lab")
        vcenter.add_host(LabHost(f"esx-{number}.lab.example", make_image(OLD, None, (own,))), "prod")
    client = Vapi(serve(vcenter)).login()

    def ask(number: int) -> bool:
        moid = vcenter.host(f"esx-{number % 16}.lab.example").moid
        installed = client.call(software_client.InstalledComponents).list(moid)
        return [name for name in installed if name.startswith("own-")] == [f"own-{number % 16}"]

    with ThreadPoolExecutor(32) as pool:
        assert all(pool.map(ask, range(128)))
