"""A small simulated vCenter whose hosts are ahead of their cluster's image, and what an apply needs to work on it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from auditor.domain.observation import Route
from auditor.domain.past import Past
from auditor.domain.proposal.values import ImageProposal
from auditor.history.journal import SqliteJournal
from auditor.lab.hosts.host import LabHost
from auditor.lab.hosts.images import find_add_on, make_image
from auditor.lab.vcenter.database import Commit, Draft
from auditor.lab.vcenter.depot import DesiredSoftware
from auditor.lab.vcenter.state import LabVCenter
from auditor.ports import HostTarget, ImageEditor, Journal
from auditor.tables import load_release_table
from auditor.vcenter.editor import VCenterImageEditor
from auditor.vcenter.reader import VCenterRouteReader
from auditor.vcenter.settings import VCenterSettings
from auditor.vcenter.tasks import Patience as EditorPatience
from auditor.workflows.apply_look import Tools
from auditor.workflows.apply_run import Patience
from auditor.workflows.collect import Sources
from auditor.workflows.proposal_file import write_proposal
from auditor.workflows.propose import Ask, Tables, propose_live
from tests.vcenter.editing import ADD_ON, NEW, OLD, QUICK, Place, served
from tests.workflows.fakes import Quiet

CAROL = "carol@lab.example"
TARGET = DesiredSoftware(NEW, ADD_ON)
SHORT = Patience(absence=90, pause=0.1)


class Now:
    """The machine's clock, as the lab has it."""

    def now(self) -> datetime:
        return datetime.now(UTC)


@dataclass(frozen=True)
class Access:
    """How to reach the simulated vCenter, also from another process."""

    host: str
    port: int
    thumbprint: str
    user: str
    password: str
    folder: str

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @staticmethod
    def from_json(text: str) -> Access:
        return Access(**json.loads(text))

    @property
    def settings(self) -> VCenterSettings:
        return VCenterSettings("lab", self.host, self.user, self.port, self.thumbprint, read_timeout=60.0)

    @property
    def history(self) -> Path:
        return Path(self.folder) / "history.db"


Wrap = Callable[[Tools], Tools]


@contextmanager
def tools(
    access: Access, *, may_commit: bool = True, past: Past | None = None, patience: EditorPatience = QUICK
) -> Iterator[Tools]:
    """Real adapters for the one vCenter, and a real journal."""
    reader = VCenterRouteReader(access.settings, lambda: access.password, Now())
    editor: ImageEditor = VCenterImageEditor(access.settings, lambda: access.password, may_commit=may_commit, patience=patience)
    journal: Journal = SqliteJournal(access.history)
    sources = Sources(
        vcenters=(reader,),
        routes={"lab": frozenset({Route.VCENTER})},
        direct={},
        target=lambda vc, name, route: HostTarget(name, name, 22, vc),
        images={"lab": reader},
        concurrency=4,
    )
    try:
        yield Tools(
            sources=sources,
            editor=editor,
            journal=journal,
            past=past or Past(),
            tables=Tables(load_release_table(None)),
            clock=Now(),
            progress=Quiet(),
            keep=lambda made: str(write_proposal(Path(access.folder), made, f"{made.id}.inverse.json")),
        )
    finally:
        editor.close()
        reader.close()
        journal.close()  # type: ignore[attr-defined]


def fill(vcenter: LabVCenter) -> LabVCenter:
    """Cluster `prod` asks for OLD, its hosts run NEW with an add-on; somebody else has a draft on it since three days."""
    depot = vcenter.database.depot
    depot.add_base_image(OLD)
    depot.add_base_image(NEW)
    depot.add_add_on(find_add_on(*ADD_ON))
    vcenter.add_cluster("prod")
    for number in (1, 2):
        vcenter.add_host(LabHost(f"prod-{number}.lab.example", make_image(NEW, find_add_on(*ADD_ON))), "prod")
    vcenter.set_desired("prod", DesiredSoftware(OLD), message="first image")
    vcenter.scan("prod")
    other = vcenter.add_draft("prod", DesiredSoftware(NEW), owner=CAROL)
    vcenter.database.drafts[other.id] = replace(other, created=other.created - timedelta(days=3))
    return vcenter


class Stage:
    """One served vCenter with what tests ask of it."""

    def __init__(self, place: Place, folder: Path) -> None:
        self.place, self.vcenter = place, place.vcenter
        server = place.server
        self.access = Access(
            "127.0.0.1",
            server.http.port,
            server.certificate.thumbprint,
            self.vcenter.sessions.user,
            self.vcenter.password,
            str(folder),
        )
        self.digests = place.host_digests()
        self.foreign = self.drafts_of(CAROL)
        self.first = self.vcenter.cluster("prod").desired

    def tools(self, *, may_commit: bool = True) -> Iterator[Tools]:
        return tools(self.access, may_commit=may_commit)  # type: ignore[return-value]

    def proposal(self) -> ImageProposal:
        found = self.proposals()
        assert found.ready
        return found

    def proposals(self) -> ImageProposal:
        """Ready or not."""
        with tools(self.access, may_commit=False) as made:
            [found] = propose_live(made.sources, Past(), made.tables, Ask(("prod",)), Now(), Quiet())
        return found

    def drafts_of(self, owner: str) -> tuple[Draft, ...]:
        return tuple(draft for draft in self.vcenter.database.drafts.values() if draft.owner == owner)

    @property
    def own(self) -> tuple[Draft, ...]:
        return self.drafts_of(self.vcenter.sessions.user)

    @property
    def commits(self) -> list[Commit]:
        """The commits that an apply made."""
        return [commit for commit in self.vcenter.cluster("prod").commits.values() if "auditor apply" in commit.message]

    @property
    def desired(self) -> DesiredSoftware:
        commit = self.vcenter.cluster("prod").commit
        assert commit is not None
        return commit.software

    def commits_sent(self) -> int:
        return sum(call.operation == "commit$task" for call in self.vcenter.calls.all())

    def untouched(self) -> None:
        """No host was touched, and nobody else's draft."""
        assert self.place.host_digests() == self.digests
        assert self.place.host_acts() == []
        assert self.drafts_of(CAROL) == self.foreign


@contextmanager
def stage(folder: Path, version: str = "8.0.3") -> Iterator[Stage]:
    with served(fill(LabVCenter(version)), folder) as place:
        yield Stage(place, folder)
