"""The steps of applying a proposal, each carried out once and read back. What follows what is not decided here.

A step gives what the journal is to keep of it. It raises ``SurpriseError`` when something is not as the proposal predicts, and
whatever the editor raises.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import datetime

from auditor.codec import canonical, from_plain, parse_timestamp, timestamp
from auditor.domain.editing import Draft
from auditor.domain.image import DesiredImage
from auditor.domain.journal import Operation, Phase
from auditor.domain.observation import ClusterVerdict, Unread, value_of
from auditor.domain.proposal.actors import Actor
from auditor.domain.proposal.case import Case
from auditor.domain.proposal.context import items_of
from auditor.domain.proposal.edits import Edits, differences, edits, exact, fingerprint, same_solutions
from auditor.domain.proposal.expect import (
    HostMark,
    away,
    host_tasks,
    host_work,
    marks,
    results,
    surprises,
    touched,
    unproven,
)
from auditor.domain.proposal.facts import facts
from auditor.domain.proposal.inverse import inverse, moved
from auditor.domain.proposal.restate import differences as misstatements
from auditor.domain.proposal.restate import restate
from auditor.domain.proposal.steps import Step, key, known_drafts, leftovers, message
from auditor.domain.proposal.values import Candidate, HostForecast, ImageProposal, ItemKind
from auditor.errors import ReadError
from auditor.workflows.apply_look import Data, Looker, SurpriseError, Tools
from auditor.workflows.propose import Ask, live_cases

_NAMED = 5
"""Differences between a file and what is so that one refusal names."""


class Steps(Looker):
    """The steps of one operation. Between FACTS and COMMIT it remembers what it read; after the commit, everything needed is in
    the journal, so that a later run can go on."""

    def __init__(self, proposal: ImageProposal, operation: Operation, tools: Tools) -> None:
        super().__init__(proposal, operation, tools)
        self._case: Case | None = None
        self._said: ImageProposal | None = None  # the proposal, said anew from target and facts

    def shown(self) -> ImageProposal:
        """The proposal for people: as it was said anew, in this run or by the journal; without either, nothing of what the
        file says of its target."""
        if self._said is not None:
            return self._said
        acting = self.record.data(Step.FACTS).get("may_act")
        if acting is not None:
            return replace(self.proposal, may_act=from_plain(tuple[Actor, ...], json.loads(acting)))
        return replace(self.proposal, chosen=replace(self.chosen, changes=(), then=()), may_act=())

    # Before a step ---------------------------------------------------------------------------------------------------

    def intent(self, step: Step) -> Data:
        """What the journal keeps before the step: what a later run needs to find out whether it was done."""
        if step is Step.DRAFT:
            return self._before_draft()
        if step is Step.COMMIT:
            return self._before_commit()
        return {}

    def _before_draft(self) -> Data:
        for draft in leftovers(self.editor.drafts(self.cluster), self._known()):
            self.editor.discard(self.cluster, draft)
            self._note(Step.DRAFT, {"leftover": draft.id, "created": draft.created.isoformat()})
        return {"seen": json.dumps([key(draft) for draft in self.editor.drafts(self.cluster)])}

    def _before_commit(self) -> Data:
        """The last look before the one step that counts."""
        record, draft = self.record, self.draft()
        if exact(self.editor.image(self.cluster)) != record.data(Step.FACTS)["exact"]:
            raise SurpriseError("the cluster's image was changed by somebody else in the meantime")
        now = self.editor.draft_image(self.cluster, draft)
        if exact(now) != record.data(Step.DRAFT_SCAN)["scanned"]:
            others = ", ".join(differences(now, self.target)) or "solutions, or what vLCM picks the version of"
            raise SurpriseError(f"our draft was changed by somebody else since it was scanned: {others}")
        before, hosts = self._marks_before(), self._marks_now()
        if moved_on := [*touched(before, hosts), *(f"{hosts[id_].name} was added" for id_ in sorted(hosts.keys() - before))]:
            raise SurpriseError(f"the cluster's hosts are not as they were scanned: {'; '.join(moved_on)}")
        self._refuse_busy()
        return {"draft": draft.id, "message": message(self.operation.operator, self.operation.ticket, self.mark)}

    # Steps -----------------------------------------------------------------------------------------------------------

    def do(self, step: Step) -> Data:
        """Carry out a step other than COMMIT and DISCARD, and give what the journal keeps of it."""
        acts: dict[Step, Callable[[], Data]] = {
            Step.FACTS: self._facts,
            Step.DRAFT: self._draft,
            Step.LAYERS: self._layers,
            Step.VALIDATE: self._validate,
            Step.DRAFT_SCAN: self._draft_scan,
            Step.INVERSE: self._inverse,
            Step.SCAN: self._scan,
            Step.COMPARE: self._compare,
            Step.PROOF: self._proof,
        }
        return acts[step]()

    def _facts(self) -> Data:
        case = self._case = self._read_case()
        if gone := moved(self.proposal, facts(case, self.target)):
            raise SurpriseError(
                "facts moved: " + "; ".join(map(str, gone)), {"moved": json.dumps([each.name for each in gone])}
            )
        old = case.old
        if old is None:
            raise SurpriseError(f"the cluster's image could not be read: {case.cluster.view.image}")
        said = self._say_anew(case)
        self._refuse_busy()
        foreign = self._foreign()
        hosts = [host.listed for host in case.cluster.hosts]
        marked = case.marks
        clock = value_of(marked.clock) if marked else None
        commit = value_of(case.cluster.view.commit)
        return {
            "image": fingerprint(old),
            "exact": exact(old),
            "solutions": _solutions(old),
            "commit": commit.id if commit else "",
            "since": timestamp(clock or self.tools.clock.now()),
            "hosts": json.dumps({id_: asdict(mark) for id_, mark in marks(hosts).items()}),
            "away": json.dumps(sorted(away(hosts))),
            "foreign": json.dumps([{"id": d.id, "owner": d.owner, "created": timestamp(d.created)} for d in foreign]),
            "forecast": canonical(said.chosen.forecast if said.chosen else ()),
            "may_act": canonical(said.may_act),
        }

    def _read_case(self) -> Case:
        """The cluster, read now, with the depot's answers on everything the target and the present image name."""
        tools, proposal = self.tools, self.proposal
        ask = Ask((self.cluster,), proposal.vcenter)
        [case] = live_cases(tools.sources, tools.past, tools.tables, ask, tools.clock.now(), tools.progress)
        reader = tools.sources.images.get(proposal.vcenter)
        known = dict(case.contents.components)
        images = [image for image in (self.target, case.old) if image is not None]
        for item in (item for image in images for item in items_of(image) if item.kind is ItemKind.COMPONENT):
            if reader is not None and (item.name, item.version) not in known:
                known[item.name, item.version] = reader.has_component(item.name, item.version)
        return replace(case, contents=replace(case.contents, components=known))

    def _say_anew(self, case: Case) -> ImageProposal:
        """Judge the target anew and refuse a file that says otherwise, with the place: its digest is no signature."""
        said = restate(self.proposal, case)
        if said is None or said.chosen is None:
            base = self.target.base_image.version.raw if self.target.base_image else "none"
            what = f"its target (base image {base}) is none of the images that hosts and history lead to now"
            raise SurpriseError(what, {"differs": '["chosen.target"]'})
        self._said = said
        if blockers := said.chosen.blockers:
            why = "; ".join(f"{warning.code.value}: {warning.text}" for warning in blockers)
            raise SurpriseError(f"judged anew it may not be applied: {why}")
        if found := misstatements(self.proposal, said, case):
            named = [f"{each.name} says {each.was or 'nothing'}, it is {each.now or 'nothing'}" for each in found[:_NAMED]]
            more = [f"and {len(found) - _NAMED} more"] if len(found) > _NAMED else []
            raise SurpriseError(
                "the file does not say what is so: " + "; ".join([*named, *more]),
                {"differs": json.dumps([each.name for each in found])},
            )
        return said

    def _predicted(self) -> Candidate:
        """The candidate with the forecast of when the facts were read; an older operation has the file's."""
        kept = self.record.data(Step.FACTS).get("forecast")
        if kept is None:
            return self.chosen
        return replace(self.chosen, forecast=from_plain(tuple[HostForecast, ...], json.loads(kept)))

    def _refuse_busy(self) -> None:
        running = [task for task in self.editor.operations(self.cluster) if task.running]
        if running:
            said = "; ".join(f"{task.operation} by {task.user or 'somebody'} since {_time(task.started)}" for task in running)
            raise SurpriseError(f"another operation runs on the cluster: {said}", {"running": said})

    def _foreign(self) -> tuple[Draft, ...]:
        """The drafts that are not ours. One of our own account that we do not know leaves no room for ours."""
        drafts = self.editor.drafts(self.cluster)
        ours = leftovers(drafts, self._known())
        foreign = tuple(draft for draft in drafts if draft not in ours)
        for draft in foreign:
            if draft.own:
                raise SurpriseError(
                    f"our account, {draft.owner}, has draft {draft.id} of {_time(draft.created)} on this cluster, and no "
                    "apply recorded here made it: it is left alone, and vLCM keeps one draft a user and cluster. Look at it in "
                    "vCenter and discard or commit it there, or use another account"
                )
        return foreign

    def _known(self) -> frozenset[tuple[str, str]]:
        """The drafts that earlier operations on this cluster made, by our own journal."""
        journal, subjects = self.tools.journal, set(self.operation.subjects)
        earlier = (each for each in journal.operations(self.operation.kind) if subjects & {*each.subjects})
        return frozenset().union(*(known_drafts(journal.entries(each.id)) for each in earlier))

    def _draft(self) -> Data:
        case = self._present_case()
        whole = case.old is not None and edits(case.old, self.target) is None
        draft = self.editor.import_spec(self.cluster, self.chosen.spec) if whole else self.editor.create_draft(self.cluster)
        return {
            "draft": draft.id,
            "created": draft.created.isoformat(),
            "owner": draft.owner,
            "how": "import" if whole else "create",
        }

    def _layers(self) -> Data:
        draft = self.draft()
        now = self.editor.draft_image(self.cluster, draft)
        todo = edits(now, self.target)
        if todo is not None:
            self._set(draft, todo)
            for image, own in todo.parts.items():
                self._set(draft, own, image)
            now = self.editor.draft_image(self.cluster, draft)
        self._refuse_other(now)
        return {"base-image": self.target.base_image.version.raw if self.target.base_image else ""}

    def _set(self, draft: Draft, todo: Edits, image: str = "") -> None:
        """Set the layers of a draft, or of an alternative image in it."""
        editor, cluster = self.editor, self.cluster
        if todo.base_image:
            editor.set_base_image(cluster, draft, todo.base_image)
        if todo.set_add_on and todo.add_on is not None:
            editor.set_add_on(cluster, draft, todo.add_on.name, todo.add_on.version, image)
        elif todo.set_add_on:
            editor.delete_add_on(cluster, draft, image)
        if todo.components or todo.without:
            editor.set_components(cluster, draft, todo.components, todo.without, image)
        for name in todo.remove:
            editor.set_removed_component(cluster, draft, name, image)
        for name in todo.restore:
            editor.delete_removed_component(cluster, draft, name, image)
        if todo.set_packages:
            editor.set_hardware_support(cluster, draft, todo.packages, image)

    def _refuse_other(self, draft: DesiredImage) -> None:
        """A draft must hold the target and the cluster's solutions, and nothing else."""
        if found := differences(draft, self.target):
            raise SurpriseError(f"the draft does not hold what was set: {', '.join(found)}")
        old = self._present_case().old
        if old is not None and not same_solutions(draft, old):
            raise SurpriseError(
                "the draft does not hold the cluster's solutions (HA agent and the like): a commit would remove them"
            )

    def _validate(self) -> Data:
        found = self.editor.validate(self.cluster, self.draft(), self.told(Step.VALIDATE))
        if not found.valid:
            said = [str(notice) for notice in found.errors]
            ids = json.dumps([notice.id for notice in found.errors])
            raise SurpriseError(f"vLCM finds the image invalid: {'; '.join(said)}", {"errors": ids})
        return {"warnings": json.dumps([str(notice) for notice in found.warnings])}

    def _draft_scan(self) -> Data:
        draft = self.draft()
        held = self.editor.draft_image(self.cluster, draft)
        self._refuse_other(held)
        verdict = self.editor.scan_draft(self.cluster, draft, self.told(Step.DRAFT_SCAN))
        return {**self._judged(verdict), "scanned": exact(held)}

    def _judged(self, verdict: ClusterVerdict) -> Data:
        found = results(self._predicted(), verdict, json.loads(self.record.data(Step.FACTS)["away"]))
        data = {"hosts": json.dumps([asdict(each) for each in found]), "status": verdict.status}
        if unexpected := surprises(found):
            raise SurpriseError("the scan is not as predicted: " + "; ".join(unexpected), data)
        return data

    def _inverse(self) -> Data:
        draft = self.editor.draft_image(self.cluster, self.draft())
        made = inverse(self._said or self.proposal, self._present_case(), draft, self.operation.id, self.tools.clock.now())
        return {"file": self.tools.keep(made), "id": made.id, "digest": made.digest}

    def _scan(self) -> Data:
        verdict = self.editor.scan(self.cluster, self.told(Step.SCAN))
        return {"scanned": timestamp(verdict.scan_time) if verdict.scan_time else "", "commit": verdict.commit}

    def _compare(self) -> Data:
        """Image, commit and the fresh scan, as vCenter has them now."""
        record = self.record
        commit = record.data(Step.COMMIT)["commit"]
        image, verdict = self.editor.image(self.cluster), self.editor.compliance(self.cluster)
        wrong = [f"the cluster's image is not the target: {', '.join(d)}"] if (d := differences(image, self.target)) else []
        if _solutions(image) != record.data(Step.FACTS)["solutions"]:
            wrong.append("the cluster's solutions are not those from before")
        if self.mark not in self.editor.commit_info(self.cluster, commit).description:
            wrong.append(f"commit {commit} does not carry our text")
        if verdict.commit != commit:
            wrong.append(f"the scan is of commit {verdict.commit or '?'}, not of our commit {commit}")
        found = results(self._predicted(), verdict, json.loads(record.data(Step.FACTS)["away"]))
        wrong += surprises(found)
        data = {"hosts": json.dumps([asdict(each) for each in found]), "status": verdict.status}
        if wrong:
            raise SurpriseError("; ".join(wrong), data)
        return data

    def _proof(self) -> Data:
        """That nothing happened to a host since the facts were read."""
        before, now = self._marks_before(), self._marks_now()
        since = parse_timestamp(self.record.data(Step.FACTS)["since"])
        wrong = [*touched(before, now), *host_work(self.editor.operations(self.cluster), since)]
        looker = self.tools.sources.images[self.proposal.vcenter]
        activity = looker.host_activity(sorted(now))
        if isinstance(activity, Unread):
            raise ReadError(f"the tasks on hosts could not be read: {activity}", where=self.proposal.vcenter)
        wrong += host_tasks(activity.value, since, {id_: mark.name for id_, mark in now.items()})
        data = {"unproven": json.dumps(unproven(before, now))}
        if wrong:
            raise SurpriseError("something was done to hosts: " + "; ".join(wrong), data)
        return data

    # Helpers ---------------------------------------------------------------------------------------------------------

    def _marks_before(self) -> dict[str, HostMark]:
        """The hosts as they were when the facts were read."""
        return {id_: HostMark(**mark) for id_, mark in json.loads(self.record.data(Step.FACTS)["hosts"]).items()}

    def _marks_now(self) -> dict[str, HostMark]:
        view = self.reader().view(self.tools.progress, self.recorded())
        if isinstance(view.hosts, Unread):
            raise ReadError(f"the inventory could not be read: {view.hosts}", where=view.name)
        return marks(host for host in view.hosts.value if host.cluster == self.cluster)

    def _present_case(self) -> Case:
        if self._case is None:
            raise ReadError("the facts were not read in this run", where=self.proposal.cluster)
        return self._case

    def _note(self, step: Step, data: Data) -> None:
        self.tools.journal.write(self.operation.id, self.operation.subjects[0], step, Phase.NOTE, self.tools.clock.now(), data)


def _solutions(image: DesiredImage) -> str:
    return json.dumps(sorted([s.name, s.version] for s in image.solutions))


def _time(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC" if at else "an unknown time"


__all__ = ["Steps"]
