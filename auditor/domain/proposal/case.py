"""One cluster with everything a proposal for it rests on."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from auditor.domain.assessment import Source
from auditor.domain.diagnosis.scene import ClusterScene, Scene
from auditor.domain.image import DesiredImage, ManagementMode
from auditor.domain.observation import Depot, Reading, VCenterMarks, value_of
from auditor.domain.proposal.context import ClusterExtras, DepotContents
from auditor.domain.proposal.tables import Hints
from auditor.domain.releases import ReleaseTable


@dataclass(frozen=True, slots=True)
class Case:
    """``from_host`` is the host named on the command line, or empty."""

    scene: Scene
    cluster: ClusterScene
    releases: ReleaseTable
    hints: Hints
    at: datetime
    extras: ClusterExtras = field(default_factory=ClusterExtras)
    contents: DepotContents = field(default_factory=DepotContents)
    from_host: str = ""
    source: Source = Source.LIVE

    @property
    def old(self) -> DesiredImage | None:
        return self.cluster.image

    @property
    def mode(self) -> ManagementMode | None:
        return value_of(self.cluster.view.mode)

    @property
    def depot(self) -> Reading[Depot]:
        return self.scene.view.depot

    @property
    def marks(self) -> VCenterMarks | None:
        return value_of(self.scene.view.marks)

    @property
    def composite(self) -> bool:
        """Whether the image has alternatives (9.0+), each for some of the hosts."""
        return bool(self.old and self.old.alternatives)


__all__ = ["Case"]
