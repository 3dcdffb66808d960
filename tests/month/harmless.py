"""What happens to an estate in a month and is no restore and no drift: for each event, what is true while it lasts."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from auditor.cli.exit_codes import ExitCode
from auditor.domain.image import Commit
from tests.month.driver import Deed, Desk, Event, Found
from tests.month.estate import (
    BASES,
    HA,
    Agent,
    Change,
    Cluster,
    Estate,
    Image,
    VCenter,
    add_host,
    cluster,
    commit,
    host,
    install_live,
    new_host,
    remediate,
    remove_host,
    scan,
    vcenter,
)

ADD_ON = ("HPE-Customized-AddOn", "803.0.0.12.0.0-9")
LATER_ADD_ON = ("HPE-Customized-AddOn", "803.0.0.12.1.0-4")
NEW_HA = Agent(HA.solution, HA.component, "8.0.3-24853646")
VSAN_FILE = Agent("com.vmware.vsan.fileservice", "vmware-vdfs", "8.0.3-24674346")
RENAMED = "esx-prod-03.example.org"
SIX, TWELVE = "esx06.example.org", "esx12.example.org"
OTHER_MACHINE = "4c4c4544-0000-4a10-8000-0000000000bb"
WINDOW = frozenset({"window-closed"})


def patched(estate: Estate) -> Estate:
    return vcenter(estate, "vc01", build="24853646", event=estate.vcenter("vc01").event + 4_000)


def renamed(name: str, to: str) -> Change:
    """The same managed object and the same machine under another name."""
    return lambda estate: host(estate, name, name=to)


def removed(name: str) -> Change:
    return lambda estate: remove_host(estate, name)


def remediated(name: str, *hosts: str) -> Change:
    return lambda estate: remediate(estate, name, *hosts)


def add_on_edited(add_on: tuple[str, str]) -> Change:
    def change(estate: Estate) -> Estate:
        image = replace(estate.cluster("Prod-A").image or Image(), add_on=add_on)
        return scan(commit(estate, "Prod-A", image), "Prod-A")

    return change


def put_under_image(estate: Estate) -> Estate:
    """From baselines to an image, which is what the hosts run."""
    return scan(commit(estate, "Edge", Image()), "Edge")


def failed_over(estate: Estate) -> Estate:
    """vSphere HA starts the VMs of a host elsewhere: nothing but events."""
    return vcenter(estate, "vc01", event=estate.vcenter("vc01").event + 300)


def synced(estate: Estate) -> Estate:
    known = estate.vcenter("vc01")
    return vcenter(estate, "vc01", depot=BASES, add_ons=(*known.add_ons, ADD_ON, LATER_ADD_ON))


def host_added(estate: Estate) -> Estate:
    new = new_host(8, estate.cluster("Prod-A").id, estate.cluster("Prod-A").image or Image())
    return scan(add_host(estate, "vc01", replace(new, booted=estate.now)), "Prod-A")


def cluster_added(estate: Estate) -> Estate:
    image = Image()
    new = Cluster("domain-c20", "Prod-C", image, Commit("1", "VSPHERE.LOCAL\\jane", estate.now, "new"))
    estate = vcenter(estate, "vc01", clusters=(*estate.vcenter("vc01").clusters, new))
    for number in (11, 12):
        estate = add_host(estate, "vc01", new_host(number, new.id, image))
    return scan(estate, "Prod-C")


def empty_cluster_added(estate: Estate) -> Estate:
    new = Cluster("domain-c21", "Spare", Image(), Commit("1", "VSPHERE.LOCAL\\jane", estate.now, "spare"))
    return vcenter(estate, "vc01", clusters=(*estate.vcenter("vc01").clusters, new))


def empty_cluster_removed(estate: Estate) -> Estate:
    return vcenter(estate, "vc01", clusters=tuple(c for c in estate.vcenter("vc01").clusters if c.name != "Spare"))


def raised(estate: Estate) -> Estate:
    image = replace(estate.cluster("Prod-C").image or Image(), base=BASES[2])
    return scan(commit(estate, "Prod-C", image, "October update"), "Prod-C")


def equal_commit(name: str) -> Change:
    return lambda estate: commit(estate, name, estate.cluster(name).image or Image())


def scanned(*names: str) -> Change:
    def change(estate: Estate) -> Estate:
        for name in names:
            estate = scan(estate, name)
        return estate

    return change


def added_again(estate: Estate) -> Estate:
    """Taken out of the inventory and added once more: the same machine under the same name, another managed object."""
    known = estate.host("esx11.example.org")
    return scan(add_host(remove_host(estate, known.name), "vc01", replace(known, listed="host-311")), "Prod-C")


def machine_replaced(estate: Estate) -> Estate:
    """A new server, freshly installed, for one that is scrapped: it has nothing to go back to."""
    known = estate.host("esx08.example.org")
    new = replace(
        known, listed="host-400", uuid="4c4c4544-0000-4a10-8000-0000000000cc", banks=(known.runs.base, known.runs.base)
    )
    return scan(add_host(remove_host(estate, known.name), "vc01", new), "Prod-A")


def vcenter_replaced(estate: Estate) -> Estate:
    """A freshly installed vCenter takes over clusters and hosts under the name in the configuration."""
    known = estate.vcenter("vc02")
    hosts = tuple(replace(machine, listed=f"host-1{number}") for number, machine in enumerate(known.hosts))
    return vcenter(estate, "vc02", uuid="3f1d7a3e-0000-4000-8000-000000000003", build="24022515", event=2_000, hosts=hosts)


def dns_changed(estate: Estate) -> Estate:
    return vcenter(estate, "vc02", address="vcenter2.example.org", certificate="EF" * 32)


def on_vcenter(name: str, /, **changes: object) -> Change:
    return lambda estate: vcenter(estate, name, **changes)


def on_host(name: str, /, **changes: object) -> Change:
    return lambda estate: host(estate, name, **changes)


def pins(*names: str) -> Deed:
    """Pin the SSH keys that hosts have now."""

    def deed(desk: Desk) -> None:
        for name in names:
            desk.pin(desk.estate.host(name))

    return deed


def follows(name: str) -> Deed:
    """Configure the address and the certificate that a vCenter has now."""

    def deed(desk: Desk) -> None:
        known = desk.estate.vcenter(name)
        desk.vcenters[name] = (known.address, known.certificate)
        desk.configure()

    return deed


def new_address(desk: Desk) -> None:
    known = desk.estate.host("esx04.example.org")
    desk.addresses[known.name] = known.address
    desk.pin(known)
    desk.configure()


def cron(on: bool) -> Deed:
    def deed(desk: Desk) -> None:
        desk.cron = on

    return deed


def killed(desk: Desk) -> None:
    """A snapshot is ended while it reads hosts, as by Ctrl-C."""

    def interrupt() -> None:
        raise KeyboardInterrupt

    desk.replay.meanwhile = interrupt
    desk.expect(ExitCode.INTERRUPTED, "snapshot")


def audited(desk: Desk) -> None:
    """Somebody reads an audit, with its times."""
    desk.expect(ExitCode.DONE, "audit")


def overlapped(desk: Desk) -> None:
    """An audit runs from start to end while a snapshot reads hosts."""
    desk.replay.meanwhile = lambda: desk.expect(ExitCode.DONE, "audit")
    desk.expect(ExitCode.DONE, "snapshot")


def forgotten(name: str) -> Deed:
    def deed(desk: Desk) -> None:
        desk.expect(ExitCode.DONE, "history", "forget-host", name, "--reason", "scrapped")

    return deed


def excluded(*names: str) -> Deed:
    def deed(desk: Desk) -> None:
        desk.exclude["vc01"] = list(names)
        desk.configure()

    return deed


def clock_of_the_auditor(wrong_by: timedelta) -> Deed:
    def deed(desk: Desk) -> None:
        desk.replay.wrong_by = wrong_by

    return deed


def configured(desk: Desk) -> None:
    """Write the configuration anew, with the hosts outside of the vCenters that there are."""
    desk.configure()


def found(code: str, subject: str, severity: str = "warning") -> frozenset[Found]:
    return frozenset({Found(code, severity, subject)})


def behind(name: str, *, mixed: bool = False) -> frozenset[Found]:
    return found("host-behind", name) | (found("mixed-cluster", name) if mixed else frozenset())


class Backup:
    """A backup of a vCenter, and its restore: what hosts run stays what it is."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._taken: VCenter | None = None

    def take(self, estate: Estate) -> Estate:
        self._taken = estate.vcenter(self._name)
        return estate

    def restore(self, estate: Estate) -> Estate:
        assert self._taken is not None
        now = {machine.uuid: machine for machine in estate.hosts}
        hosts = tuple(
            replace(now.get(then.uuid, then), name=then.name, listed=then.listed, cluster=then.cluster)
            for then in self._taken.hosts
        )
        certificate = estate.vcenter(self._name).certificate
        return vcenter(
            estate, self._name, event=self._taken.event, clusters=self._taken.clusters, hosts=hosts, certificate=certificate
        )


SILENT = found("view-incomplete", "vc01", "critical")
BACKUP = Backup("vc01")

HARMLESS = (
    Event(1, 3, "vCenter patched", patched),
    Event(1, 14, "VMs failed over", failed_over),
    Event(2, 10, "host renamed", renamed("esx03.example.org", RENAMED), pins(RENAMED)),
    Event(3, 9, "host moved to a cluster of the same image", on_host("esx05.example.org", cluster="domain-c8")),
    Event(3, 15, "host re-addressed", on_host("esx04.example.org", address="10.0.1.4"), new_address),
    Event(4, 2, "depot synced", synced),
    Event(4, 11, "empty cluster added", empty_cluster_added),
    Event(5, 20, "add-on edited on purpose", add_on_edited(ADD_ON), shows=behind("Prod-A"), hours=1),
    Event(
        5, 21, "half of the hosts remediated", remediated("Prod-A", "esx01.example.org", "esx02.example.org"),
        shows=behind("Prod-A", mixed=True), hours=2, notices=WINDOW,
    ),
    Event(5, 23, "the other half remediated", remediated("Prod-A"), notices=WINDOW),
    Event(6, 13, "agent updated everywhere", lambda estate: install_live(estate, "Prod-B", NEW_HA), notices=WINDOW),
    Event(7, 8, "vCenter's certificate renewed, with its new pin", on_vcenter("vc01", certificate="BC" * 32), follows("vc01")),
    Event(7, 16, "SSH host key renewed, with its new pin", on_host(SIX, key="second"), pins(SIX)),
    Event(8, 8, "cron off", deed=cron(False)),
    Event(9, 8, "cron on again after a day", deed=cron(True)),
    Event(9, 12, "a snapshot was killed", deed=killed),
    Event(10, 4, "an audit ran while a snapshot did", deed=overlapped),
    Event(10, 10, "host added", host_added, pins("esx08.example.org")),
    Event(11, 9, "cluster added", cluster_added, pins("esx11.example.org", "esx12.example.org")),
    Event(12, 5, "host in maintenance mode", on_host("esx02.example.org", maintenance=True)),
    Event(12, 8, "host rebooted", lambda estate: host(estate, "esx02.example.org", booted=estate.now)),
    Event(12, 9, "host out of maintenance mode", on_host("esx02.example.org", maintenance=False)),
    Event(12, 18, "cluster renamed", lambda estate: cluster(estate, "Prod-B", name="Production B")),
    Event(13, 7, "vCenter down", on_vcenter("vc01", up=False), shows=SILENT, hours=1, gap=True),
    Event(13, 8, "vCenter up again", on_vcenter("vc01", up=True)),
    Event(15, 1, "summer time ended", deed=audited),
    Event(16, 6, "compliance checked", scanned("Prod-A", "Production B", "Prod-C")),
    Event(
        16, 12, "commit of equal content", equal_commit("Production B"),
        shows=found("stale-scan", "Production B", "notice"), hours=1,
    ),
    Event(16, 13, "compliance checked after the commit", scanned("Production B")),
    Event(17, 11, "host removed on purpose", removed("esx07.example.org"), forgotten("esx07.example.org")),
    Event(17, 15, "cluster on baselines put under an image", put_under_image),
    Event(18, 10, "vCenter has another DNS name", dns_changed, follows("vc02")),
    Event(18, 12, "vCenter backed up", BACKUP.take),
    Event(19, 20, "image raised", raised, shows=behind("Prod-C"), hours=1),
    Event(
        19, 21, "one of its hosts remediated", remediated("Prod-C", "esx11.example.org"),
        shows=behind("Prod-C", mixed=True), hours=1,
    ),
    Event(19, 22, "its other hosts remediated", remediated("Prod-C")),
    Event(20, 2, "vCenter's clock two days ahead", on_vcenter("vc01", ahead=timedelta(days=2))),
    Event(20, 9, "commit while it was", equal_commit("Prod-A"), shows=found("stale-scan", "Prod-A", "notice"), hours=1),
    Event(20, 10, "compliance checked by that clock", scanned("Prod-A")),
    Event(21, 3, "vCenter's clock corrected by NTP", on_vcenter("vc01", ahead=timedelta())),
    Event(21, 10, "add-on edited after the correction", add_on_edited(LATER_ADD_ON), shows=behind("Prod-A"), hours=1),
    Event(21, 11, "all hosts remediated", remediated("Prod-A"), notices=WINDOW),
    Event(22, 14, "solution enabled", lambda estate: install_live(estate, "Prod-C", VSAN_FILE), notices=WINDOW),
    Event(22, 20, "stand-alone host put into a cluster", on_host("esx23.example.org", cluster="domain-c8")),
    Event(23, 9, "cluster excluded", deed=excluded("Prod-A")),
    Event(24, 9, "cluster included again", deed=excluded()),
    Event(24, 15, "the auditor's clock an hour ahead", deed=clock_of_the_auditor(timedelta(hours=1))),
    Event(24, 21, "the auditor's clock put right", deed=clock_of_the_auditor(timedelta())),
    Event(25, 9, "main board replaced", on_host(TWELVE, uuid=OTHER_MACHINE), pins(TWELVE)),
    Event(25, 14, "host taken out and added again", added_again),
    Event(26, 10, "empty cluster removed", empty_cluster_removed),
    Event(26, 16, "unused images removed from the depot", on_vcenter("vc01", depot=BASES[1:])),
    Event(27, 4, "vCenter upgraded to another release", on_vcenter("vc02", version="9.0.0", build="24755230")),
    Event(27, 9, "host has its old name again", renamed(RENAMED, "esx03.example.org")),
    Event(27, 15, "host's name in capitals", renamed(SIX, "ESX06.example.org"), pins("ESX06.example.org")),
    Event(26, 20, "machine replaced by another under its name", machine_replaced, pins("esx08.example.org")),
    Event(27, 1, "vCenter replaced by a new one", vcenter_replaced),
    Event(28, 3, "image edited by mistake", add_on_edited(ADD_ON), shows=behind("Prod-A"), hours=1),
    Event(28, 4, "and set back on purpose", add_on_edited(LATER_ADD_ON)),
    Event(28, 12, "host no more configured", lambda estate: replace(estate, outside=()), configured),
)  # fmt: skip
"""A month of them. Those that show something show what is true while it lasts, and nothing more."""

RESTORE = Event(29, 20, "vCenter restored", BACKUP.restore, shows=found("restore-detected", "vc01", "critical"), hours=1)
"""What all the others must not look like."""
