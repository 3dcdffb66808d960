"""``auditor export iso`` and ``auditor export bundle``: files of a cluster's image, made by vCenter."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from auditor.cli import output
from auditor.cli.exit_codes import ExitCode
from auditor.cli.options import Invocation, config_option, json_option, verbose_option
from auditor.domain.editing import ExportKind
from auditor.errors import InputError

if TYPE_CHECKING:
    from auditor.config import Config
    from auditor.domain.observation import ClusterView

_ENDINGS = {ExportKind.ISO: "iso", ExportKind.BUNDLE: "zip"}


def _command(kind: ExportKind, name: str, text: str) -> click.Command:
    @click.command(name=name, help=text)
    @click.argument("cluster")
    @click.option("--vcenter", default="", help="Only this vCenter, by its name in the configuration.")
    @click.option(
        "--out", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="The new file. Default: by the cluster."
    )
    @click.option("--allow-http", is_flag=True, help="Fetch it also when vCenter offers it over plain HTTP only.")
    @json_option
    @config_option
    @verbose_option
    @click.pass_obj
    def command(invocation: Invocation, cluster: str, vcenter: str, out: Path | None, allow_http: bool, as_json: bool) -> int:
        return _export(invocation.config(), kind, cluster, vcenter, out, allow_http=allow_http, as_json=as_json)

    return command


_MORE = """

CLUSTER is a name or a managed object id. vCenter makes the file on its own disk, which takes minutes and gigabytes there, and
it is fetched and its SHA-256 computed on the way. No host is touched, and no image changes. Solutions are not in it.

Over plain HTTP nobody vouches for what comes, so such a file is refused without --allow-http.

\b
Example:
  auditor export {name} Production --out production.{ending}
"""

iso = _command(
    ExportKind.ISO,
    "iso",
    "Have vCenter make an installable ISO image of CLUSTER's image, and fetch it." + _MORE.format(name="iso", ending="iso"),
)
bundle = _command(
    ExportKind.BUNDLE,
    "bundle",
    "Have vCenter make an offline bundle of CLUSTER's image, and fetch it: what another vCenter's depot can import."
    + _MORE.format(name="bundle", ending="zip"),
)


def _export(
    config: Config, kind: ExportKind, cluster: str, vcenter: str, out: Path | None, *, allow_http: bool, as_json: bool
) -> int:
    from auditor.cli import wiring, wiring_write
    from auditor.reports.transfer import export_document, render_export
    from auditor.workflows.told import told

    name, found = _find(config, cluster, vcenter)
    target = out or Path(f"{re.sub(r'[^A-Za-z0-9.]+', '-', found.name).strip('-.') or found.id}.{_ENDINGS[kind]}")
    if target.exists():
        raise InputError("is there already", where=str(target), hint="name a new file with --out")
    with wiring_write.image_exporter(config, name) as exporter, wiring.progress() as progress:
        progress.start(f"vCenter makes the {_ENDINGS[kind]}", None)
        url = exporter.export(found.id, kind)
        fetched = exporter.fetch(url, target, told(progress, f"fetch {target.name}"), allow_http=allow_http)
    if as_json:
        output.emit_json(export_document(found, name, kind, target, fetched))
    else:
        output.emit(render_export(found, name, kind, target, fetched))
    return ExitCode.DONE


def _find(config: Config, cluster: str, vcenter: str) -> tuple[str, ClusterView]:
    """The one cluster of that name or id, with its vCenter's name. Raises ``InputError``."""
    from auditor.cli import wiring
    from auditor.domain.observation import Unread

    if vcenter:
        config.vcenter(vcenter)
    found, unread = [], []
    with wiring.sources(config, only=frozenset({cluster.lower()})) as sources, wiring.progress() as progress:
        for reader in sources.vcenters:
            if vcenter and reader.name != vcenter:
                continue
            view = reader.view(progress)
            if isinstance(view.clusters, Unread):
                unread.append(f"{view.name}: {view.clusters}")
                continue
            fitting = (each for each in view.clusters.value if cluster.lower() in {each.name.lower(), each.id.lower()})
            found += [(view.name, each) for each in fitting]
    if len(found) == 1:
        return found[0]
    if unread and not found:
        raise InputError(f"its clusters could not be read: {'; '.join(unread)}", where=cluster)
    what = "there is no such cluster" if not found else f"{len(found)} clusters are called so"
    raise InputError(what, where=cluster, hint="give the managed object id, and --vcenter NAME where there are several")
