"""What a host's image manager says over the SOAP API, through vCenter or at the host itself, by the readings' keys.

The values are read by the same pure parsers as esxcli's rows, so both routes hold them to the same rules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

from pyVmomi import vim

from auditor.domain.image import ImageProfile, Vib
from auditor.domain.observation import Reading
from auditor.domain.readings import acceptance_level as acceptance_reading
from auditor.domain.readings import profile as profile_reading
from auditor.domain.readings import vibs as vib_reading
from auditor.vcenter.faults import reading
from auditor.vcenter.soap import SoapSession


def read_vibs(session: SoapSession, manager: str) -> Reading[tuple[Vib, ...]]:
    """``fetchSoftwarePackages`` (vSphere API 6.5 and later; privilege Host.Config.Image, though it only reads).

    It has the VIB's build date but no install date, so that stays empty.
    """

    def fetch() -> Reading[tuple[Vib, ...]]:
        return session.call(
            lambda _: session.shared(session.object(vim.host.ImageConfigManager, manager), "FetchSoftwarePackages", _vibs)
        )

    return reading(fetch)


def _vibs(packages: Iterable[Any] | None) -> Reading[tuple[Vib, ...]]:
    return vib_reading.from_rows(
        {
            "Name": p.name,
            "Version": p.version,
            "Vendor": p.vendor,
            "AcceptanceLevel": acceptance_reading.esxcli_word(p.acceptanceLevel or ""),
        }
        for p in packages or ()
    )


def read_profile(session: SoapSession, manager: str) -> Reading[ImageProfile]:
    """``HostImageConfigGetProfile``: name and vendor."""

    def fetch() -> Reading[ImageProfile]:
        found = session.call(lambda _: session.object(vim.host.ImageConfigManager, manager).QueryHostImageProfile())
        return profile_reading.from_fields({"Name": found.name, "Vendor": found.vendor})

    return reading(fetch)


def read_acceptance_level(session: SoapSession, manager: str) -> Reading[str]:
    """``HostImageConfigGetAcceptance``."""

    def fetch() -> Reading[str]:
        word = session.call(lambda _: session.object(vim.host.ImageConfigManager, manager).QueryHostAcceptanceLevel())
        return acceptance_reading.from_word(word or "")

    return reading(fetch)


BY_KEY: Mapping[str, Callable[[SoapSession, str], Reading[Any]]] = MappingProxyType(
    {"vibs": read_vibs, "profile": read_profile, "acceptance_level": read_acceptance_level}
)
"""What the image manager, named by its id, tells, and faster than esxcli does."""
