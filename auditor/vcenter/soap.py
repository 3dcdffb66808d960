"""A session on the SOAP side of a vCenter or an ESXi host (pyVmomi): trust, login, faults, re-login, and nothing to write.

pyVmomi's own ``SmartConnect`` is not used: it trusts "localhost" without looking, asks for the versions without a timeout,
and cannot carry a context that pins. What it does is done here in few lines: ask which API versions the server speaks,
take the newest both know, log in.
"""

from __future__ import annotations

import hashlib
import threading
import xml.etree.ElementTree as ET  # the type of a tree; `bounds` parses
from collections.abc import Callable
from contextlib import nullcontext, suppress
from typing import Any, TypeVar, cast

from pyVmomi import vim, vmodl
from pyVmomi.SoapAdapter import SoapDeserializer, SoapResponseDeserializer, SoapStubAdapterBase
from pyVmomi.VmomiSupport import GetServiceVersions, IsChildVersion, versionIdMap

from auditor.domain.observation import Reason, raw_start
from auditor.errors import AuditorError
from auditor.masking import masked, remember_session
from auditor.vcenter.bounds import xml_text, xml_tree
from auditor.vcenter.faults import SERVICE_UNAVAILABLE, UnansweredError, refused, transport_fault, unanswered
from auditor.vcenter.http import Answer, Http, closing
from auditor.vcenter.operations import Gate
from auditor.vcenter.settings import Endpoint

T = TypeVar("T")

SOAP_FAULT = 500
COOKIE_LIMIT = 4096

SLOTS = 1_000_000
"""Properties of all objects in an answer. A host's list of VIBs has some 10,000."""

SHARED_ANSWERS = 256
"""Different answers that are remembered in a session: far more than a fleet has images."""

_ENVELOPE = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" '
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body>{body}</soapenv:Body></soapenv:Envelope>'
)


class _Reader(SoapDeserializer):  # type: ignore[misc]  # pyVmomi is untyped
    """pyVmomi's reader of values, which counts what it makes: an empty tag can name a type of a hundred properties."""

    def __init__(self, stub: Any) -> None:
        super().__init__(stub)
        self._slots = 0

    def StartElementHandler(self, tag: Any, attr: Any) -> None:  # noqa: N802  # pyVmomi's name
        super().StartElementHandler(tag, attr)
        made = self.stack[-1]
        self._slots += len(getattr(made, "__dict__", ())) if not isinstance(made, type) else 1
        if self._slots > SLOTS:
            raise unanswered(Reason.TOO_LARGE, f"the answer has more than {SLOTS:,} properties")


class _Stub(SoapStubAdapterBase):  # type: ignore[misc]  # pyVmomi is untyped
    """pyVmomi's stub with the gate in front of the wire, and our transport instead of its own."""

    def __init__(self, endpoint: Endpoint, gate: Gate, http: Http, version: str) -> None:
        super().__init__(version)
        self.requestContext = None  # pyVmomi's name; it expects one
        self._gate, self._http, self._cookie = gate, http, ""
        self._where = endpoint.where

    def __deepcopy__(self, _: Any) -> _Stub:
        return self  # managed objects that are copied share it

    def InvokeMethod(self, mo: Any, info: Any, args: Any) -> Any:  # noqa: N802  # pyVmomi's name
        self._gate.check("soap", _type_names(type(mo)), info.wsdlName)
        answer = self._exchange(self.SerializeRequest(mo, info, args))
        found = self.taken_apart(info.result, answer)
        if answer.status == SOAP_FAULT:
            raise found if isinstance(found, Exception) else unanswered(Reason.UNREADABLE, "a fault without a type")
        return found

    def invoke_plain(self, mo: Any, name: str) -> tuple[Any, Answer]:
        """Call a method that takes no arguments, by pyVmomi's name; (type of the result, answer), not taken apart."""
        info = mo._GetMethodInfo(name)  # noqa: SLF001  # pyVmomi offers no other way
        self._gate.check("soap", _type_names(type(mo)), info.wsdlName)
        return info.result, self._exchange(self.SerializeRequest(mo, info, ()))

    def taken_apart(self, kind: Any, answer: Answer) -> Any:
        """The value in an answer by pyVmomi's own reader; a fault is an exception object."""
        text = xml_text(answer.body, self._where)
        reader = SoapResponseDeserializer(self)
        reader.deser = _Reader(self)
        return reader.Deserialize(text, kind)

    def post(self, body: str) -> Answer:
        """Send a SOAP body as it is, with this session's cookie. The caller has passed the gate."""
        return self._exchange(_ENVELOPE.format(body=body).encode())

    def _exchange(self, request: bytes) -> Answer:
        headers = {"SOAPAction": self.versionId, "Content-Type": "text/xml; charset=UTF-8"}
        if self._cookie:
            headers["Cookie"] = self._cookie
        answer = self._http.request("POST", "/sdk", request, headers)
        if answer.status not in {200, SOAP_FAULT}:
            raise refused(answer, Reason.UNREACHABLE)
        cookie = answer.headers.get("Set-Cookie", "").partition(";")[0].strip()
        if cookie and cookie.isascii() and cookie.isprintable() and len(cookie) <= COOKIE_LIMIT:
            self._cookie = cookie
            remember_session(cookie)
        return answer


class SoapSession:
    """One login, shared by any number of threads. Logs in at the first call, once again when the server forgot the session,
    or is of another version by now: a host that went back speaks an older API, and so may a vCenter that was restored.

    A login that failed is not tried again: a thousand hosts must not lock an account, nor wait a thousand timeouts.
    """

    def __init__(self, endpoint: Endpoint, password: Callable[[], str], gate: Gate | None = None) -> None:
        self.endpoint = endpoint
        self.gate = gate or Gate()
        self._password = password
        self._lock = threading.Lock()
        self._http: Http | None = None
        self._stub: _Stub | None = None
        self._content: Any = None
        self._failed: AuditorError | None = None
        self._shared: dict[tuple[str, bytes], Any] = {}

    def __repr__(self) -> str:
        return f"SoapSession({self.endpoint.where})"

    def call(self, function: Callable[[Any], T]) -> T:
        """``function`` applied to the session's ServiceContent. Raises ``UnansweredError`` or ``TrustError``."""
        content = self._login(None)
        try:
            return self._applied(function, content)
        except AuditorError:
            raise  # as it is: as its own cause it would never be freed, nor the answer in its frames
        except Exception as error:
            if not _other_server(error):
                raise self._translated(error) from error
            content = self._login(content)
        try:
            return self._applied(function, content)
        except AuditorError:
            raise
        except Exception as error:
            raise self._translated(error) from error

    def _applied(self, function: Callable[[Any], T], content: Any) -> T:
        http = self._http
        with nullcontext() if http is None else http.taking_apart():
            return function(content)

    def object(self, kind: Any, moid: str) -> Any:
        """The managed object ``moid`` of pyVmomi type ``kind`` on this session; for use inside ``call``."""
        return kind(moid, self._stub)

    def knows(self, kind: Any, path: str) -> bool:
        """Whether the API version this session speaks has the property ``path`` of pyVmomi type ``kind``; for use inside
        ``call``. A server refuses the whole answer for one path that it does not know."""
        stub = self._stub
        for step in path.split("."):
            found = _property(kind, step)
            if found is None or stub is None or not IsChildVersion(stub.version, found.version):
                return False
            kind = getattr(found.type, "Item", found.type)
        return True

    def shared(self, managed: Any, name: str, convert: Callable[[Any], T]) -> T:
        """``convert`` of what the method (by pyVmomi's name) answers, without arguments; for use inside ``call``.

        Hosts with the same image answer with the same bytes, and taking 100 KB of XML apart costs more than all else about
        such a call: equal answers are taken apart and converted once, and the value is shared, so it must not be changed.
        """
        stub = self._stub
        if stub is None:
            raise unanswered(Reason.NOT_ATTEMPTED, f"{self.endpoint.where}: not logged in")
        kind, answer = stub.invoke_plain(managed, name)
        key = (name, hashlib.sha256(answer.body).digest())
        if key in self._shared:
            return cast("T", self._shared[key])
        found = stub.taken_apart(kind, answer)
        if isinstance(found, Exception):
            raise found
        value = convert(found)
        if len(self._shared) < SHARED_ANSWERS:
            self._shared[key] = value
        return value

    def invoke_raw(self, kind: str, moid: str, method: str, arguments: str = "") -> ET.Element:
        """Call a method pyVmomi has no type for; ``arguments`` is XML. Returns the ``…Response`` element.

        For use inside ``call``: a SOAP fault is raised as ``NotAuthenticated`` or ``UnansweredError``.
        """
        self.gate.check("soap", (kind,), method)
        stub = self._stub
        if stub is None:
            raise unanswered(Reason.NOT_ATTEMPTED, f"{self.endpoint.where}: not logged in")
        answer = stub.post(f'<{method} xmlns="urn:vim25"><_this type="{kind}">{moid}</_this>{arguments}</{method}>')
        root = xml_tree(answer.body, method)
        fault = root.find(".//{http://schemas.xmlsoap.org/soap/envelope/}Fault")
        if fault is not None:
            raise _raw_fault(fault, method)
        result = root.find(f".//{{urn:vim25}}{method}Response")
        if result is None:
            raise unanswered(Reason.UNREADABLE, f"{method}: the answer holds no {method}Response", ET.tostring(root, "unicode"))
        return result

    def close(self) -> None:
        """Log out and close the connections. Never raises: a session that cannot be ended expires by itself."""
        with self._lock:
            content, http, self._content, self._stub, self._http = self._content, self._http, None, None, None
        if content is not None:
            with suppress(Exception), closing():
                content.sessionManager.Logout()
        if http is not None:
            http.close()

    def _login(self, stale: Any) -> Any:
        """The ServiceContent of a live session; logs in if there is none or the present one is ``stale``."""
        with self._lock:
            if self._failed is not None:
                raise self._failed.with_traceback(None)
            if self._content is not None and self._content is not stale:
                return self._content
            try:
                if stale is not None:
                    self._stub = None
                self._http = self._http or Http(self.endpoint)
                with self._http.taking_apart():
                    self._stub = self._stub or _Stub(self.endpoint, self.gate, self._http, self._version(self._http))
                    content: Any = vim.ServiceInstance("ServiceInstance", self._stub).RetrieveContent()
                    content.sessionManager.Login(self.endpoint.user, self._password(), None)
            except Exception as error:
                self._failed = self._translated(error)
                raise self._failed from error
            self._content = content
            return content

    def _version(self, http: Http) -> str:
        """The newest API version that both sides know (pyVmomi's name for it), from the server's list of versions."""
        endpoint = self.endpoint
        answer = http.request("GET", "/sdk/vimServiceVersions.xml")
        if answer.status == SERVICE_UNAVAILABLE:
            raise refused(answer, Reason.UNREACHABLE)
        offered: set[str] = set()
        with suppress(UnansweredError):
            for namespace in xml_tree(answer.body, endpoint.where).iter("namespace"):
                if namespace.findtext("name") == "urn:vim25":
                    offered |= {(node.text or "").strip() for node in namespace.iter("version")}
        for version in GetServiceVersions("vim25"):
            if versionIdMap[version] in offered:
                return str(version)
        detail = f"{endpoint.where}: answers (HTTP {answer.status}), but neither as a vCenter nor as an ESXi host"
        raise unanswered(Reason.UNREADABLE, detail, raw_start(answer.body))

    def _translated(self, error: Exception) -> AuditorError:
        where = self.endpoint.where
        if isinstance(error, vmodl.MethodFault):
            return _fault(error, where, self.endpoint.user)
        known = transport_fault(error, where)
        if known is not None:
            return known
        return unanswered(
            Reason.UNREADABLE, f"{where}: the answer was not understood ({type(error).__name__}: {masked(str(error))})"[:500]
        )


_OTHER_VERSION = "Unsupported version URI"
"""How a server begins its answer to a request in a version it does not have (VersionMismatchFaultCode, quoted by govmomi)."""


def _other_server(error: Exception) -> bool:
    """Whether whoever answers is not the one that the session was made with."""
    if isinstance(error, vim.fault.NotAuthenticated):
        return True
    return isinstance(error, vmodl.RuntimeFault) and (error.msg or "").startswith(_OTHER_VERSION)


def _property(kind: Any, name: str) -> Any:
    try:
        return kind._GetPropertyInfo(name)  # noqa: SLF001  # pyVmomi offers no other way
    except AttributeError:
        return None


def _type_names(kind: Any) -> list[str]:
    return [base._wsdlName for base in kind.__mro__ if hasattr(base, "_wsdlName")]  # noqa: SLF001  # pyVmomi offers no other way


def _fault(error: Any, where: str, user: str) -> AuditorError:  # one line for each fault
    """A typed vSphere fault as the reason it stands for."""
    text = error.msg or type(error).__name__
    if isinstance(error, vim.fault.InvalidLogin):
        return unanswered(Reason.DENIED, f"{where}: login refused for {user}: wrong user name or password, or account locked")
    if isinstance(error, vim.fault.NoPermission):
        return unanswered(Reason.DENIED, f"{where}: {user} lacks the privilege {error.privilegeId or '(not named)'}")
    if isinstance(error, (vim.fault.NotAuthenticated, vmodl.fault.SecurityError)):
        return unanswered(Reason.DENIED, f"{where}: {type(error).__name__}: {text}")
    if isinstance(error, (vmodl.fault.MethodNotFound, vmodl.fault.NotSupported, vmodl.fault.NotImplemented)):
        return unanswered(Reason.NOT_SUPPORTED, f"{where}: {type(error).__name__.split('.')[-1]}: {text}")
    if isinstance(error, vmodl.fault.ManagedObjectNotFound):
        return unanswered(Reason.ABSENT, f"{where}: no such object: {text}")
    if isinstance(error, (vmodl.fault.HostNotConnected, vmodl.fault.HostNotReachable)):
        return unanswered(Reason.NOT_CONNECTED, f"{where}: vCenter does not reach the host: {text}")
    if isinstance(error, vmodl.fault.HostCommunication):
        return unanswered(Reason.UNREACHABLE, f"{where}: vCenter could not talk to the host: {text}")
    if isinstance(error, vim.fault.Timedout):
        return unanswered(Reason.TIMED_OUT, f"{where}: {text}")
    return unanswered(Reason.FAILED, f"{where}: {type(error).__name__.split('.')[-1]}: {text}")


_RAW_FAULTS = {
    "NoPermission": Reason.DENIED,
    "MethodNotFound": Reason.NOT_SUPPORTED,
    "NotSupported": Reason.NOT_SUPPORTED,
    "ManagedObjectNotFound": Reason.ABSENT,
    "HostNotConnected": Reason.NOT_CONNECTED,
    "HostNotReachable": Reason.NOT_CONNECTED,
    "HostCommunication": Reason.UNREACHABLE,
}


def _raw_fault(fault: ET.Element, method: str) -> Exception:
    """A SOAP fault that was not read through pyVmomi: its type is the ``xsi:type`` of the detail."""
    text = fault.findtext("faultstring") or ""
    kind = ""
    for node in fault.iterfind("detail/*"):
        kind = node.get("{http://www.w3.org/2001/XMLSchema-instance}type", node.tag).rpartition(":")[2].rpartition("}")[2]
    kind = kind.removesuffix("Fault") or "fault"
    if text.startswith(_OTHER_VERSION):
        other = vmodl.RuntimeFault()
        other.msg = text
        return other
    if kind == "NotAuthenticated":
        expired: Exception = vim.fault.NotAuthenticated(msg=text)
        return expired
    privilege = next((node.text for node in fault.iter() if node.tag.endswith("privilegeId")), None)
    detail = f"{method}: {kind}: {text}" + (f" (privilege {privilege})" if privilege else "")
    return unanswered(_RAW_FAULTS.get(kind, Reason.FAILED), detail, ET.tostring(fault, "unicode"))
