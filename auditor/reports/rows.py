"""The rows of the text report: clusters and hosts, as a table where there is room and stacked where there is not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from rich.box import Box
from rich.cells import cell_len
from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from auditor.domain.assessment import Assessment, ClusterRow, HostRow, HostState, Layer, LayerDrift, LayerState, RouteResult
from auditor.domain.image import BaseImage, DesiredImage, ManagementMode
from auditor.domain.observation import Read, Reason, Unread
from auditor.reports.safe import printable

NARROW = 110
"""Below this number of columns a host is a few lines instead of a row of a table."""

SLIM = 76
"""Below this number of columns clusters and the list of findings are stacked as well."""

RULE = Box("    \n    \n -- \n    \n    \n    \n    \n    \n", ascii=True)
"""A rule of hyphens under the heading and nothing else: it survives every terminal, encoding and paste."""

_LAYERS_SHOWN = 4

_HOST_COLUMNS = ("Host", "Cluster", "State", "Runs", "vCenter says", "Routes")
_SHRINK = ((5, 24), (3, 20), (4, 16), (1, 12), (5, 20), (0, 24), (4, 14), (5, 14), (1, 8), (0, 12))
"""Column and the width down to which it may shrink, in turn. All floors together fit into ``NARROW`` columns."""
_GAP = 2  # blanks between columns

_STATES = {
    HostState.IN_SYNC: "green",
    HostState.HOST_AHEAD: "red",
    HostState.HOST_BEHIND: "yellow",
    HostState.DIVERGED: "red",
    HostState.UNKNOWN: "yellow",
    HostState.NO_IMAGE: "",
}


def cluster_section(assessment: Assessment, *, width: int) -> Iterator[RenderableType]:
    """One row per cluster: its image, its commit and vCenter's own verdict with the time of its scan."""
    several = len({cluster.vcenter for cluster in assessment.clusters}) > 1
    if width < SLIM:
        yield from _stacked_clusters(assessment, several=several)
        return
    table = _table("Cluster", "State", "Hosts", "Image it asks for", "vCenter's status")
    for row in assessment.clusters:
        name = f"{printable(row.name)}\non {printable(row.vcenter)}" if several else printable(row.name)
        table.add_row(name, _state(row.state), _members(row, assessment), _cluster_image(row), _status(row))
    yield table


def _stacked_clusters(assessment: Assessment, *, several: bool) -> Iterator[RenderableType]:
    for row in assessment.clusters:
        place = f"  on {printable(row.vcenter)}" if several else ""
        yield Text.assemble((printable(row.name), "bold"), "  ", _state(row.state), place)
        said = (("hosts", _members(row, assessment)), ("asks for", _cluster_image(row)), ("vCenter's status", _status(row)))
        for label, text in said:
            yield Padding(Text(f"{label}: {', '.join(text.splitlines())}"), (0, 0, 0, 4))


def host_section(assessment: Assessment, *, width: int, collapse: bool) -> Iterator[RenderableType]:
    """The hosts. With ``collapse`` those in sync of which no finding speaks are counted per cluster; all others have a
    row of their own whatever their number."""
    named = {name for finding in assessment.findings for name in (*finding.hosts, finding.subject.name)}
    several = len({host.vcenter for host in assessment.hosts} - {""}) > 1
    rows: list[HostRow] = []
    counted: list[HostRow] = []
    for row in assessment.hosts:
        quiet = row.state is HostState.IN_SYNC and row.name not in named and not _staged(row)
        (counted if collapse and quiet else rows).append(row)
    if rows:
        yield from [_wide(rows, width, several)] if width >= NARROW else _stacked(rows, several)
    yield from _counted(counted)


def _table(*headings: str) -> Table:
    table = Table(box=RULE, padding=(0, 1, 0, 0), show_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(heading, overflow="fold", vertical="top")
    return table


def _state(state: HostState) -> Text:
    return Text(state.value, _STATES[state])


def _members(row: ClusterRow, assessment: Assessment) -> str:
    hosts = (host for host in assessment.hosts if host.listed and host.cluster_id == row.id and host.vcenter == row.vcenter)
    states = Counter(host.state for host in hosts)
    lines = [f"{states[state]} {state.value}" for state in HostState if states[state]]
    return "\n".join([str(len(row.hosts)), *lines]) if len(states) > 1 else str(len(row.hosts))


def _cluster_image(row: ClusterRow) -> str:
    if isinstance(row.image, Read):
        lines = image_lines(row.image.value)
        if row.commit:
            lines.append(f"commit {printable(row.commit)}{f' of {when(row.commit_time)}' if row.commit_time else ''}")
        return "\n".join(lines)
    if isinstance(row.mode, Read) and row.mode.value is ManagementMode.BASELINES:
        return "none: managed with baselines"
    return f"not read: {printable(str(row.image))}"


def image_lines(image: DesiredImage) -> list[str]:
    """An image in a few lines: base image, add-on, and how much more there is."""
    lines = _base(image.base_image) if image.base_image else ["no base image"]
    if image.add_on:
        lines.append(printable(f"{image.add_on.name} {image.add_on.version}"))
    if image.components:
        lines.append(f"{len(image.components)} component(s) of its own")
    if image.alternatives:
        lines.append(f"{len(image.alternatives)} alternative image(s)")
    return lines


def _status(row: ClusterRow) -> str:
    if not row.vendor_status:
        return "none stored"
    return f"{printable(row.vendor_status)}\n{f'scan of {when(row.scan_time)}' if row.scan_time else 'scan time unknown'}"


def _wide(rows: list[HostRow], width: int, several: bool) -> Table:
    table = _table(*_HOST_COLUMNS)
    cells = [_cells(row, several) for row in rows]
    for column, wide in zip(table.columns, _widths(cells, width), strict=True):
        column.width = wide
    for row, cell in zip(rows, cells, strict=True):
        table.add_row(*cell[:2], _state(row.state), *cell[3:])
    return table


def _cells(row: HostRow, several: bool) -> tuple[str, ...]:
    # A host that answered was last seen now; only of the others is the time worth a line.
    seen = any(result.trouble is None for result in row.routes)
    routes = [*_routes(row), *([] if seen else [f"last seen {_last_seen(row)}"])]
    place = [printable(row.cluster) or "-", *([f"on {printable(row.vcenter)}"] if several and row.vcenter else [])]
    return (
        printable(row.name),
        "\n".join(place),
        row.state.value,
        "\n".join(_runs(row)),
        "\n".join(_vendor(row)),
        "\n".join(routes),
    )


def _widths(cells: list[tuple[str, ...]], width: int) -> list[int]:
    """The widths of the host table's columns. Rich would shrink the widest first; here the least important shrink first,
    and what people look for and copy, names and versions, last."""
    wanted = [max(map(cell_len, (heading, *_lines(cells, n)))) for n, heading in enumerate(_HOST_COLUMNS)]
    excess = sum(wanted) + _GAP * len(wanted) - width
    for column, floor in _SHRINK:
        cut = max(0, min(excess, wanted[column] - floor))
        wanted[column] -= cut
        excess -= cut
    return wanted


def _lines(cells: list[tuple[str, ...]], column: int) -> Iterator[str]:
    for row in cells:
        yield from row[column].split("\n")


def _stacked(rows: Iterable[HostRow], several: bool) -> Iterator[RenderableType]:
    for row in rows:
        place = f"  in {printable(row.cluster)}" if row.cluster else ""
        place += f"  on {printable(row.vcenter)}" if several and row.vcenter else ""
        yield Text.assemble((printable(row.name), "bold"), "  ", _state(row.state), place)
        facts = (
            f"runs: {', '.join(_runs(row))}",
            f"vCenter says: {', '.join(_vendor(row))}",
            *(f"route {line}" for line in _routes(row)),
            f"last seen: {_last_seen(row)}",
        )
        for fact in facts:
            yield Padding(Text(fact), (0, 0, 0, 4))


def _counted(rows: list[HostRow]) -> Iterator[Text]:
    clusters: dict[tuple[str, str], list[HostRow]] = {}
    for row in rows:
        clusters.setdefault((row.cluster, row.vcenter), []).append(row)
    for (cluster, vcenter), members in sorted(clusters.items()):
        silent = Counter(
            f"{result.route.value} {result.trouble.reason.value}" for row in members for result in row.routes if result.trouble
        )
        notes = f" ({', '.join(f'{route} on {number}' for route, number in sorted(silent.items()))})" if silent else ""
        place = f"{printable(cluster) or 'no cluster'}{f' on {printable(vcenter)}' if vcenter else ''}"
        yield Text(f"{place}: {len(members)} IN_SYNC, not listed{notes}; --all-hosts lists them")


def _runs(row: HostRow) -> list[str]:
    lines: list[str] = []
    if isinstance(row.runs, Read):
        lines += _base(row.runs.value, row.label)
    elif isinstance(row.product, Read):
        product = row.product.value
        lines += [label] if (label := printable(row.label or product.label)) else []
        lines.append(printable(f"{product.version} build {product.build}"))
    else:
        lines.append(f"not read: {_reason(row.runs, row.routes)}")
    off = [layer for layer in row.layers if layer.state is not LayerState.IN_SYNC and not _said_by_state(row, layer)]
    for layer in off[:_LAYERS_SHOWN]:
        name = f" {layer.name}" if layer.name else ""
        lines.append(printable(f"{layer.layer.value}{name}: {layer.state.value}"))
    if len(off) > _LAYERS_SHOWN:
        lines.append(f"and {len(off) - _LAYERS_SHOWN} more layers")
    if _staged(row):
        lines.append(f"next boot: {_staged(row)}")
    if row.note and row.listed:  # of a host no inventory lists it stands where vCenter's word would
        lines.append(printable(row.note))
    return lines


def _said_by_state(row: HostRow, layer: LayerDrift) -> bool:
    """The state of a host that is ahead or behind speaks of its base image; other layers need a line of their own."""
    return layer.layer is Layer.BASE_IMAGE and layer.state.value == row.state.value


def _reason(runs: Unread, routes: Iterable[RouteResult]) -> str:
    """Why nothing is known: the reading's own reason, or that of the first route that was really tried."""
    troubles = [runs, *(result.trouble for result in routes if result.trouble)]
    return next((trouble.reason for trouble in troubles if trouble.reason is not Reason.NOT_ATTEMPTED), runs.reason).value


def _vendor(row: HostRow) -> list[str]:
    if not row.listed:
        return [printable(row.note) or "in no inventory"]
    lines = [printable(row.vendor_status) or "no status"]
    if row.connection:
        lines.append(printable(row.connection))
    if row.inventory and not _inventory_agrees(row):
        lines.append(f"shows {printable(row.inventory)}")
    if row.in_maintenance_mode:
        lines.append("maintenance mode")
    return lines


def _routes(row: HostRow) -> list[str]:
    if not row.routes:
        return ["none tried"]
    troubles = [_trouble(result.trouble) if result.trouble else "ok" for result in row.routes]
    return [f"{result.route.value}: {trouble}" for result, trouble in zip(row.routes, troubles, strict=True)]


def _trouble(trouble: Unread) -> str:
    """What was in the way; what was tried and what to do next are said by the finding, or under what a run cannot know."""
    happened = trouble.detail.split("; next: ")[0].split(" (tried: ")[0]
    return printable(f"{trouble.reason.value}: {happened}" if happened else trouble.reason.value, 120)


def _inventory_agrees(row: HostRow) -> bool:
    return isinstance(row.product, Read) and row.product.value.build in row.inventory


def _staged(row: HostRow) -> str:
    return printable(row.staged.value) if isinstance(row.staged, Read) and row.staged.value else ""


def _last_seen(row: HostRow) -> str:
    return when(row.last_seen) if row.last_seen else "never"


def _base(image: BaseImage, label: str = "") -> list[str]:
    name = printable(label or image.display)
    return [name, image.version.raw] if name else [image.version.raw]


def when(moment: datetime) -> str:
    """A time in UTC to the second: ``2026-03-01 12:00:00Z``."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")


__all__ = ["NARROW", "SLIM", "cluster_section", "host_section", "image_lines", "when"]
