"""The names vendors give their add-ons; every one here was seen in the field."""

from __future__ import annotations

import pytest

from auditor.domain.add_on_names import AddOnName, from_profile_name


@pytest.mark.parametrize(
    ("profile", "expected"),
    [
        ("DEL-ESXi_803.24414501-A03", AddOnName("DEL-ESXi", "803.24414501-A03", "Dell", "8.0.3", "24414501")),
        ("DEL-ESXi-703_23794027-A24", AddOnName("DEL-ESXi-703", "23794027-A24", "Dell", "7.0.3", "23794027")),
        ("DEL-ESXi-702_17867351-A03", AddOnName("DEL-ESXi-702", "17867351-A03", "Dell", "7.0.2", "17867351")),
        ("HPE-Custom-AddOn_703.0.0.10.9.0-11", AddOnName("HPE-Custom-AddOn", "703.0.0.10.9.0-11", "HPE", "7.0.3")),
        ("HPE-Custom-Syn-AddOn_900.0.0.12.3.5-5", AddOnName("HPE-Custom-Syn-AddOn", "900.0.0.12.3.5-5", "HPE", "9.0.0")),
        (
            "Cisco-UCS-Addon-ESXi-70U3d-19482537_4.2.2-a",
            AddOnName("Cisco-UCS-Addon-ESXi-70U3d-19482537", "4.2.2-a", "Cisco", "7.0.3", "19482537"),
        ),
        ("LVO_8.0.3_LVO.803.12.1", AddOnName("LVO_8.0.3", "LVO.803.12.1", "Lenovo", "8.0.3")),
        ("LVO_8.0.2-LVO.802.12.0", AddOnName("LVO", "8.0.2-LVO.802.12.0", "Lenovo", "8.0.2")),
        ("FJT-Addon_1.2", AddOnName("FJT-Addon", "1.2")),
        ("DEL-ESXi_rebuilt", AddOnName("DEL-ESXi", "rebuilt")),
    ],
)
def test_name_version_and_hints(profile: str, expected: AddOnName) -> None:
    assert from_profile_name(profile) == expected


@pytest.mark.parametrize("profile", ["ESXi-8.0U3k-25595708-standard", "ESXi-9.1.0.0200-25557999-standard", "", "_", "x_", "_x"])
def test_a_plain_profile_names_no_add_on(profile: str) -> None:
    assert from_profile_name(profile) is None
