"""Made-up assessments that use every field a report shows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from auditor.domain.assessment import (
    Assessment,
    ClusterRow,
    HostRow,
    HostState,
    Layer,
    LayerDrift,
    LayerState,
    RouteResult,
    Source,
    VCenterRow,
    Verdict,
)
from auditor.domain.findings import Code, Finding, Severity, Subject, SubjectKind
from auditor.domain.image import AddOn, BaseImage, Commit, DesiredImage, HardwareSupport, ManagementMode, Product, Solution
from auditor.domain.observation import (
    EXCLUDED,
    ClusterView,
    Estate,
    HostObservation,
    InventoryHost,
    Read,
    Reason,
    Route,
    Unread,
    VCenterMarks,
    VCenterView,
)
from auditor.domain.versions import BaseImageVersion

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
OLD = BaseImage(BaseImageVersion.parse("8.0.3-0.60.24585383"), "8.0 U3d - 24585383")
NEW = BaseImage(BaseImageVersion.parse("8.0.3-0.70.24674464"), "8.0 U3e - 24674464")
PRODUCT = Product("8.0.3", "24674464", "VMware ESXi", "3", "70", "8.0 Update 3")
IMAGE = DesiredImage(
    OLD,
    AddOn("DEL-ESXi", "803.24414501-A03"),
    {"Broadcom-bnxt-Net-RoCE": "230.0.0.0", "qlnativefc": None},
    (Solution("com.vmware.vsphere-ha", "8.0.3-24322831"),),
    (HardwareSupport("com.dell.omevv", "R750-bundle", "24.01"),),
    ("lsi-msgpt3",),
)
MARKS = VCenterMarks("c0ffee00-1111-2222-3333-444455556666", "8.0.3", "24322831", Read(9241), Read(AT), Read(AT))
OK = RouteResult(Route.VCENTER, AT, None)


def host(number: int, state: HostState = HostState.IN_SYNC, **changes: object) -> HostRow:
    """A host that answered through vCenter, with ``changes``."""
    fields: dict[str, object] = {
        "name": f"esx{number:02}.example.org",
        "vcenter": "vc01",
        "cluster": "Prod-A",
        "cluster_id": "domain-c8",
        "state": state,
        "runs": Read(NEW if state is HostState.HOST_AHEAD else OLD),
        "product": Read(PRODUCT),
        "connection": "connected",
        "inventory": "8.0.3 build 24585383",
        "vendor_status": "COMPLIANT",
        "staged": Read(None),
        "in_maintenance_mode": False,
        "routes": (OK,),
        "last_seen": AT,
    }
    return HostRow(**(fields | changes))  # type: ignore[arg-type]


def cluster(hosts: tuple[HostRow, ...], state: HostState = HostState.IN_SYNC, **changes: object) -> ClusterRow:
    """The cluster of ``hosts``."""
    fields: dict[str, object] = {
        "id": "domain-c8",
        "name": "Prod-A",
        "vcenter": "vc01",
        "state": state,
        "mode": Read(ManagementMode.IMAGE),
        "image": Read(IMAGE),
        "hosts": tuple(row.name for row in hosts),
        "commit": "5",
        "commit_time": AT - timedelta(days=40),
        "vendor_status": "INCOMPATIBLE",
        "scan_time": AT - timedelta(days=2),
    }
    return ClusterRow(**(fields | changes))  # type: ignore[arg-type]


def drifted() -> Assessment:
    """One host ahead, one unseen, one with a staged update, one in sync; a cluster back on baselines."""
    ahead = host(
        1,
        HostState.HOST_AHEAD,
        vendor_status="INCOMPATIBLE",
        label="8.0 U3e",
        layers=(
            LayerDrift(Layer.BASE_IMAGE, "", LayerState.HOST_AHEAD, OLD.version.raw, NEW.version.raw, "release order"),
            LayerDrift(Layer.ADD_ON, "DEL-ESXi", LayerState.IN_SYNC, "803.24414501-A03", "803.24414501-A03"),
        ),
    )
    silent = Unread(Reason.TIMED_OUT, "no answer to the TCP connection within 10 s")
    unseen = host(
        2,
        HostState.UNKNOWN,
        runs=silent,
        product=silent,
        connection="notResponding",
        vendor_status="",
        staged=Unread(Reason.NOT_ATTEMPTED),
        in_maintenance_mode=None,
        routes=(
            RouteResult(Route.VCENTER, AT, Unread(Reason.NOT_CONNECTED, "notResponding")),
            RouteResult(Route.SSH, AT, silent),
        ),
        last_seen=AT - timedelta(days=3),
    )
    staged = host(3, staged=Read("ESXi-8.0U3e-24674464-standard"), in_maintenance_mode=True)
    gone = host(5, HostState.NO_IMAGE, cluster="Old", cluster_id="domain-c9", listed=False, last_seen=None, note="left vc01")
    rows = (ahead, unseen, staged, host(4), gone)
    findings = (
        Finding(
            Code.HOST_AHEAD,
            Severity.CRITICAL,
            Subject(SubjectKind.CLUSTER, "Prod-A", "vc01", "domain-c8"),
            "1 host runs 8.0.3-0.70.24674464, newer than the image of the cluster.",
            hosts=(ahead.name,),
            evidence=("the image asks for 8.0.3-0.60.24585383 (commit 5)", "the host says 8.0.3-0.70.24674464 (route ssh)"),
            do=("Raise the image of the cluster to 8.0.3-0.70.24674464; that touches no host.",),
            avoid=("Do not remediate.", "Do not remove a driver in use."),
            rests_on=("KB 424858",),
        ),
        Finding(
            Code.HOST_UNSEEN,
            Severity.WARNING,
            Subject(SubjectKind.HOST, unseen.name, "vc01", "host-12"),
            "No route could say what the host runs.",
            hosts=(unseen.name,),
        ),
    )
    return Assessment(
        at=AT,
        source=Source.LIVE,
        runs_before=4,
        verdict=Verdict.DRIFT,
        vcenters=(VCenterRow("vc01", Read(MARKS), 2, 4), VCenterRow("vc02", Unread(Reason.UNREACHABLE, "refused"), None, None)),
        clusters=(
            cluster(rows[:4], HostState.DIVERGED),
            cluster(
                rows[4:],
                HostState.NO_IMAGE,
                id="domain-c9",
                name="Old",
                mode=Read(ManagementMode.BASELINES),
                image=Unread(Reason.ABSENT, "managed with baselines"),
                commit="",
                commit_time=None,
                vendor_status="",
                scan_time=None,
            ),
        ),
        hosts=rows,
        findings=findings,
        limits=("vc02 was not read: its clusters are not in this report.",),
        next=("auditor runbook show host-ahead",),
        run=5,
    )


def steady(hosts: int = 4) -> Assessment:
    """``hosts`` hosts in sync, nothing to say."""
    rows = tuple(host(number) for number in range(1, hosts + 1))
    return Assessment(
        at=AT,
        source=Source.LIVE,
        runs_before=1,
        verdict=Verdict.IN_SYNC,
        vcenters=(VCenterRow("vc01", Read(MARKS), 1, hosts),),
        clusters=(cluster(rows),),
        hosts=rows,
        run=2,
    )


def recorded() -> Estate:
    """A snapshot's view: one vCenter with a host seen, one unseen and one not tried; one vCenter dead; one host alone."""
    dead = Unread(Reason.UNREACHABLE, "connection refused")
    product = Product("8.0.3", "24674464")
    silent = Unread(Reason.TIMED_OUT, "no answer within 10 s")
    prod = ClusterView(
        "domain-c8",
        "Prod-A",
        Read(ManagementMode.IMAGE),
        Read(IMAGE),
        Read(Commit("5")),
        Unread(Reason.DENIED, "no permission"),
    )
    old = ClusterView("domain-c9", "Old", Read(ManagementMode.BASELINES), *[Unread(Reason.ABSENT, "on baselines")] * 3)
    no_depot = Unread(Reason.NOT_SUPPORTED, "not in 7.0.0")
    left_out = ClusterView("domain-c10", "Lab", *[EXCLUDED] * 4)
    inventory = tuple(InventoryHost(f"host-{n}", f"esx{n:02}.example.org") for n in (1, 2, 3))
    inventory += (InventoryHost("host-4", "esx04.example.org", "domain-c10"),)
    return Estate(
        at=AT,
        vcenters=(
            VCenterView("vc02", AT, dead, dead, dead, dead),
            VCenterView(
                "vc01",
                AT,
                Read(MARKS),
                Read((prod, old, left_out)),
                Read(inventory),
                no_depot,
            ),
        ),
        hosts=(
            HostObservation("esx02.example.org", Route.SSH, AT, "vc01", trouble=silent),
            HostObservation(
                "esx02.example.org", Route.VCENTER, AT, "vc01", trouble=Unread(Reason.NOT_CONNECTED, "notResponding")
            ),
            HostObservation("esx01.example.org", Route.VCENTER, AT, "vc01", product=Read(product)),
            HostObservation("esx01.example.org", Route.SSH, AT, "vc01", trouble=silent),
            HostObservation("esx99.example.org", Route.SSH, AT, product=Read(product)),
        ),
    )
