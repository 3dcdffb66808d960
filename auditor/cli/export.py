"""``auditor export``: images of clusters as files."""

from __future__ import annotations

import click

from auditor.cli.lazy import Lazy, LazyGroup

COMMANDS = {
    "image": Lazy("auditor.cli.export_image:image", "Print a cluster's image as JSON, from history or from vCenter."),
    "iso": Lazy("auditor.cli.export_file:iso", "Have vCenter make an ISO image of a cluster's image, and fetch it."),
    "bundle": Lazy("auditor.cli.export_file:bundle", "Have vCenter make an offline bundle of a cluster's image, and fetch it."),
}


@click.group(cls=LazyGroup, table=COMMANDS)
def export() -> None:
    """Take images of clusters out of history or vCenter."""
