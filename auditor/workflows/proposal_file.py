"""A proposal as a file: written whole or not at all, for its owner's eyes (0600), and believed only as it was written."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import tempfile
from pathlib import Path
from typing import Any

from auditor import documents, handed_in
from auditor.codec import canonical_plain, from_plain, to_plain
from auditor.domain.observation import value_of
from auditor.domain.proposal.values import FORMAT, CandidateKind, ImageProposal
from auditor.domain.specification import SpecificationError, importable
from auditor.errors import InputError, OldPaperError, ReadError, RefusedError

SCHEMA = "proposal.v2"
BEFORE = {"auditor/proposal/v1": "proposal.v1"}
"""The formats before, which are shown and never applied, with their schemas."""
MAX_SIZE = 64 * 1024 * 1024
"""Largest proposal file read, in bytes; one of a cluster of 64 hosts has about 200 thousand."""
_HINT = "auditor propose CLUSTER writes one"


def proposal_document(proposal: ImageProposal) -> dict[str, Any]:
    """The proposal as JSON data, valid by schema ``proposal.v2``."""
    return {"schema": FORMAT, **to_plain(proposal)}


def proposal_of(document: Any, where: str = "") -> ImageProposal:
    """The inverse. Raises ``InputError`` when ``document`` is none, ``RefusedError`` when it was changed since it was made,
    ``OldPaperError`` when it is of a format before."""
    old = BEFORE.get(document.get("schema", "")) if isinstance(document, dict) else None
    documents.validate(document, old or SCHEMA, where=where, hint=_HINT)
    proposal = _structured(document, where)
    again = f"auditor propose {shlex.quote(proposal.cluster)}"
    if old is not None:
        undo = f"auditor export image {shlex.quote(proposal.cluster)}" if _undoes(proposal) else again
        raise OldPaperError("propose", proposal, where=where, hint=undo)
    if not proposal.intact or proposal_document(proposal) != document:
        raise RefusedError(
            "its digest does not fit what it says: it was changed since it was written",
            where=where,
            hint=f"make a new one: {again}",
        )
    return proposal


def _structured(document: dict[str, Any], where: str) -> ImageProposal:
    try:
        proposal = from_plain(ImageProposal, {name: value for name, value in document.items() if name != "schema"})
    except ReadError as error:
        raise InputError(f"is not a proposal: {error.what}", where=where, hint=_HINT) from error
    old = value_of(proposal.old)
    specs = [("old.value", old.spec if old else ""), ("chosen.target", proposal.chosen.spec if proposal.chosen else "")]
    for place, spec in specs:
        try:
            importable(spec)
        except SpecificationError as error:
            raise InputError(f"is not a proposal: {place}.spec: {error}", where=where, hint=_HINT) from error
    return proposal


def _undoes(proposal: ImageProposal) -> bool:
    return proposal.chosen is not None and proposal.chosen.kind is CandidateKind.INVERSE


def stored_text(proposal: ImageProposal) -> str:
    """What the journal keeps of an operation."""
    return canonical_plain(proposal_document(proposal))


def stored_proposal(text: str, where: str) -> ImageProposal:
    """The proposal of an operation that was begun, also of one from before the document had a format: what was begun is
    resumed. Raises ``InputError``, ``ReadError``, ``RefusedError``."""
    document = handed_in.document(text, where)
    if isinstance(document, dict) and "schema" not in document:
        return from_plain(ImageProposal, document)
    return proposal_of(document, where)


def file_name(proposal: ImageProposal) -> str:
    """``VCENTER-CLUSTER-TIME.proposal.json``, with nothing in it that a shell or a file system minds. The cluster's id keeps
    two clusters of one name apart."""
    parts = (proposal.vcenter, proposal.cluster, proposal.cluster_id)
    plain = "-".join(re.sub(r"[^A-Za-z0-9.]+", "-", part).strip("-.") or "x" for part in parts)
    return f"{plain[:150]}-{proposal.created:%Y%m%dT%H%M%SZ}.proposal.json"


def write_proposal(folder: Path, proposal: ImageProposal, name: str = "") -> Path:
    """Write the proposal into ``folder``, which is made if it is not there, by its `file_name` unless another is given. Raises
    ``InputError``."""
    path = folder / (name or file_name(proposal))
    text = json.dumps(proposal_document(proposal), indent=1, ensure_ascii=True) + "\n"
    temporary = ""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=".proposal-", dir=folder)  # made with mode 0600
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            Path(temporary).unlink()
        raise InputError(
            f"cannot be written: {error.strerror or error}", where=str(path), hint="choose another --out"
        ) from error
    return path


def read_proposal(path: Path) -> ImageProposal:
    """The proposal of a file. Raises ``InputError`` when it cannot be read, ``RefusedError`` when it was changed,
    ``OldPaperError`` when it is of a format before."""
    text = handed_in.text(handed_in.read(path, MAX_SIZE, hint=_HINT), str(path), hint=_HINT)
    return proposal_of(handed_in.document(text, str(path), hint=_HINT), str(path))


__all__ = [
    "file_name",
    "proposal_document",
    "proposal_of",
    "read_proposal",
    "stored_proposal",
    "stored_text",
    "write_proposal",
]
