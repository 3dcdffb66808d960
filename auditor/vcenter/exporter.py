"""Exports of cluster images through vCenter: ``auditor.ports.ImageExporter``.

vCenter writes a file on its own disk and gives a URL; nothing else changes, but building an ISO image or a bundle takes it
minutes and gigabytes. Solutions are never part of an export.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from com.vmware.esx.settings.clusters_client import Software

from auditor.domain.editing import Downloaded, ExportKind
from auditor.errors import ReadError
from auditor.vcenter.operations import Effect
from auditor.vcenter.settings import VCenterSettings
from auditor.vcenter.tasks import Patience, Told, VlcmClient, silent
from auditor.vcenter.transfer import download

EXPORTING: frozenset[Effect] = frozenset({"session", "read", "compute"})


class VCenterImageExporter(VlcmClient):
    """Exports images of one vCenter's clusters. Used from one thread. Errors as of ``VCenterImageEditor``.

    The call has no task and answers when the file is made, so ``settings.read_timeout`` must allow for that.
    """

    def __init__(self, settings: VCenterSettings, password: Callable[[], str], patience: Patience | None = None) -> None:
        super().__init__(settings, password, EXPORTING, patience)

    def export(self, cluster: str, kind: ExportKind) -> str:
        """Have a file made and give the URL to fetch it from."""
        spec = Software.ExportSpec(
            export_software_spec=kind is ExportKind.SPECIFICATION,
            export_iso_image=kind is ExportKind.ISO,
            export_offline_bundle=kind is ExportKind.BUNDLE,
        )
        urls = self._read(Software, "export", cluster=cluster, spec=spec)
        url = next((url for key, url in (urls or {}).items() if str(key) == kind.value), None)
        if not url:
            raise ReadError(f"the export gave no URL of kind {kind.value}", where=self._endpoint.where)
        return str(url)

    def fetch(self, url: str, target: Path, told: Told = silent, *, allow_http: bool = False) -> Downloaded:
        """Fetch an export into a file. Raises ``TrustError`` for a URL of plain HTTP unless ``allow_http``."""
        return self._typed(lambda: download(self._session, url, target, told, allow_http=allow_http), written=False)


__all__ = ["VCenterImageExporter"]
