"""The entry point: the commands by name, and the one place where an exception becomes text and an exit code."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence

import click

from auditor.cli import exit_codes, output
from auditor.cli.exit_codes import ExitCode
from auditor.cli.lazy import Lazy, LazyGroup
from auditor.cli.options import Invocation, config_option, invocation, verbose_option
from auditor.errors import AuditorError

COMMANDS = {
    "snapshot": Lazy("auditor.cli.snapshot:snapshot", "Record what runs where."),
    "audit": Lazy("auditor.cli.audit:audit", "Compare hosts with their clusters and say who is ahead of whom, and why."),
    "config": Lazy("auditor.cli.config:config", "Write or check the configuration file."),
    "hosts": Lazy("auditor.cli.hosts:hosts", "List the hosts known here and pin their SSH keys and certificates."),
    "history": Lazy("auditor.cli.history:history", "Show recorded runs, images and settings; export an image."),
    "banks": Lazy("auditor.cli.banks:banks", "Explain the boot banks of an ESXi host."),
    "read": Lazy("auditor.cli.read:read", "Say what the tool makes of a recorded output."),
    "propose": Lazy("auditor.cli.propose:propose", "Find the image a cluster should have, and write it as a proposal."),
    "apply": Lazy("auditor.cli.apply:apply", "Give a cluster the image of a proposal; no host is touched."),
    "export": Lazy("auditor.cli.export:export", "Take a cluster's image out: as JSON, as ISO image, as offline bundle."),
    "depot": Lazy("auditor.cli.depot:depot", "See what vLCM's depot lacks, look into offline bundles, import them."),
    "rollback": Lazy("auditor.cli.rollback:rollback", "Take hosts back to the image in their other boot bank."),
    "backup": Lazy("auditor.cli.backup:backup", "Fetch and keep configuration bundles of hosts."),
    "runbook": Lazy("auditor.cli.runbook:runbook", "Show what to do about a finding, step by step."),
    "lab": Lazy("auditor.cli.lab:lab", "Run a simulated vCenter and ESXi fleet to try things on.", extra="lab"),
}

_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS}
"""A disk that does not take what is written; our own files say so themselves, what is left is the output."""


class _OutputClosedError(Exception):
    """The reader of our output went away, as in ``auditor audit | head``."""


class _MainGroup(LazyGroup):
    def invoke(self, ctx: click.Context) -> object:
        try:
            result: object = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError as error:  # click would end the process with 1, the number of a failure
            raise _OutputClosedError from error
        return result


@click.group(
    cls=_MainGroup,
    table=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
    epilog="\b\nExit codes:\n" + exit_codes.table(),
)
@click.version_option(package_name="vcenter-drift-auditor", prog_name="auditor")
@config_option
@verbose_option
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Says what ESXi hosts run, who is ahead of whom after a vCenter restore, why, and what to do.

    Reading changes no host and no vCenter. What can change something says so in its help, shows what it would do and stops,
    unless --execute is given with a --ticket.

    \b
    First steps:
      auditor lab run post-restore -- auditor audit   (a simulated fleet; nothing of yours is contacted)
      auditor config init                             (then fill in the file it names)
      auditor config check --connect
      auditor snapshot                                (from now on every hour, by cron)
      auditor audit
    """
    output.set_up_log(invocation(ctx).verbosity)


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``auditor`` with ``argv`` (default: the process's) and return its exit code. Never raises, never exits."""
    state = Invocation()
    _open_missing_streams()
    try:
        result = cli.main(
            args=list(sys.argv[1:] if argv is None else argv), prog_name="auditor", standalone_mode=False, obj=state
        )
        sys.stdout.flush()
        return int(result) if isinstance(result, int) else ExitCode.DONE
    except (_OutputClosedError, BrokenPipeError):
        _drop_stdout()
        return ExitCode.BROKEN_PIPE
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        output.say("auditor: interrupted")
        return ExitCode.INTERRUPTED
    except SystemExit as end:  # shell completion ends this way
        return end.code if isinstance(end.code, int) else ExitCode.FAILED
    except AuditorError as error:
        output.say(output.error_text(error))
        if state.verbosity >= 2:
            output.say(output.traceback_text(error))
        return exit_codes.for_error(error)
    except Exception as error:  # the last net: one line for people, the traceback on demand
        if isinstance(error, OSError) and error.errno in _DISK:
            _drop_stdout()
            where = f"{error.filename}: " if error.filename else ""
            output.say(f"auditor: {where}the output could not be written: {error.strerror}")
            output.say("  next: look at the space and the health of the disk that the output goes to")
            return ExitCode.FAILED
        output.say(output.unexpected_text(error))
        if state.verbosity >= 2:
            output.say(output.traceback_text(error))
        else:
            output.say("  next: -vv shows the traceback; please report it")
        return ExitCode.FAILED


def _open_missing_streams() -> None:
    """A parent may start us with stdout or stderr closed; what is said then goes nowhere, and the exit code still tells."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123 - for the process's whole life


def _drop_stdout() -> None:
    """Point stdout at nothing, so that the interpreter's last flush does not complain."""
    try:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)
    except (OSError, ValueError):
        pass


if __name__ == "__main__":
    sys.exit(main())
