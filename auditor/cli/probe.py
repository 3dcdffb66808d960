"""What `config check` and `hosts trust` contact: a handshake or a login, and nothing more."""

from __future__ import annotations

from auditor.config import Config, VCenterSettings
from auditor.domain.observation import VCenterMarks


def certificate_of(vcenter: VCenterSettings, timeout: float) -> str:
    """The SHA-256 thumbprint of the certificate a vCenter shows now. Raises ``ConnectError``."""
    from auditor.vcenter.tls import fetch_thumbprint

    return fetch_thumbprint(vcenter.host, vcenter.port, timeout)


def log_in(config: Config, vcenter: VCenterSettings) -> VCenterMarks:
    """Log in to a vCenter with the configured trust and password, read its marks and log out. Raises ``AuditorError``."""
    from auditor.vcenter.inventory import read_marks
    from auditor.vcenter.settings import VCenterSettings as Connection
    from auditor.vcenter.soap import SoapSession

    settings = Connection(
        name=vcenter.name,
        host=vcenter.host,
        user=vcenter.user,
        port=vcenter.port,
        thumbprint=vcenter.thumbprint or None,
        ca_file=vcenter.ca_file,
        threads=1,
        connect_timeout=config.deadlines.connect,
        read_timeout=config.deadlines.command,
    )
    session = SoapSession(settings.endpoint, vcenter.password.reveal)
    try:
        return read_marks(session)
    finally:
        session.close()
