"""Files to and from vCenter beside its API, with the same trust as the API itself.

Known: the upload's address (SDK docstring: ``https://VC:9087/vum-fileupload``) and that an export gives a URL; one published
log shows it with plain HTTP on port 9084. NOT verified, for lack of any public trace: the upload's form (here a multipart form
with one file and the API session's header) and its answer (here read tolerantly: JSON or plain text, the id wherever it is).
"""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from auditor.domain.editing import Downloaded
from auditor.errors import AuditorError, FailedError, InputError, ReadError, SessionEndedError, TrustError
from auditor.masking import masked
from auditor.vcenter.answers import typed
from auditor.vcenter.faults import unanswered
from auditor.vcenter.http import BLOCK, Http, HttpError, shown_address
from auditor.vcenter.settings import Endpoint
from auditor.vcenter.tasks import Told, silent
from auditor.vcenter.vapi import VapiSession

UPLOAD_PORT = 9087
UPLOAD_PATH = "/vum-fileupload"

DOWNLOAD_LIMIT = 16 * 1024**3
"""Bytes of an export that are taken. Real ones have some hundred MB, with a vendor's add-on some GB."""

_KEPT = "/%:@!$&'()*+,;=~?"


class _Form:
    """A multipart form with one file, sent block by block: bundles have gigabytes."""

    def __init__(self, path: Path, told: Told) -> None:
        self._path, self._told = path, told
        boundary = uuid.uuid4().hex
        name = path.name.replace('"', "_").encode("ascii", "replace").decode("ascii")
        head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
            "Content-Type: application/zip\r\n\r\n"
        )
        self._head, self._tail = head.encode("ascii"), f"\r\n--{boundary}--\r\n".encode("ascii")
        self.size = path.stat().st_size
        self.content_type = f"multipart/form-data; boundary={boundary}"

    def __len__(self) -> int:
        return len(self._head) + self.size + len(self._tail)

    def __iter__(self) -> Iterator[bytes]:
        yield self._head
        sent = 0
        with self._path.open("rb") as file:
            while block := file.read(BLOCK):
                yield block
                sent += len(block)
                self._told(min(99, 100 * sent // max(1, self.size)), f"{sent // BLOCK} MiB sent")
        yield self._tail


def upload(session: VapiSession, path: Path, port: int = UPLOAD_PORT, told: Told = silent) -> str:
    """Send a file and give vCenter's id of it. Raises ``InputError`` for a file that cannot be read, ``ConnectError``,
    ``TrustError``, ``FailedError`` for a refusal, ``ReadError`` for an answer without an id."""
    endpoint = replace(session.endpoint, port=port)
    where = f"https://{endpoint.host}:{port}{UPLOAD_PATH}"
    http = Http(endpoint)
    try:
        form = _Form(path, told)
        headers = {"Content-Type": form.content_type, "Content-Length": str(len(form)), **session.transfer()}
        with http.stream("POST", UPLOAD_PATH, form, headers) as (answer, pieces):
            text = b"".join(pieces).decode("utf-8", "replace").strip()
    except HttpError as error:
        raise _failed(error, where) from error
    except OSError as error:
        raise InputError(f"{error.strerror or error}", where=str(path)) from error
    finally:
        http.close()
    if answer.status == 401:
        raise SessionEndedError("the upload service does not know the session (HTTP 401): nothing was uploaded", where=where)
    if answer.status >= 400:
        hint = "needs the privilege VcIntegrity.FileUpload.com.vmware.vcIntegrity.ImportFile; or let vCenter pull the bundle"
        raise FailedError(f"the upload was refused: HTTP {answer.status}", where=where, hint=hint)
    told(100, "")
    return _file_id(text, where)


def _file_id(text: str, where: str) -> str:
    found = "" if len(text) > 200 or "<" in text or "\n" in text else text
    with suppress(ValueError, RecursionError):
        found = _first_text(json.loads(text))
    if found:
        return found
    said = masked(text)[:200]
    raise ReadError(f"the upload's answer holds no file id: {said!r}", where=where, hint="let vCenter pull the bundle")


def _first_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, dict):
        known = [value[key] for key in ("file_id", "fileId", "id") if key in value]
        return next((found for each in (*known, *value.values()) if (found := _first_text(each))), "")
    if isinstance(value, list):
        return next((found for each in value if (found := _first_text(each))), "")
    return ""


def download(session: VapiSession, url: str, target: Path, told: Told = silent, *, allow_http: bool = False) -> Downloaded:
    """Fetch a URL vCenter gave into a file, which appears only when it is complete. vCenter may name itself otherwise there
    than the configuration does: our session is not sent. Over HTTPS the certificate must be the pinned one, or one for the
    name in the URL by the same authority; plain HTTP raises ``TrustError`` unless ``allow_http``. Raises also
    ``ConnectError``, ``FailedError``, ``ReadError`` and ``InputError`` for a file that cannot be written."""
    endpoint, path, secure = _place(session.endpoint, url)
    if not secure and not allow_http:
        raise TrustError(
            "vCenter offers this file over plain HTTP: nobody vouches for what comes",
            where=endpoint.where,
            hint="allow it explicitly, and check the file by another way before using it",
        )
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    digest, size = hashlib.sha256(), 0
    http = Http(endpoint, secure=secure)
    try:
        with http.stream("GET", path, limit=DOWNLOAD_LIMIT) as (answer, pieces), part.open("wb") as file:
            if answer.status != 200:
                raise FailedError(f"the download was refused: HTTP {answer.status}", where=endpoint.where)
            length = int(answer.headers.get("Content-Length", "0"))
            for piece in pieces:
                file.write(piece)
                digest.update(piece)
                size += len(piece)
                told(min(99, 100 * size // length) if length else 0, f"{size // BLOCK} MiB")
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    except HttpError as error:
        raise _failed(error, endpoint.where) from error
    except OSError as error:
        raise InputError(f"{error.strerror or error}", where=str(target)) from error
    finally:
        http.close()
        with suppress(OSError):
            part.unlink(missing_ok=True)
    told(100, "")
    return Downloaded(size, digest.hexdigest(), url, secure)


def _place(endpoint: Endpoint, url: str) -> tuple[Endpoint, str, bool]:
    """Where a URL is, what is asked for there, and whether through TLS. Raises ``ReadError``."""
    try:
        split = urlsplit(url)
        secure = split.scheme == "https"
        host, port = split.hostname or "", split.port or (443 if secure else 80)
    except ValueError:
        host = ""
    if not host or split.scheme not in {"http", "https"}:
        raise ReadError("the export's address is none that can be fetched", where=endpoint.where, tried=shown_address(url))
    path = quote(split.path or "/", safe=_KEPT) + (f"?{quote(split.query, safe=_KEPT)}" if split.query else "")
    return replace(endpoint, where=shown_address(url), host=host, port=port), path, secure


def _failed(error: HttpError, where: str) -> AuditorError:
    made = typed(unanswered(error.reason, error.detail), written=False)
    made.where = where
    return made


__all__ = ["UPLOAD_PORT", "download", "upload"]
