"""The names vendors give their add-ons, and what such a name hints at.

The image profile of a vendor's image is named ``NAME_VERSION`` after its add-on (field note, vlcm c3). Seen forms:

    Dell     DEL-ESXi 803.24414501-A03, DEL-ESXi-703 23794027-A24
    HPE      HPE-Custom-AddOn 803.0.0.11.8.0-6, HPE-Custom-Syn-AddOn …
    Cisco    Cisco-UCS-Addon-ESXi-70U3d-19482537 4.2.2-a
    Lenovo   LVO_8.0.3 LVO.803.12.1, LVO 8.0.3-LVO.803.12.1

The release and the build in a name are custom, not rule: an add-on may go with another patch than the one it was released
with, and really does (Dell's 24414501 with base image 24585383). They are hints for people, never a reason to refuse.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_FORMS = tuple(
    (vendor, re.compile(name, re.ASCII), re.compile(version, re.ASCII))
    for vendor, name, version in (
        ("Dell", r"DEL-ESXi", r"(?P<release>[0-9]{3})\.(?P<build>[0-9]{6,9})-A[0-9]+"),
        ("Dell", r"DEL-ESXi-(?P<release>[0-9]{3})", r"(?P<build>[0-9]{6,9})-A[0-9]+"),
        ("HPE", r"HPE-Custom(?:-[A-Za-z0-9]+)*-AddOn", r"(?P<release>[0-9]{3})\.[0-9.]+-[0-9]+"),
        ("Cisco", r"Cisco-UCS-Addon-ESXi-(?P<update>[0-9]{2}(?:U[0-9][a-z]*)?)-(?P<build>[0-9]{6,9})", r"[0-9][0-9A-Za-z.-]*"),
        ("Lenovo", r"LVO_[0-9.]+", r"LVO\.(?P<release>[0-9]{3})\.[0-9.]+"),
        ("Lenovo", r"LVO", r"[0-9.]+-LVO\.(?P<release>[0-9]{3})\.[0-9.]+"),
    )
)


@dataclass(frozen=True, slots=True)
class AddOnName:
    """An add-on's two names, and what they hint at; an empty text where they do not.

    ``vendor`` is empty when the form is none of the known ones. ``release`` is a release such as ``8.0.3``, ``build`` the
    build number of the base image the add-on was released with.
    """

    name: str
    version: str
    vendor: str = ""
    release: str = ""
    build: str = ""


def describe(name: str, version: str) -> AddOnName:
    """What add-on ``name`` ``version`` hints at."""
    for vendor, names, versions in _FORMS:
        in_name, in_version = names.fullmatch(name), versions.fullmatch(version)
        if in_name and in_version:
            hints = {**in_name.groupdict(), **in_version.groupdict()}
            return AddOnName(name, version, vendor, _release(hints), hints.get("build", ""))
    return AddOnName(name, version)


def from_profile_name(text: str) -> AddOnName | None:
    """The add-on an image profile is named after; None when ``text`` is not of the form ``NAME_VERSION``.

    Lenovo's name holds an underscore itself and no version does, so the last one parts them.
    """
    name, _, version = text.strip().rpartition("_")
    return describe(name, version) if name and version else None


def _release(hints: dict[str, str]) -> str:
    if "release" in hints:
        return ".".join(hints["release"])
    if "update" in hints:  # 70U3d
        number, _, update = hints["update"].partition("U")
        return ".".join((*number, update[:1] or "0"))
    return ""
