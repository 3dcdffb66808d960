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
@click.option("--unencrypted", is_flag=True, help="Keep the bundles in the clear, which is recorded with your name.")
@click.option("--list", "listed", is_flag=True, help="Instead: list the bundles that are kept here; contacts nothing.")
@click.option(
    "--new-key",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="NEWFILE",
    help="Instead: write a new key to a file (mode 0600), for [backup] key. It is not shown.",
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
    unencrypted: bool,
    listed: bool,
    new_key: Path | None,
    as_json: bool,
) -> int:
    """Fetch the configuration bundles of hosts and keep them: hashed, encrypted with [backup] key, old ones removed.

    Without a key nothing is fetched: a bundle holds password hashes and private keys.

    Meant for cron. Without HOST or --cluster: all known hosts; HOST is a name, its start (esx01), or an address. A bundle can
    be restored only onto the release it was taken from (`auditor runbook show configuration-backup`).
    The host writes its configuration down for this; nothing else on it changes.

    \b
    Exit codes: 0 every bundle is here; 4 some are not; 5 refused: there is no key.
    Examples:
      auditor backup --new-key /etc/auditor/backup.key
      auditor backup --cluster Prod-A
      23 2 * * *  auditor backup --config /etc/auditor/auditor.toml   (in cron)
      auditor backup --decrypt 20260310T120000Z-configBundle.tgz.fernet --to configBundle.tgz
    """
    if hosts and cluster:
        raise click.UsageError("give either hosts or --cluster")
    if (decrypt is None) != (to is None):
        raise click.UsageError("--decrypt goes with --to")
    if sum([bool(decrypt), listed, bool(new_key), bool(hosts or cluster or unencrypted)]) > 1:
        raise click.UsageError("--decrypt, --list and --new-key do that and nothing else")
    if new_key is not None:
        return _new_key(new_key)
    config = invocation.config()
    if decrypt is not None and to is not None:
        return _decrypt(config, decrypt, to)
    if listed:
        return _list(out or config.backup.folder, as_json=as_json)
    from auditor.cli import identity, wiring, wiring_rollback
    from auditor.domain.backup import Retention
    from auditor.workflows.backup import back_up
    from auditor.workflows.choosing import choose

    vault = wiring_rollback.vault(config, out, clear_for=identity.operator(config) if unencrypted else "")
    chosen = choose(wiring.known_hosts(config, history_needed=False), hosts, cluster, vcenter)
    with wiring_rollback.bundles(config) as (control, target), wiring.progress() as progress:
        rows = back_up(chosen, control, target, vault, wiring.SystemClock(), progress)
    rule = Retention(config.backup.keep, timedelta(days=config.backup.days))
    gone = vault.prune(rule, wiring.SystemClock().now())
    if as_json:
        output.emit_json(_document(rows, gone))
    else:
        output.emit(_text(rows, gone))
    return ExitCode.DONE if all(row.kept for row in rows) else ExitCode.INCOMPLETE


def _new_key(path: Path) -> int:
    from auditor.backup.sealing import new_key

    made = new_key(path)
    output.emit(f"{path}: key {made.fingerprint}, mode 0600")
    output.say("next: name it in the configuration, in [backup]: key = { file = " + f'"{path.absolute()}" }}')
    output.say("next: keep a copy away from this machine: without the key nobody opens the bundles")
    return ExitCode.DONE


def _list(folder: Path, *, as_json: bool) -> int:
    from auditor.backup.vault import Vault
    from auditor.workflows.backup import BackupRow

    rows = tuple(BackupRow(one.host, one) for one in Vault(folder).kept())
    if as_json:
        output.emit_json(_document(rows, ()))
    elif rows:
        output.emit(_text(rows, ()))
    else:
        output.say(f"{folder}: no bundle is kept here")
    return ExitCode.DONE


def _decrypt(config: Config, path: Path, to: Path) -> int:
    from auditor import newfile
    from auditor.backup.vault import Vault
    from auditor.cli import wiring_rollback

    vault = Vault(config.backup.folder, wiring_rollback.bundle_key(config))
    size, digest = newfile.save(to, [vault.opened(path)])
    output.emit(f"{to}: {size} bytes, sha256 {digest}")
    output.say("next: auditor runbook show configuration-backup; remove the file when you are done with it")
    return ExitCode.DONE


def _text(rows: tuple[BackupRow, ...], gone: tuple[KeptFile, ...]) -> str:
    lines = []
    for row in rows:
        if row.kept is not None:
            clear = f"NOT ENCRYPTED{f' for {row.kept.clear_for}' if row.kept.clear_for else ''}"
            sealed = f"encrypted with key {row.kept.key or 'unknown'}" if row.kept.encrypted else printable(clear)
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
                "key": row.kept.key or None if row.kept else None,
                "unencrypted_for": row.kept.clear_for or None if row.kept else None,
                "error": row.error.what if row.error else None,
            }
            for row in rows
        ],
        "removed": [one.path for one in gone],
    }
