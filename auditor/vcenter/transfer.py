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
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests

from auditor.domain.editing import Downloaded
from auditor.errors import AuditorError, ConnectError, FailedError, InputError, ReadError, SessionEndedError, TrustError
from auditor.masking import masked
from auditor.vcenter.tasks import Told, silent
from auditor.vcenter.vapi import VapiSession

UPLOAD_PORT = 9087
UPLOAD_PATH = "/vum-fileupload"
BLOCK = 1024 * 1024


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
    endpoint = session.endpoint
    host = f"[{endpoint.host}]" if ":" in endpoint.host else endpoint.host
    url = f"https://{host}:{port}{UPLOAD_PATH}"
    try:
        form = _Form(path, told)
        http, headers = session.transfer()
        answer = http.post(
            url,
            data=form,
            headers=headers | {"Content-Type": form.content_type},
            timeout=(endpoint.connect_timeout, endpoint.read_timeout),
        )
    except OSError as error:
        raise _failed(error, url, path, session) from error
    if answer.status_code == 401:
        raise SessionEndedError("the upload service does not know the session (HTTP 401): nothing was uploaded", where=url)
    if not answer.ok:
        hint = "needs the privilege VcIntegrity.FileUpload.com.vmware.vcIntegrity.ImportFile; or let vCenter pull the bundle"
        raise FailedError(f"the upload was refused: HTTP {answer.status_code}", where=url, hint=hint)
    told(100, "")
    return _file_id(answer, url)


def _file_id(answer: requests.Response, url: str) -> str:
    text = answer.text.strip()
    try:
        found = _first_text(json.loads(text))
    except ValueError:
        found = "" if len(text) > 200 or "<" in text or "\n" in text else text
    if found:
        return found
    raise ReadError(
        f"the upload's answer holds no file id: {masked(text)[:200]!r}", where=url, hint="let vCenter pull the bundle"
    )


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
    """Fetch a URL vCenter gave into a file, which appears only when it is complete. Over HTTPS the certificate must be the
    trusted one; plain HTTP raises ``TrustError`` unless ``allow_http``. Raises also ``ConnectError``, ``FailedError`` and
    ``InputError`` for a file that cannot be written."""
    secure = urlsplit(url).scheme == "https"
    if not secure and not allow_http:
        raise TrustError(
            "vCenter offers this file over plain HTTP: nobody vouches for what comes",
            where=url,
            hint="allow it explicitly, and check the file by another way before using it",
        )
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    digest, size = hashlib.sha256(), 0
    try:
        http, _ = session.transfer()
        timeout = (session.endpoint.connect_timeout, session.endpoint.read_timeout)
        with http.get(url, stream=True, timeout=timeout, allow_redirects=False) as answer, part.open("wb") as file:
            if answer.status_code != 200:
                raise FailedError(f"the download was refused: HTTP {answer.status_code}", where=url)
            length = _length(answer.headers.get("Content-Length", ""), url)
            for block in answer.iter_content(BLOCK):
                file.write(block)
                digest.update(block)
                size += len(block)
                told(min(99, 100 * size // length) if length else 0, f"{size // BLOCK} MiB")
            file.flush()
            os.fsync(file.fileno())
        if length and size != length:
            raise ConnectError(f"the download stopped after {size} of {length} bytes", where=url)
        part.replace(target)
    except OSError as error:
        raise _failed(error, url, target, session) from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    told(100, "")
    return Downloaded(size, digest.hexdigest(), url, secure)


def _length(text: str, url: str) -> int:
    """The bytes to come; 0 where the answer does not say. Raises ``ReadError``: without it a cut-off file looks complete."""
    if not text:
        return 0
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise ReadError(f"the answer's length is no number: {masked(text)[:60]!r}", where=url, hint="try again")
    return int(text)


def _failed(error: OSError, url: str, path: Path, session: VapiSession) -> AuditorError:
    """requests' errors are OSErrors as well as those of the file."""
    if isinstance(error, requests.exceptions.SSLError):
        return TrustError(f"the certificate at {urlsplit(url).netloc} is not the trusted one", where=url)
    if isinstance(error, requests.exceptions.Timeout):
        return ConnectError(f"no answer within {session.endpoint.read_timeout:g} s", where=url)
    if isinstance(error, requests.exceptions.RequestException):
        return ConnectError(f"the connection failed ({type(error).__name__})", where=url)
    return InputError(f"{error.strerror or error}", where=str(path))


__all__ = ["UPLOAD_PORT", "download", "upload"]
