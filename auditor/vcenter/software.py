"""What a host's image manager says over the SOAP API, through vCenter or at the host itself: VIBs and image profile."""

from __future__ import annotations

from typing import Any

from pyVmomi import vim

from auditor.domain.image import ImageProfile, Vib
from auditor.domain.observation import Reason
from auditor.vcenter.faults import unanswered
from auditor.vcenter.soap import SoapSession


def read_vibs(session: SoapSession, manager: str) -> tuple[Vib, ...]:
    """``fetchSoftwarePackages`` (vSphere API 6.5 and later; privilege Host.Config.Image, though it only reads).

    It has the VIB's build date but no install date, so that stays empty. An empty answer is no answer: every ESXi has VIBs.
    """
    packages = session.call(lambda _: session.object(vim.host.ImageConfigManager, manager).FetchSoftwarePackages())
    if not packages:
        raise unanswered(Reason.UNREADABLE, "fetchSoftwarePackages named no VIB at all; no ESXi is without")
    return tuple(sorted(_vib(package) for package in packages))


def _vib(package: Any) -> Vib:
    return Vib(
        name=package.name, version=package.version, vendor=package.vendor or "", acceptance_level=package.acceptanceLevel or ""
    )


def read_profile(session: SoapSession, manager: str) -> ImageProfile:
    """``HostImageConfigGetProfile``: name and vendor. ESXi puts "(Updated)" before the name of a profile that was changed."""
    profile = session.call(lambda _: session.object(vim.host.ImageConfigManager, manager).QueryHostImageProfile())
    name = profile.name or ""
    return ImageProfile(name=name, vendor=profile.vendor or "", updated=name.startswith("(Updated)"))
