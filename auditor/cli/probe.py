"""What `config check` and `hosts trust` contact: a handshake or a login, and nothing more."""

from __future__ import annotations

from dataclasses import replace

from auditor.cli.wiring import vcenter_settings
from auditor.config import Config, VCenterSettings
from auditor.domain.observation import VCenterMarks


def certificate_of(vcenter: VCenterSettings, timeout: float) -> str:
    """The SHA-256 thumbprint of the certificate a vCenter shows now. Raises ``ConnectError``."""
    from auditor.vcenter.tls import fetch_thumbprint

    return fetch_thumbprint(vcenter.host, vcenter.port, timeout)


def log_in(config: Config, vcenter: VCenterSettings) -> VCenterMarks:
    """Log in to a vCenter with the configured trust and password, read its marks and log out. Raises ``AuditorError``."""
    from auditor.vcenter.inventory import read_marks
    from auditor.vcenter.soap import SoapSession

    settings = replace(vcenter_settings(config, vcenter), threads=1)
    session = SoapSession(settings.endpoint, vcenter.password.reveal)
    try:
        return read_marks(session)
    finally:
        session.close()
