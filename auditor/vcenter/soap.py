"""A session on the SOAP side of a vCenter or an ESXi host (pyVmomi): trust, login, faults, re-login, and nothing to write.

pyVmomi's own ``SmartConnect`` is not used: it trusts "localhost" without looking, asks for the versions without a timeout,
and cannot carry a context that pins. What it does is done here in few lines: ask which API versions the server speaks,
take the newest both know, log in.
"""

from __future__ import annotations

import hashlib
import http.client
import threading
import xml.etree.ElementTree as ET  # the peer is verified before a byte is parsed
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar, cast

from pyVmomi import SoapStubAdapter, vim, vmodl
from pyVmomi.SoapAdapter import SoapResponseDeserializer
from pyVmomi.VmomiSupport import GetServiceVersions, IsChildVersion, versionIdMap

from auditor.domain.observation import Reason, raw_start
from auditor.errors import AuditorError
from auditor.masking import masked, remember_session
from auditor.vcenter.faults import STARTING, UnansweredError, transport_fault, unanswered
from auditor.vcenter.operations import Gate
from auditor.vcenter.settings import Endpoint
from auditor.vcenter.tls import context_for, distrust

T = TypeVar("T")

POOL_IDLE_SECONDS = 300
"""A pooled connection idle for longer is closed; vCenter's own proxy closes them later than that."""

SHARED_ANSWERS = 256
"""Different answers that are remembered in a session: far more than a fleet has images."""

_ENVELOPE = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" '
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body>{body}</soapenv:Body></soapenv:Envelope>'
)


class _Connection(http.client.HTTPSConnection):
    """An HTTPS connection with one timeout to connect and another to wait for an answer."""

    def __init__(self, *args: Any, connect_timeout: float, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._connect_timeout = connect_timeout

    def connect(self) -> None:
        answer_timeout, self.timeout = self.timeout, self._connect_timeout
        try:
            super().connect()
        finally:
            self.timeout = answer_timeout
        self.sock.settimeout(answer_timeout)


class _Stub(SoapStubAdapter):  # type: ignore[misc]  # pyVmomi is untyped
    """pyVmomi's stub with the gate in front of the wire."""

    def __init__(self, endpoint: Endpoint, gate: Gate, version: str) -> None:
        proxy = endpoint.proxy_address
        super().__init__(
            host=endpoint.host,
            port=endpoint.port,
            version=version,
            poolSize=endpoint.threads,
            sslContext=context_for(endpoint),
            httpConnectionTimeout=endpoint.read_timeout,
            connectionPoolTimeout=POOL_IDLE_SECONDS,
            httpProxyHost=proxy[0] if proxy else None,
            httpProxyPort=proxy[1] if proxy else 80,
        )
        self.scheme = partial(_Connection, connect_timeout=endpoint.connect_timeout)
        self._gate = gate

    def InvokeMethod(self, mo: Any, info: Any, args: Any, outerStub: Any = None) -> Any:  # noqa: N802, N803  # pyVmomi's names
        self._gate.check("soap", _type_names(type(mo)), info.wsdlName)
        return super().InvokeMethod(mo, info, args, outerStub)

    def invoke_plain(self, mo: Any, name: str) -> tuple[int, bytes]:
        """Call a method that takes no arguments, by pyVmomi's name; (HTTP status, answer), not taken apart."""
        info = mo._GetMethodInfo(name)  # noqa: SLF001  # pyVmomi offers no other way
        self._gate.check("soap", _type_names(type(mo)), info.wsdlName)
        return self._exchange(self.SerializeRequest(mo, info, ()))

    def taken_apart(self, mo: Any, name: str, answer: bytes) -> Any:
        """The value of such an answer by pyVmomi's own reader; a fault is an exception object."""
        return SoapResponseDeserializer(self).Deserialize(answer, mo._GetMethodInfo(name).result)  # noqa: SLF001

    def post(self, body: str) -> tuple[int, bytes]:
        """Send a SOAP body as it is, with this session's cookie; (HTTP status, answer). The caller has passed the gate."""
        return self._exchange(_ENVELOPE.format(body=body).encode())

    def _exchange(self, request: bytes) -> tuple[int, bytes]:
        connection = self.GetConnection()
        try:
            headers = {"Cookie": self.cookie, "SOAPAction": self.versionId, "Content-Type": "text/xml; charset=UTF-8"}
            connection.request("POST", self.path, request, headers)
            response = connection.getresponse()
            answer = response.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            raise
        self.ReturnConnection(connection)
        return response.status, answer


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
            return function(content)
        except Exception as error:
            if not _other_server(error):
                raise self._translated(error) from error
            content = self._login(content)
        try:
            return function(content)
        except Exception as error:
            raise self._translated(error) from error

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
        status, answer = stub.invoke_plain(managed, name)
        key = (name, hashlib.sha256(answer).digest())
        if key in self._shared:
            return cast("T", self._shared[key])
        if status not in {200, 500}:
            raise http.client.HTTPException(f"{status}")
        found = stub.taken_apart(managed, name, answer)
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
        status, answer = stub.post(f'<{method} xmlns="urn:vim25"><_this type="{kind}">{moid}</_this>{arguments}</{method}>')
        try:
            root = ET.fromstring(answer)  # noqa: S314  # see the import
        except ET.ParseError as error:
            if status not in {200, 500}:
                raise http.client.HTTPException(f"{status}") from error
            raw = raw_start(answer)
            raise unanswered(Reason.UNREADABLE, f"{method}: not XML: {error}", raw) from error
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
            content, stub, self._content, self._stub = self._content, self._stub, None, None
        if content is not None:
            with suppress(Exception):
                content.sessionManager.Logout()
        if stub is not None:
            stub.DropConnections()

    def _login(self, stale: Any) -> Any:
        """The ServiceContent of a live session; logs in if there is none or the present one is ``stale``."""
        with self._lock:
            if self._failed is not None:
                raise self._failed.with_traceback(None)
            if self._content is not None and self._content is not stale:
                return self._content
            try:
                if stale is not None and self._stub is not None:
                    self._stub.DropConnections()
                    self._stub = None
                self._stub = self._stub or _Stub(self.endpoint, self.gate, self._version())
                content: Any = vim.ServiceInstance("ServiceInstance", self._stub).RetrieveContent()
                content.sessionManager.Login(self.endpoint.user, self._password(), None)
                remember_session(self._stub.cookie or "")
            except Exception as error:
                self._failed = self._translated(error)
                raise self._failed from error
            self._content = content
            return content

    def _version(self) -> str:
        """The newest API version that both sides know (pyVmomi's name for it), from the server's list of versions."""
        endpoint = self.endpoint
        proxy = endpoint.proxy_address
        host, port = proxy or (endpoint.host, endpoint.port)
        connection = _Connection(
            host, port, timeout=endpoint.read_timeout, context=context_for(endpoint), connect_timeout=endpoint.connect_timeout
        )
        if proxy:
            connection.set_tunnel(endpoint.host, endpoint.port)
        try:
            connection.request("GET", "/sdk/vimServiceVersions.xml")
            response = connection.getresponse()
            answer = response.read()
        finally:
            connection.close()
        if response.status == 503:
            raise unanswered(Reason.UNREACHABLE, f"{endpoint.where}: {STARTING}")
        offered: set[str] = set()
        with suppress(ET.ParseError):
            for namespace in ET.fromstring(answer).iter("namespace"):  # noqa: S314  # see the import
                if namespace.findtext("name") == "urn:vim25":
                    offered |= {(node.text or "").strip() for node in namespace.iter("version")}
        for version in GetServiceVersions("vim25"):
            if versionIdMap[version] in offered:
                return str(version)
        detail = f"{endpoint.where}: answers (HTTP {response.status}), but neither as a vCenter nor as an ESXi host"
        raise unanswered(Reason.UNREADABLE, detail, raw_start(answer))

    def _translated(self, error: Exception) -> AuditorError:
        where = self.endpoint.where
        if isinstance(error, vmodl.MethodFault):
            return _fault(error, where, self.endpoint.user)
        known = transport_fault(error, where, self.endpoint.read_timeout)
        if isinstance(known, UnansweredError) and known.unread.reason is Reason.UNTRUSTED:
            return distrust(self.endpoint, getattr(error, "verify_message", "") or known.unread.detail)
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
