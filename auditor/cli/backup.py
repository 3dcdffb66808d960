"""``auditor backup``: configuration bundles of hosts, kept here."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from auditor.cli import output
from auditor.cli.exit_codes import ExitCode
from auditor.cli.options import Invocation, config_option, json_option, vcenter_option, verbose_option
from auditor.reports.safe import printable

if TYPE_CHECKING:
    from auditor.config import Config
    from auditor.domain.backup import KeptFile
    from auditor.workflows.backup import BackupRow


@click.command()
@click.argument("hosts", nargs=-1, metavar="[HOST]...")
@click.option("--cluster", metavar="NAME", default="", help="All hosts last listed in that cluster.")
@vcenter_option
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), metavar="DIR", help="Keep them here. Default: [backup] folder."
)
@click.option(
    "--decrypt", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Instead: decrypt this kept bundle."
)
@click.option(
    "--to",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="NEWFILE",
    help="With --decrypt: where it goes (mode 0600).",
)
@json_option
@config_option
@verbose_option
@click.pass_obj
def backup(
    invocation: Invocation,
    hosts: tuple[str, ...],
    cluster: str,
    vcenter: str,
    out: Path | None,
    decrypt: Path | None,
    to: Path | None,
    as_json: bool,
) -> int:
    """Fetch the configuration bundles of hosts and keep them: hashed, encrypted with [backup] key, old ones removed.

    Meant for cron. Without HOST or --cluster: all known hosts; HOST is a name, its start (esx01), or an address. A bundle can
    be restored only onto the release it was taken from (`auditor runbook show configuration-backup`). It holds password
    hashes and private keys: treat it as a secret.
    The host writes its configuration down for this; nothing else on it changes.

    \b
    Exit codes: 0 every bundle is here; 4 some are not.
    Examples:
      auditor backup --cluster Prod-A
      23 2 * * *  auditor backup --config /etc/auditor/auditor.toml   (in cron)
      auditor backup --decrypt 20260310T120000Z-configBundle.tgz.fernet --to configBundle.tgz
    """
    if hosts and cluster:
        raise click.UsageError("give either hosts or --cluster")
    if (decrypt is None) != (to is None):
        raise click.UsageError("--decrypt goes with --to")
    config = invocation.config()
    if decrypt is not None and to is not None:
        return _decrypt(config, decrypt, to)
    from auditor.cli import wiring, wiring_rollback
    from auditor.domain.backup import Retention
    from auditor.workflows.backup import back_up
    from auditor.workflows.choosing import choose

    chosen = choose(wiring.known_hosts(config, history_needed=False), hosts, cluster, vcenter)
    vault = wiring_rollback.vault(config, out)
    with wiring_rollback.bundles(config) as (control, target), wiring.progress() as progress:
        rows = back_up(chosen, control, target, vault, wiring.SystemClock(), progress)
    rule = Retention(config.backup.keep, timedelta(days=config.backup.days))
    gone = vault.prune(rule, wiring.SystemClock().now())
    if as_json:
        output.emit_json(_document(rows, gone))
    else:
        output.emit(_text(rows, gone))
    return ExitCode.DONE if all(row.kept for row in rows) else ExitCode.INCOMPLETE


def _decrypt(config: Config, path: Path, to: Path) -> int:
    from auditor import newfile
    from auditor.cli import wiring_rollback

    size, digest = newfile.save(to, [wiring_rollback.vault(config, None).opened(path)])
    output.emit(f"{to}: {size} bytes, sha256 {digest}")
    output.say("next: auditor runbook show configuration-backup; remove the file when you are done with it")
    return ExitCode.DONE


def _text(rows: tuple[BackupRow, ...], gone: tuple[KeptFile, ...]) -> str:
    lines = []
    for row in rows:
        if row.kept is not None:
            sealed = "encrypted" if row.kept.encrypted else "NOT ENCRYPTED"
            lines.append(f"{printable(row.host)}  {row.kept.size} bytes, {sealed}  {row.kept.path}")
        elif row.error is not None:
            lines.append(f"{printable(row.host)}  NOT FETCHED: {printable(row.error.what, 300)}")
            if row.error.hint:
                lines.append(f"  next: {printable(row.error.hint, 300)}")
    lines += [f"removed {one.path}" for one in gone]
    return "\n".join(lines)


def _document(rows: tuple[BackupRow, ...], gone: tuple[KeptFile, ...]) -> dict[str, Any]:
    from auditor.codec import timestamp

    return {
        "schema": "auditor/backup/v1",
        "hosts": [
            {
                "host": row.host,
                "file": row.kept.path if row.kept else None,
                "size": row.kept.size if row.kept else None,
                "sha256": row.kept.sha256 if row.kept else None,
                "taken": timestamp(row.kept.taken) if row.kept else None,
                "encrypted": row.kept.encrypted if row.kept else None,
                "error": row.error.what if row.error else None,
            }
            for row in rows
        ],
        "removed": [one.path for one in gone],
    }
