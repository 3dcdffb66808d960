"""Two bundles that say different things under one name and version."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.depot import read_bundle
from auditor.domain.bundle import Bundle, Checksum, ComponentEntry, VibEntry
from auditor.domain.bundle_contradictions import Held, contradictions
from auditor.domain.bundle_layers import split
from tests.depot.build import BUNDLES, Change, Files, Quiet, build

BASE = "8.0.3-0.70.24674464"
ADD_ON = "803.0.0.11.8.0-6"
ILO = "800.10.9.0.5-1OEM.800.1.0.20613240"
TOOLS = "VMware-VM-Tools_12.5.1.24649672-24649907"


def read(folder: Path, file: str, name: str, **changes: Any) -> Bundle:
    return read_bundle(build(folder / file, name, **changes), Quiet(), verify_vibs=True)


def other_payload(part: str) -> Change:
    """Another .vib under the same name, which the bundle's own metadata describes rightly."""

    def change(files: Files) -> None:
        name = next(name for name in files if part in name)
        files[name] = files[name].replace(b"payload1", b"payload2")

    return change


def without(text: str, *parts: str, instead: str = "something-else") -> Change:
    """The text is another one in the files that are named so."""

    def change(files: Files) -> None:
        for name in [name for name in files if any(part in name for part in parts)]:
            assert text.encode() in files[name]
            files[name] = files[name].replace(text.encode(), instead.encode())

    return change


def told(one: Bundle, other: Bundle) -> list[tuple[str, str, str]]:
    return [(each.held.value, each.name, each.version) for each in contradictions([one, other])]


def test_bundles_that_share_what_is_the_same_do_not_contradict_each_other(tmp_path: Path) -> None:
    bundles = [read(tmp_path, f"{name}.zip", name) for name in BUNDLES]
    assert {("ESXi", BASE)} <= {(c.name, c.version) for c in bundles[0].components} & {
        (c.name, c.version) for c in bundles[1].components
    }
    assert contradictions([*bundles, *bundles]) == ()


def test_a_base_image_with_another_vib_is_named_with_its_component(tmp_path: Path) -> None:
    one = read(tmp_path, "a.zip", "base-image")
    for name in ("base-image", "dell-custom"):
        other = read(tmp_path, "b.zip", name, vibs=other_payload("esx-base"))
        assert other.sound
        assert told(one, other) == [("base-image", "ESXi", BASE), ("component", "ESXi", BASE)]
        base, component = contradictions([one, other])
        assert base.files == (str(tmp_path / "a.zip"), str(tmp_path / "b.zip"))
        assert f"component ESXi {BASE} differs" in base.differs
        assert component.differs[0].startswith(f"VIB VMware_bootbank_esx-base_{BASE}: sha")


def test_an_add_on_with_another_vib(tmp_path: Path) -> None:
    one = read(tmp_path, "a.zip", "hpe-add-on")
    other = read(tmp_path, "b.zip", "hpe-add-on", vibs=other_payload("ilo"))
    assert told(one, other) == [("add-on", "HPE-Custom-AddOn", ADD_ON), ("component", "ilo-driver", ILO)]
    assert told(other, one) == told(one, other)


def test_a_component_with_other_vibs(tmp_path: Path) -> None:
    one = read(tmp_path, "a.zip", "base-image")
    change = without("<vibID>VMW_bootbank_ntg3_", "bulletins/ESXi_", "vmware.xml", instead="<vibID>VMW_bootbank_other_")
    other = read(tmp_path, "b.zip", "base-image", metadata=change)
    found = contradictions([one, other])
    assert [each.held for each in found] == [Held.BASE_IMAGE, Held.COMPONENT]
    assert any(part.startswith(f"only in {tmp_path / 'a.zip'}: VIB VMW_bootbank_ntg3_") for part in found[1].differs)


def test_a_stated_base_image_whose_file_does_not_name_a_component(tmp_path: Path) -> None:
    one = read(tmp_path, "a.zip", "base-image")
    other = read(tmp_path, "b.zip", "base-image", metadata=without(TOOLS, "baseImages/"))
    (found,) = contradictions([one, other])
    assert (found.held, found.version) == (Held.BASE_IMAGE, BASE)
    assert found.differs == (f"component {TOOLS.replace('_', ' ')} only in {tmp_path / 'a.zip'}",)


def test_what_a_bundle_merely_does_not_carry_is_no_contradiction(tmp_path: Path) -> None:
    one = read(tmp_path, "a.zip", "base-image")
    lean = replace(one, file="b.zip", components=one.components[:1], vibs=one.vibs[:1])
    assert contradictions([one, replace(lean, layers=split(lean))]) == ()
    unread = replace(one.base_images[0].source, whole=False, refers_to=())
    images = (replace(one.base_images[0], source=unread),)
    cut = replace(one, file="b.zip", base_images=images)
    assert contradictions([one, replace(cut, layers=split(cut))]) == ()


def test_vibs_of_no_component(tmp_path: Path) -> None:
    one = read(tmp_path, "a.zip", "old-kind")
    name = one.vibs[0].name
    other = read(tmp_path, "b.zip", "old-kind", vibs=other_payload(name))
    assert (Held.VIB, name) in {(each.held, each.name) for each in contradictions([one, other])}


sums = st.lists(st.sampled_from([Checksum("sha-1", "a"), Checksum("sha-256", "b")]), unique=True, max_size=2).map(tuple)


@given(sums, sums, st.sampled_from([None, 7]))
def test_what_only_one_of_them_states_contradicts_nothing(own: Any, theirs: Any, size: int | None) -> None:
    def bundle(file: str, checks: Any, packed: int | None) -> Bundle:
        vib = VibEntry("x", "1", "V", id="V_bootbank_x_1", checksums=checks, packed_size=packed)
        return Bundle(file, 1, verified=False, vibs=(vib,), components=(ComponentEntry("x", "1", vibs=(vib.id,)),))

    assert contradictions([bundle("a", own, size), bundle("b", theirs, 7)]) == ()


@pytest.mark.parametrize("count", [2, 3])
def test_every_pair_is_told(tmp_path: Path, count: int) -> None:
    one = read(tmp_path, "a.zip", "hpe-add-on")
    others = [read(tmp_path, f"b{n}.zip", "hpe-add-on", vibs=other_payload("ilo")) for n in range(count)]
    assert len(contradictions([one, *others])) == 2 * count
