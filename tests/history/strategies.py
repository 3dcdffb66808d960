"""Random domain values for the history: everything an observation can hold, also the odd and the empty."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from auditor.domain.image import (
    AddOn,
    BaseImage,
    Commit,
    Component,
    DesiredImage,
    HardwareSupport,
    ImageProfile,
    ManagementMode,
    Product,
    Solution,
    Vib,
)
from auditor.domain.observation import (
    BankReading,
    ClusterVerdict,
    ClusterView,
    Depot,
    ElementVerdict,
    Estate,
    HostObservation,
    HostVerdict,
    InventoryHost,
    Read,
    Reason,
    Route,
    StagedImage,
    Unread,
    VCenterMarks,
    VCenterView,
)
from auditor.domain.versions import BaseImageVersion

START = datetime(2026, 1, 1, tzinfo=UTC)

text = st.sampled_from(["", "a", "VMware", "ä ✓", 'quote " and \\', "nul \0 inside", "line\nbreak", "null", "{}"])
names = st.sampled_from(["esx01.lab", "esx02.lab", "esx03.lab", "10.0.0.4"])
moids = st.sampled_from(["domain-c1", "domain-c2", "domain-c9"])
times = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)).map(lambda t: t.replace(tzinfo=UTC))  # noqa: DTZ001
versions = st.sampled_from(
    ["8.0.3-0.70.24674464", "8.0.3-0.60.24585383", "7.0.3-0.125.23794027", "9.1.0.0200.25557999", "9.1.0.0.25370933"]
).map(BaseImageVersion.parse)
in_depot = st.sampled_from([None, True, False])
raw = st.sampled_from(["", "sh: not found", "lone surrogate \udce4 and ä"])
unread = st.builds(Unread, st.sampled_from(Reason), text, raw)


def reading(value: st.SearchStrategy) -> st.SearchStrategy:
    return st.one_of(value.map(Read), value.map(Read), unread, st.just(Unread(Reason.NOT_ATTEMPTED)))


def tuples(value: st.SearchStrategy, size: int = 3) -> st.SearchStrategy:
    return st.lists(value, max_size=size).map(tuple)


base_images = st.builds(BaseImage, versions, text, in_depot)
add_ons = st.builds(AddOn, text, text, text, in_depot)
components = st.builds(Component, text, text, text, text)
dates = st.sampled_from(["", "2026-01-02", "2025-11-30"])
vibs = st.builds(Vib, text, text, text, text, dates, text)
banks = st.builds(
    BankReading,
    st.sampled_from(["/bootbank", "/altbootbank", ""]),
    target=reading(st.sampled_from(["/vmfs/volumes/a", "/vmfs/volumes/b"])),
    boot_cfg=reading(st.sampled_from([b"", b"bootstate=0\nupdated=3\n", b"\xff\x00\xe4"])),
    files=reading(st.sampled_from([(), ("boot.cfg", "state.tgz")])),
    partition=reading(st.integers(1, 9)),
)
observations = st.builds(
    HostObservation,
    host=names,
    route=st.sampled_from(Route),
    at=times,
    vcenter=st.sampled_from(["", "vc-a", "vc-b"]),
    product=reading(st.builds(Product, text, text, text, text, text, text)),
    profile=reading(st.builds(ImageProfile, text, text, st.booleans())),
    base_image=reading(base_images),
    add_on=reading(st.none() | add_ons),
    components=reading(tuples(components)),
    acceptance_level=reading(st.sampled_from(["PartnerSupported", "CommunitySupported"])),
    vibs=reading(tuples(vibs, 4)),
    staged=reading(st.none() | st.builds(StagedImage, text, st.none() | base_images, tuples(vibs))),
    maintenance_mode=reading(st.booleans()),
    banks=tuples(banks),
    boot_volumes=reading(tuples(st.sampled_from(["/vmfs/volumes/a", "/vmfs/volumes/b"]))),
    stateless=reading(st.booleans()),
    trouble=st.none() | unread,
)

images = st.builds(
    DesiredImage,
    st.none() | base_images,
    st.none() | add_ons,
    st.dictionaries(text, st.none() | text, max_size=2),
    tuples(st.builds(Solution, text, text, tuples(components)), 2),
    tuples(st.builds(HardwareSupport, text, text, text), 1),
    tuples(text, 2),
    tuples(text, 2),
    text,
)
commits = st.builds(Commit, st.sampled_from(["4", "5", "6"]), text, st.none() | times, text)
elements = st.builds(ElementVerdict, text, st.none() | text, st.none() | text, in_depot, in_depot, text, text)
named_elements = tuples(st.tuples(text, elements), 2)
verdicts = st.builds(
    HostVerdict,
    st.sampled_from(["host-1", "host-2"]),
    text,
    st.none() | elements,
    st.none() | elements,
    named_elements,
    named_elements,
    named_elements,
    text,
    text,
)
compliances = st.builds(
    ClusterVerdict,
    text,
    st.none() | times,
    text,
    text,
    tuples(verdicts, 2),
    tuples(st.sampled_from(["host-8", "host-9"]), 2),
    tuples(st.tuples(text, text), 2),
)
clusters = st.builds(
    ClusterView,
    moids,
    text,
    reading(st.sampled_from(ManagementMode)),
    reading(images),
    reading(commits),
    reading(compliances),
)
marks = st.builds(
    VCenterMarks,
    st.sampled_from(["uuid-1", "uuid-2"]),
    st.sampled_from(["8.0.3", "7.0.3"]),
    st.sampled_from(["24022515", "23788036"]),
    reading(st.integers(0, 2**31)),
    reading(times),
    reading(times),
)
inventory = st.builds(
    InventoryHost,
    st.sampled_from(["host-1", "host-2", "host-3"]),
    names,
    st.just("") | moids,
    text,
    text,
    text,
    text,
    in_depot,
    text,
    st.none() | times,
    in_depot,
)
views = st.builds(
    VCenterView,
    st.sampled_from(["vc-a", "vc-b"]),
    times,
    reading(marks),
    reading(tuples(clusters)),
    reading(tuples(inventory, 4)),
    reading(st.builds(Depot, tuples(text), tuples(st.tuples(text, text)))),
)
estates = st.builds(Estate, times, tuples(views, 2), tuples(observations, 5))


def at(minutes: float) -> datetime:
    """A time of a test: minutes after its start."""
    return START + timedelta(minutes=minutes)
