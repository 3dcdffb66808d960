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
from auditor.codec import from_plain, to_plain
from auditor.domain.proposal.values import ImageProposal
from auditor.errors import InputError, ReadError, RefusedError

SCHEMA = "proposal.v1"
NAME = "auditor/proposal/v1"
MAX_SIZE = 64 * 1024 * 1024
"""Largest proposal file read, in bytes; one of a cluster of 64 hosts has about 200 thousand."""


def proposal_document(proposal: ImageProposal) -> dict[str, Any]:
    """The proposal as JSON data, valid by schema ``proposal.v1``."""
    return {"schema": NAME, **to_plain(proposal)}


def proposal_of(document: Any, where: str = "") -> ImageProposal:
    """The inverse. Raises ``InputError`` when ``document`` is none, ``RefusedError`` when it was changed since it was made."""
    hint = "auditor propose CLUSTER writes one"
    documents.validate(document, SCHEMA, where=where, hint=hint)
    plain = {name: value for name, value in document.items() if name != "schema"}
    try:
        proposal = from_plain(ImageProposal, plain)
    except ReadError as error:
        raise InputError("is not a proposal", where=where, hint=hint) from error
    if not proposal.intact:
        raise RefusedError(
            "its digest does not fit what it says: it was changed since it was written",
            where=where,
            hint=f"make a new one: auditor propose {shlex.quote(proposal.cluster)}",
        )
    return proposal


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
    """The proposal of a file. Raises ``InputError`` when it cannot be read, ``RefusedError`` when it was changed."""
    hint = "auditor propose CLUSTER writes one"
    text = handed_in.text(handed_in.read(path, MAX_SIZE, hint=hint), str(path), hint=hint)
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"is not JSON: {error}", where=str(path), hint=hint) from error
    return proposal_of(document, str(path))


__all__ = ["file_name", "proposal_document", "proposal_of", "read_proposal", "write_proposal"]
