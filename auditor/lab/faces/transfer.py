"""Files to and from a simulated vCenter, over plain HTTP requests beside the API.

Known are the upload's address (SDK: `https://VC:9087/vum-fileupload`) and, from one published log, a download's
(`http://VC:9084/vum-filedownload/download?file=SOFTWARE_SPEC_1310523462.json`). Here all is on the one TLS port. Not known and
chosen: the upload is a multipart form whose first file counts, it wants an API session, and it answers with the file id
as JSON; a download wants no session.
"""

from __future__ import annotations

import hashlib
import json
import re
from email import message_from_bytes
from email.policy import HTTP

from auditor.lab.vcenter.bundle import make_bundle, make_iso
from auditor.lab.vcenter.depot import DesiredSoftware
from auditor.lab.vcenter.drafts import write_specification
from auditor.lab.vcenter.state import LabVCenter
from auditor.lab.wire.http import Request, Response

UPLOAD = "/vum-fileupload"
DOWNLOAD = "/vum-filedownload/download"
_ENDINGS = {"SOFTWARE_SPEC": "json", "ISO_IMAGE": "iso", "OFFLINE_BUNDLE": "zip"}


def export(vcenter: LabVCenter, kind: str, software: DesiredSoftware) -> str:
    """Put a file up for download and give its URL. Raises LookupError when the depot lacks what it is made of."""
    data = {
        "SOFTWARE_SPEC": lambda: write_specification(software).encode(),
        "ISO_IMAGE": lambda: make_iso(software),
        "OFFLINE_BUNDLE": lambda: make_bundle(software, vcenter.database.depot),
    }[kind]()
    name = f"{kind}_{int(hashlib.sha256(data).hexdigest()[:8], 16)}.{_ENDINGS[kind]}"
    vcenter.exports[name] = data
    return f"{vcenter.url or f'https://{vcenter.name}:9084'}{DOWNLOAD}?file={name}"


def answer(vcenter: LabVCenter, request: Request) -> Response | None:
    """Answer an upload or a download; None for any other path."""
    if request.path == UPLOAD:
        return _upload(vcenter, request)
    if request.path == DOWNLOAD:
        return _download(vcenter, request)
    return None


def _download(vcenter: LabVCenter, request: Request) -> Response:
    data = vcenter.exports.get(dict(request.query).get("file", ""))
    if request.method != "GET" or data is None:
        return Response(404, b"Not found\n", "text/plain")
    return Response(200, data, "application/octet-stream")


def _upload(vcenter: LabVCenter, request: Request) -> Response:
    if request.method != "POST":
        return Response(405, b"Method not allowed\n", "text/plain")
    if vcenter.sessions.find(request.headers.get("vmware-api-session-id")) is None:
        return Response(401, b"Unauthorized\n", "text/plain")
    data = _first_file(request)
    if data is None:
        return Response(400, b"No file in the form\n", "text/plain")
    file_id = hashlib.sha256(data).hexdigest()[:32]
    vcenter.uploads[file_id] = data
    return Response(200, json.dumps(file_id).encode())


def _first_file(request: Request) -> bytes | None:
    kind = request.headers.get("content-type", "")
    if not re.match(r"multipart/form-data\b", kind, re.IGNORECASE):
        return None
    form = message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + request.body, policy=HTTP)
    for part in form.iter_parts():
        if part.get_filename():
            payload = part.get_payload(decode=True)
            return payload if isinstance(payload, bytes) else None
    return None
