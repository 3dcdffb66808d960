"""What is in offline bundles, as text for people and as the document of ``schemas/depot-inspect.v1.json``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from auditor.domain.add_on_names import describe
from auditor.domain.bundle import Basis, Bundle, ImageLayer, LayerKind, LooseFile, Payload, VibEntry
from auditor.domain.bundle_contradictions import Contradiction
from auditor.errors import InputError
from auditor.reports.safe import printable

Plain = dict[str, Any]

SCHEMA = "auditor/depot-inspect/v1"
_COMPONENTS_SHOWN = 200
_FAULTS_SHOWN = 50
_NOTES_SHOWN = 20
_LONGEST = 2_000  # characters of a list in one line
_WIDEST = 60  # characters of one column

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file that could not be read as a bundle, and why."""

    file: str
    error: InputError


Answer = Bundle | Unreadable


def render_bundle(bundle: Bundle, *, all_vibs: bool = False) -> str:
    """One bundle as text; ``all_vibs`` lists every VIB. Everything that came from the zip is made safe to show."""
    return "\n".join(_lines(bundle, all_vibs))


def render_contradictions(found: Sequence[Contradiction]) -> str:
    """What bundles say differently under one name and version; empty without any."""
    if not found:
        return ""
    head = "CONTRADICTIONS: a depot keeps one of each, so what these say of it cannot all hold"
    shown = [f"  - {printable(str(each), _LONGEST)}" for each in found[:_FAULTS_SHOWN]]
    more = [f"  and {len(found) - _FAULTS_SHOWN} more; --json has all"] if len(found) > _FAULTS_SHOWN else []
    return "\n".join(
        [head, *shown, *more, "next: import only one of such bundles: the one whose checksum its vendor publishes"]
    )


def bundles_document(answers: Sequence[Answer], found: Sequence[Contradiction] = (), *, verified: bool) -> Plain:
    """All files in the order they were given and what contradicts each other, valid by schema ``depot-inspect.v1``."""
    return {
        "schema": SCHEMA,
        "verified": verified,
        "bundles": [_bundle(answer) for answer in answers if isinstance(answer, Bundle)],
        "unreadable": [_unreadable(answer) for answer in answers if isinstance(answer, Unreadable)],
        "contradictions": [
            {
                "kind": each.held.value,
                "name": each.name,
                "version": each.version,
                "files": list(each.files),
                "differs": list(each.differs),
            }
            for each in found
        ],
    }


def _lines(bundle: Bundle, all_vibs: bool) -> Iterator[str]:
    yield f"{printable(bundle.file)}: {bundle.kind.value}, {bundle.size / _MIB:,.1f} MiB"
    for layer in bundle.layers:
        yield f"  {_layer(layer)}"
        if layer.kind is LayerKind.ADD_ON and layer.components:
            yield f"    its components: {printable(', '.join(f'{c.name} {c.version}' for c in layer.components), _LONGEST)}"
    if products := sorted({f"{item.product} {item.version}".strip() for item in bundle.platforms} - {""}):
        yield f"  for: {printable(', '.join(products))}"
    for profile in bundle.profiles:
        yield f"  image profile: {printable(profile.name or profile.source.file)}"
    yield f"  VIBs: {_payload_counts(bundle)}"
    components = [(c.name, c.version, c.display_name, c.vendor) for c in bundle.components]
    yield from _section("Components", components, _COMPONENTS_SHOWN)
    bulletins = [(b.id, b.vendor, b.summary) for b in bundle.bulletins]
    yield from _section("Bulletins that are no components (of before 7.0)", bulletins, _COMPONENTS_SHOWN)
    if all_vibs:
        vibs = [(vib.name, vib.version, vib.vendor, vib.payload.value, _size(vib)) for vib in bundle.vibs]
        yield from _section("VIBs", vibs, len(vibs))
    faults = [f"{vib.name} {vib.version}: {vib.payload.value}: {vib.detail}" for vib in bundle.vibs if vib.payload.is_fault]
    yield from _list("Wrong", (*bundle.problems, *faults), _FAULTS_SHOWN)
    yield from _list("Not known", bundle.notes, _NOTES_SHOWN)


def _layer(layer: ImageLayer) -> str:
    if layer.kind is LayerKind.BASE_IMAGE:
        text = f"base image {layer.version or 'of unknown version'}"
    else:
        text = f"add-on {layer.name} {layer.version}".rstrip() if layer.name else "an add-on of unknown name"
        text += _hints(layer)
    word = "stated by" if layer.basis is Basis.STATED else "INFERRED from"
    return f"{printable(text)}   [{word} {printable(layer.rests_on)}]"


def _hints(layer: ImageLayer) -> str:
    told = describe(layer.name, layer.version)
    hints = [hint for hint in (told.vendor, f"made for {told.release}" if told.release else "") if hint]
    return f" ({', '.join(hints)} by its name)" if hints else ""


def _payload_counts(bundle: Bundle) -> str:
    counts = Counter(vib.payload for vib in bundle.vibs)
    told = ", ".join(f"{counts[payload]} {payload.value}" for payload in Payload if counts[payload])
    return f"{len(bundle.vibs)} ({told})" if told else "none"


def _size(vib: VibEntry) -> str:
    return f"{vib.packed_size:,} bytes" if vib.packed_size is not None else "size not stated"


def _section(title: str, rows: Sequence[Sequence[str]], limit: int) -> Iterator[str]:
    """Rows in columns as wide as their longest cell; the last column is not padded."""
    if not rows:
        return
    yield f"  {title}: {len(rows)}"
    cells = [[printable(cell, _WIDEST) for cell in row] for row in rows[:limit]]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        yield "    " + "  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
    if len(rows) > limit:
        yield f"    and {len(rows) - limit} more; --json has all"


def _list(title: str, items: Iterable[str], limit: int) -> Iterator[str]:
    told = list(items)
    if not told:
        return
    yield f"  {title}:"
    for item in told[:limit]:
        yield f"    - {printable(item)}"
    if len(told) > limit:
        yield f"    and {len(told) - limit} more; --json has all"


def _bundle(bundle: Bundle) -> Plain:
    return {
        "file": bundle.file,
        "size": bundle.size,
        "kind": bundle.kind.value,
        "sound": bundle.sound,
        "layers": [
            {
                "layer": layer.kind.value,
                "name": layer.name or None,
                "version": layer.version or None,
                "basis": layer.basis.value,
                "rests_on": layer.rests_on,
                "components": [{"name": c.name, "version": c.version} for c in layer.components],
            }
            for layer in bundle.layers
        ],
        "platforms": [{"product": p.product, "version": p.version, "file": p.file} for p in bundle.platforms],
        "base_images": [
            {"version": str(i.version) if i.version else None, "display": i.display, **_loose(i.source)}
            for i in bundle.base_images
        ],
        "add_ons": [
            {"name": a.name or None, "version": a.version or None, "display": a.display, "vendor": a.vendor, **_loose(a.source)}
            for a in bundle.add_ons
        ],
        "profiles": [{"name": p.name or None, "vendor": p.vendor, **_loose(p.source)} for p in bundle.profiles],
        "components": [
            {
                "name": c.name,
                "version": c.version,
                "display_name": c.display_name,
                "display_version": c.display_version,
                "vendor": c.vendor,
                "bulletin": c.bulletin,
                "vibs": list(c.vibs),
            }
            for c in bundle.components
        ],
        "bulletins": [{"id": b.id, "vendor": b.vendor, "summary": b.summary, "vibs": list(b.vibs)} for b in bundle.bulletins],
        "vibs": [_vib(vib) for vib in bundle.vibs],
        "other_files": [_loose(file) for file in bundle.other_files],
        "unlisted": list(bundle.unlisted),
        "problems": list(bundle.problems),
        "notes": list(bundle.notes),
    }


def _loose(source: LooseFile) -> Plain:
    return {
        "file": source.file,
        "fields": [{"name": name, "value": value} for name, value in source.fields],
        "refers_to": list(source.refers_to),
        "raw": source.raw,
    }


def _vib(vib: VibEntry) -> Plain:
    return {
        "id": vib.id,
        "name": vib.name,
        "version": vib.version,
        "vendor": vib.vendor,
        "kind": vib.kind,
        "acceptance_level": vib.acceptance_level,
        "path": vib.path,
        "packed_size": vib.packed_size,
        "checksums": [{"algorithm": c.algorithm, "value": c.value} for c in vib.checksums],
        "payload": vib.payload.value,
        "detail": vib.detail,
        "members": list(vib.members),
        "signed": vib.signed,
    }


def _unreadable(answer: Unreadable) -> Plain:
    error = answer.error
    return {"file": answer.file, "where": error.where, "what": error.what, "hint": error.hint}


__all__ = ["SCHEMA", "Answer", "Unreadable", "bundles_document", "render_bundle", "render_contradictions"]
