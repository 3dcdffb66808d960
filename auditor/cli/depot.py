"""``auditor depot``: what vLCM's depot needs and where it comes from."""

from __future__ import annotations

import click

from auditor.cli.lazy import Lazy, LazyGroup

COMMANDS = {
    "inspect": Lazy("auditor.cli.depot_inspect:inspect", "Say what is in offline bundles, and whether they are whole."),
    "import": Lazy("auditor.cli.depot_import:import_", "Bring an offline bundle into vCenter's depot."),
    "gap": Lazy("auditor.cli.depot_gap:gap", "Say what the depot lacks, and each way to get it."),
}


@click.group(cls=LazyGroup, table=COMMANDS)
def depot() -> None:
    """Images, add-ons and components for vLCM's depot."""
