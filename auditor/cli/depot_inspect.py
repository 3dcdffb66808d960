"""``auditor depot inspect``: what is in offline bundles, without a vCenter."""

from __future__ import annotations

from pathlib import Path

import click

from auditor.cli import output, wiring
from auditor.cli.exit_codes import ExitCode
from auditor.cli.options import json_option, verbose_option
from auditor.errors import InputError


@click.command()
@click.argument("zips", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="ZIP…")
@click.option("--vibs", "all_vibs", is_flag=True, help="List every VIB.")
@click.option("--no-verify", is_flag=True, help="Do not read the .vib files: no checksum is computed.")
@json_option
@verbose_option
@click.pass_context
def inspect(context: click.Context, zips: tuple[Path, ...], all_vibs: bool, no_verify: bool, as_json: bool) -> None:
    """Say what each offline bundle ZIP holds: base image, add-on, components and VIBs.

    A vendor's custom image is shown as base image and add-on. What the bundle does not state itself is marked INFERRED,
    with what it rests on; vCenter's own split on import is the one that counts. Sizes and checksums of all VIBs are compared
    with the metadata. Nothing is contacted, nothing is unpacked to disk, and nothing is run. Where several bundles hold
    different things under one name and version it is said: a depot keeps one of each.

    Exit code 0: every bundle was read and holds what it says; 1: one could not be read, or does not, or two contradict each
    other.

    \b
    Example:
      auditor depot inspect VMware-ESXi-8.0U3g-24859861-depot.zip
      auditor depot inspect *.zip
    """
    from auditor.depot import read_bundle
    from auditor.domain.bundle import Bundle
    from auditor.domain.bundle_contradictions import contradictions
    from auditor.reports.bundle import Answer, Unreadable, bundles_document, render_bundle, render_contradictions

    answers: list[Answer] = []
    with wiring.progress() as progress:
        for path in zips:
            try:
                answers.append(read_bundle(path, progress, verify_vibs=not no_verify))
            except InputError as error:
                answers.append(Unreadable(str(path), error))
    found = contradictions([answer for answer in answers if isinstance(answer, Bundle)])
    if as_json:
        output.emit_json(bundles_document(answers, found, verified=not no_verify))
    sound = not found
    for number, answer in enumerate(answers):
        if isinstance(answer, Unreadable):
            sound = False
            output.say(output.error_text(answer.error))
            continue
        sound = sound and answer.sound
        if not as_json:
            output.emit(("\n" if number else "") + render_bundle(answer, all_vibs=all_vibs))
    if found and not as_json:
        output.emit("\n" + render_contradictions(found))
    context.exit(ExitCode.DONE if sound else ExitCode.FAILED)
