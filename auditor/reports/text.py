"""An assessment or a snapshot as text for people: the verdict first, then what to do, then the rows behind it.

Plain text everywhere but on a terminal; colour only repeats what a word says. Everything that came from outside goes
through `printable`. Rich rather than own layout: it measures wide characters and folds long cells.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from io import StringIO

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from auditor.domain.assessment import Accepted, AcceptedState, Assessment, HostState, Source, Verdict
from auditor.domain.findings import Code, Finding, Severity, SubjectKind
from auditor.domain.observation import Read, Reading, VCenterMarks
from auditor.domain.snapshot import SnapshotSummary
from auditor.reports.next import runbook_for
from auditor.reports.rows import SLIM, cluster_section, host_section, when
from auditor.reports.safe import printable

PLAIN_WIDTH = 120
"""Columns where the output is no terminal."""

COLLAPSE_FROM = 50
"""Hosts in sync are listed up to this number of hosts; beyond it they are counted."""

_HOSTS_SHOWN = 8  # names in one finding; the rows and --json have all
_LINES_SHOWN = 12  # lines of evidence in one finding
_GLANCE_SHOWN = 20  # findings of one code in the list at the top: a dead switch must not push the rest off the screen
_DETAILED = 50  # findings of one code with their evidence

_VERDICTS = {
    Verdict.IN_SYNC: ("IN SYNC", "bold green"),
    Verdict.DRIFT: ("DRIFT", "bold red"),
    Verdict.INCOMPLETE: ("VIEW INCOMPLETE", "bold yellow"),
}
_SEVERITIES = {Severity.CRITICAL: "bold red", Severity.WARNING: "bold yellow", Severity.NOTICE: "bold cyan"}


def render_audit(
    assessment: Assessment,
    *,
    width: int = PLAIN_WIDTH,
    color: bool = False,
    all_hosts: bool = False,
    exit_code: int | None = None,
) -> str:
    """The whole report, ``width`` columns wide. ``color`` adds terminal escapes; ``all_hosts`` lists every host in sync
    too, however many there are; ``exit_code`` is named in the verdict."""
    page = _Page(width, color)
    page.show(_verdict(assessment, exit_code))
    if len(assessment.findings) > 1:
        page.blank()
        _glance(page, assessment.findings, several=len(assessment.vcenters) > 1)
    for group in _groups(assessment.findings):
        page.blank()
        _group(page, group)
    if assessment.clusters:
        page.heading("Clusters")
        for part in cluster_section(assessment, width=width):
            page.show(part)
    if assessment.hosts:
        page.heading("Hosts")
        collapse = not all_hosts and len(assessment.hosts) > COLLAPSE_FROM
        for part in host_section(assessment, width=width, collapse=collapse):
            page.show(part)
    if assessment.accepted:
        page.heading("Accepted")
        page.bullets(map(_accepted, assessment.accepted))
    if assessment.limits:
        page.heading("What this run cannot know")
        page.bullets(assessment.limits)
    if assessment.next:
        page.heading("Next")
        for command in assessment.next:
            page.show(Text(f"  {printable(command)}"))
    return page.text()


def _accepted(row: Accepted) -> str:
    """One entry of the configuration; a difference that is accepted must not be forgotten."""
    words = {
        AcceptedState.IN_FORCE: f"accepted until {row.expires:%Y-%m-%d}",
        AcceptedState.EXPIRED: f"EXPIRED {row.expires:%Y-%m-%d}: a finding again",
        AcceptedState.UNUSED: f"until {row.expires:%Y-%m-%d}, matches nothing now: can be removed",
    }
    if row.layer is not None:
        element = " ".join(part for part in (row.layer.value, row.name, row.version or "missing") if part)
    else:
        what = f"{row.name} not read by {row.route}" if row.name else f"route {row.route} failing"
        element = f"{what} ({row.reason})"
    place = f"{', '.join(filter(None, (row.cluster, row.host))) or 'all hosts'} on {row.vcenter}"
    on = f" (on {', '.join(row.hosts[:5])}{' …' if len(row.hosts) > 5 else ''})" if row.hosts else ""
    return f"{element}{', ' if row.layer is None else ' in '}{place}{on}: {words[row.state]}, {row.owner}, {row.ticket}"


def render_snapshot(summary: SnapshotSummary, *, width: int = PLAIN_WIDTH, color: bool = False) -> str:
    """What a snapshot saw, what it did not see, and what to type next."""
    page = _Page(width, color)
    word, style = ("RECORDED", "bold green") if summary.complete else ("RECORDED, VIEW INCOMPLETE", "bold yellow")
    facts = (
        f"{f'run {summary.run}' if summary.run else 'a run'} at {when(summary.at)}",
        f"{_count(len(summary.hosts) - len(summary.unseen), 'host')} seen, {len(summary.unseen)} not seen",
        _count(summary.new_documents, "new document"),
    )
    page.show(Text.assemble((word, style), f": {', '.join(facts)}"))
    page.show(Text(printable(summary.beside, 2000) if summary.beside else f"history: {printable(summary.history)}"))
    for vcenter in summary.vcenters:
        page.blank()
        parts = (_marks(vcenter.marks), _known(vcenter.clusters, "cluster"), _known(vcenter.hosts, "host"))
        page.show(Text(f"vCenter {printable(vcenter.name)}: {', '.join(parts)}"))
        page.bullets(f"could not read {gap.part}: {gap.why}" for gap in vcenter.gaps)
    if summary.unseen:
        page.heading("Hosts not seen")
        for host in summary.unseen:
            page.show(Text(printable(host.name)))
            page.bullets([f"{result.route.value}: {result.trouble}" for result in host.routes] or ["no route was tried"])
    if summary.missing:
        page.heading("Not read")
        for finding in summary.missing:
            page.item("-", f"{_subject(finding)}: {finding.summary}")
            _labelled(page, "seen:", finding.evidence, indent=4)
            _labelled(page, "do:", finding.do[:1], indent=4)
    if summary.silent_routes:
        page.heading("Not read by every route")
        page.bullets(summary.silent_routes)
    page.heading("Next")
    page.show(Text("  auditor audit" if summary.complete else "  auditor runbook show host-unseen"))
    return page.text()


class _Page:
    """Collects lines and tables as text of one width."""

    def __init__(self, width: int, color: bool) -> None:
        self.width = width
        self._file = StringIO()
        self._console = Console(
            file=self._file, width=width, force_terminal=color, no_color=not color, markup=False, highlight=False, emoji=False
        )

    def show(self, part: RenderableType) -> None:
        self._console.print(part)

    def blank(self) -> None:
        self._console.print()

    def heading(self, title: str) -> None:
        self.blank()
        self.show(Text(title.upper(), "bold"))

    def bullets(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.item("-", line)

    def item(self, mark: str, line: str, indent: int = 2) -> None:
        """One item with a hanging indent, so that its mark stands alone."""
        grid = Table.grid(padding=0)
        grid.add_column(width=len(mark) + 1, no_wrap=True)
        grid.add_column(overflow="fold")
        grid.add_row(Text(mark), Text(printable(line, 2_000)))
        self.show(Padding(grid, (0, 0, 0, indent)))

    def text(self) -> str:
        # Cells are padded to the width of the table; blanks at the end of a line only make pastes ugly.
        return "\n".join(line.rstrip() for line in self._file.getvalue().splitlines())


def _verdict(assessment: Assessment, exit_code: int | None) -> Text:
    severities = Counter(finding.severity for finding in assessment.findings)
    found = ", ".join(f"{severities[severity]} {severity.value}" for severity in Severity if severities[severity])
    states = Counter(host.state for host in assessment.hosts)
    shown = ", ".join(f"{states[state]} {state.value}" for state in HostState if states[state])
    source = "read from history of" if assessment.source is Source.HISTORY else "collected"
    facts = [
        f"findings: {found}" if found else "no findings",
        f"{_count(len(assessment.hosts), 'host')}: {shown}" if shown else "no hosts",
        f"{source} {when(assessment.at)}{f', run {assessment.run}' if assessment.run is not None else ''}",
    ]
    if assessment.beside:
        facts.append("recorded beside the history")
    elif assessment.source is Source.LIVE and assessment.run is None:
        facts.append("not recorded")
    if exit_code is not None:
        facts.append(f"exit code {exit_code}")
    return Text.assemble(_VERDICTS[assessment.verdict], f": {'; '.join(facts)}")


def _glance(page: _Page, findings: tuple[Finding, ...], *, several: bool) -> None:
    """One line a finding, so that the whole trouble fits on a screen before its details begin; where columns would be
    slivers, a few lines."""
    shown = list(_first_of_each(findings))
    if page.width < SLIM:
        for finding, more in shown:
            word = (finding.severity.value, _SEVERITIES[finding.severity])
            page.show(Padding(Text.assemble(word, f"  {finding.code.value}"), (0, 0, 0, 2)))
            page.show(Padding(Text(f"{_subject(finding, several)}: {printable(finding.summary, 2_000)}"), (0, 0, 0, 4)))
            if more:
                page.show(Padding(Text(f"and {more} more of these"), (0, 0, 0, 4)))
        return
    grid = Table.grid(padding=(0, 2, 0, 0))
    for heading in range(3):
        grid.add_column(no_wrap=heading < 2, overflow="fold")
    grid.add_column(overflow="fold")
    for finding, more in shown:
        severity = Text(finding.severity.value, _SEVERITIES[finding.severity])
        grid.add_row(severity, finding.code.value, _subject(finding, several), printable(finding.summary, 2_000))
        if more:
            grid.add_row(severity, finding.code.value, f"and {more} more", "")
    page.show(Padding(grid, (0, 0, 0, 2)))


def _first_of_each(findings: tuple[Finding, ...]) -> Iterator[tuple[Finding, int]]:
    """The findings of the list at the top, in order; the last shown of its kind with the number of those left out."""
    numbers = Counter((finding.code, finding.severity) for finding in findings)
    passed: Counter[tuple[Code, Severity]] = Counter()
    for finding in findings:
        kind = (finding.code, finding.severity)
        passed[kind] += 1
        if passed[kind] <= _GLANCE_SHOWN:
            yield finding, numbers[kind] - _GLANCE_SHOWN if passed[kind] == _GLANCE_SHOWN else 0


def _subject(finding: Finding, several: bool = False) -> str:
    """What a finding is about. With ``several`` vCenters, in which: names of clusters and hosts are used again."""
    subject = finding.subject
    place = (
        f" on {printable(subject.vcenter)}" if several and subject.vcenter and subject.kind is not SubjectKind.VCENTER else ""
    )
    return f"{subject.kind.value} {printable(subject.name)}{place}"


def _group(page: _Page, findings: list[Finding]) -> None:
    """Findings of one code: each with what was seen, and once what to do, what to leave alone, and on what that rests."""
    first = findings[0]
    severity = (first.severity.value.upper(), _SEVERITIES[first.severity])
    page.show(Text.assemble(severity, "  ", (first.code.value, "bold"), f"  {first.code.meaning}"))
    for finding in findings[:_DETAILED]:
        line = f"{_subject(finding, True)}: {printable(finding.summary, 2_000)}"
        page.show(Padding(Text(line), (0, 0, 0, 2)))
        if finding.hosts and finding.hosts != (finding.subject.name,):
            more = len(finding.hosts) - _HOSTS_SHOWN
            names = ", ".join(printable(name) for name in finding.hosts[:_HOSTS_SHOWN])
            page.item("hosts:", f"{names}{f' and {more} more' if more > 0 else ''}", indent=4)
        _labelled(page, "seen:", finding.evidence, indent=4)
    if len(findings) > _DETAILED:
        rest = findings[_DETAILED:]
        names = ", ".join(_subject(finding) for finding in rest[:_HOSTS_SHOWN])
        page.item("and", f"{len(rest)} more: {names}{' …' if len(rest) > _HOSTS_SHOWN else ''}; --json has all", indent=2)
    _labelled(page, "do:", first.do)
    _labelled(page, "avoid:", first.avoid)
    if first.rests_on:
        page.item("rests on:", "; ".join(first.rests_on))
    page.item("more:", f"auditor runbook show {runbook_for(first.code)}")


def _groups(findings: tuple[Finding, ...]) -> Iterator[list[Finding]]:
    """Findings that say the same of different subjects, in the order of the report."""
    same: dict[tuple[object, ...], list[Finding]] = {}
    for finding in findings:
        key = (finding.code, finding.severity, finding.do, finding.avoid, finding.rests_on)
        same.setdefault(key, []).append(finding)
    yield from same.values()


def _labelled(page: _Page, label: str, lines: tuple[str, ...], indent: int = 2) -> None:
    for line in lines[:_LINES_SHOWN]:
        page.item(label, line, indent)
    if len(lines) > _LINES_SHOWN:
        page.item(label, f"and {len(lines) - _LINES_SHOWN} more; --json has all", indent)


def _marks(reading: Reading[VCenterMarks]) -> str:
    if not isinstance(reading, Read):
        return f"its marks could not be read ({reading.reason.value})"
    marks = reading.value
    event = f", newest event {marks.newest_event_key.value}" if isinstance(marks.newest_event_key, Read) else ""
    return printable(f"{marks.version} build {marks.build}{event}")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _known(number: int | None, noun: str) -> str:
    return f"{noun}s unknown" if number is None else _count(number, noun)


__all__ = ["COLLAPSE_FROM", "PLAIN_WIDTH", "render_audit", "render_snapshot"]
