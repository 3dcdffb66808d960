"""An operation and the cluster it is about: what it works with, its journal, and a look at what vCenter has of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from auditor.domain.editing import Draft
from auditor.domain.image import Commit
from auditor.domain.journal import Operation
from auditor.domain.observation import Unread
from auditor.domain.past import Past
from auditor.domain.proposal.apply import Looked
from auditor.domain.proposal.edits import differences, fingerprint
from auditor.domain.proposal.steps import Record, Step, key, token
from auditor.domain.proposal.values import Candidate, ImageProposal
from auditor.errors import AbsentError, ConnectError, InputError, ReadError, RefusedError
from auditor.ports import Clock, ImageEditor, Journal, Progress, Told, VCenterReader
from auditor.workflows.collect import Sources, newest_commits
from auditor.workflows.propose import Tables
from auditor.workflows.told import told

Data = dict[str, str]


class SurpriseError(RefusedError):
    """Something is not as the proposal predicts. ``data`` is what the journal keeps of it."""

    def __init__(self, what: str, data: Mapping[str, str] | None = None) -> None:
        super().__init__(what)
        self.data = dict(data or {})


@dataclass(frozen=True)
class Tools:
    """What an apply works with. ``sources`` has the one vCenter; ``keep`` saves the inverse proposal and gives its place."""

    sources: Sources
    editor: ImageEditor
    journal: Journal
    past: Past
    tables: Tables
    clock: Clock
    progress: Progress
    keep: Callable[[ImageProposal], str]


class Looker:
    """One operation, as a run sees it."""

    def __init__(self, proposal: ImageProposal, operation: Operation, tools: Tools) -> None:
        if proposal.chosen is None:
            raise InputError("it proposes nothing", where=proposal.cluster)
        self.proposal, self.operation, self.tools = proposal, operation, tools
        self.chosen: Candidate = proposal.chosen
        self.target = proposal.chosen.target
        self.cluster = proposal.cluster_id
        self.mark = token(operation.id, operation.started, proposal.digest)

    @property
    def editor(self) -> ImageEditor:
        return self.tools.editor

    @property
    def record(self) -> Record:
        """The journal as it is now."""
        return Record(self.tools.journal.entries(self.operation.id))

    def reader(self) -> VCenterReader:
        """The reader of the proposal's vCenter."""
        return next(reader for reader in self.tools.sources.vcenters if reader.name == self.proposal.vcenter)

    def same_vcenter(self) -> None:
        """Raise ``ReadError`` when another vCenter answers under that name now: it has clusters of the same ids. Raises
        ``ConnectError`` when it does not say which it is."""
        marks = self.reader().view(self.tools.progress, self.recorded()).marks
        if isinstance(marks, Unread):
            raise ConnectError(f"it does not say which vCenter it is: {marks}", where=self.proposal.vcenter)
        if marks.value.instance_uuid != self.proposal.instance_uuid:
            raise ReadError(
                f"it is vCenter {marks.value.instance_uuid}; the operation was begun on {self.proposal.instance_uuid}",
                where=self.proposal.vcenter,
                hint="let the name in the configuration mean that one again",
            )

    def recorded(self) -> dict[str, str]:
        """The newest commit of the cluster that history knows, from which newer ones are searched."""
        return newest_commits(self.tools.past, self.proposal.vcenter)

    def look(self) -> Looked:
        """Drafts, running tasks, and our commit if there is one. Raises what the editor raises."""
        record = self.record
        drafts = self.editor.drafts(self.cluster)
        contents = {}
        if record.draft_in_doubt:
            contents = {d.id: fingerprint(self.editor.draft_image(self.cluster, d)) for d in drafts if d.own}
        return Looked(
            drafts=drafts,
            contents=contents,
            before=record.data(Step.FACTS).get("image", ""),
            target=fingerprint(self.target),
            ours=self._our_commit(record) if record.begun(Step.COMMIT) else None,
            running=tuple(task for task in self.editor.operations(self.cluster) if task.running),
        )

    def _our_commit(self, record: Record) -> Commit | None:
        """The commit that carries our token: the newest, one below it, or the one that a scan names as in force. vLCM has no
        list of commits, and a search by number can miss one where the commit before was not known."""
        known = record.data(Step.FACTS).get("commit", "")
        try:
            newest = self.editor.newest_commit(self.cluster, known)
        except AbsentError:  # the commit before is gone: vCenter was restored
            known, newest = "", self.editor.newest_commit(self.cluster)
        for commit in self._down(newest, known):
            if self.mark in commit.description:
                return commit
        if differences(self.editor.image(self.cluster), self.target):
            return None
        named = self.editor.scan(self.cluster, self.told(Step.SCAN)).commit
        in_force = self.editor.commit_info(self.cluster, named) if named else None
        return in_force if in_force and self.mark in in_force.description else None

    def _down(self, newest: Commit | None, known: str) -> Iterable[Commit]:
        if newest is None:
            return
        yield newest
        if newest.id.isdecimal() and known.isdecimal():
            for number in range(int(newest.id) - 1, int(known), -1):
                try:
                    yield self.editor.commit_info(self.cluster, str(number))
                except AbsentError:
                    continue  # the counter is shared by all clusters

    def is_ours(self, commit: str) -> bool:
        """Whether a commit carries our token."""
        return self.mark in self.editor.commit_info(self.cluster, commit).description

    def draft(self) -> Draft:
        """Our draft as vCenter lists it now. Raises ``SurpriseError`` when it is gone."""
        named = self.record.draft
        found = next((draft for draft in self.editor.drafts(self.cluster) if draft.own and key(draft) == named), None)
        if found is None:
            raise SurpriseError("our draft is gone: somebody discarded it, or vCenter was restored")
        return found

    def told(self, step: Step) -> Told:
        """Progress of a task of vCenter, in percent."""
        return told(self.tools.progress, f"{self.proposal.cluster}: {step.value}")


__all__ = ["Data", "Looker", "SurpriseError", "Tools"]
