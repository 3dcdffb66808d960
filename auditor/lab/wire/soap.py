"""A SOAP server on pyVmomi's own parser, serializer and types. It knows no vSphere inventory.

Requests are parsed by pyVmomi into a data object made at run time from the method's declared parameters; answers pass
pyVmomi's type check before they are serialized. A wrong type, a missing required field or an unknown property is an
exception here, never a bad answer on the wire. Fields newer than the version in use are dropped by the serializer,
so a vCenter of another version is one setting.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar
from xml.parsers.expat import ExpatError

from pyVmomi import VmomiSupport, vmodl

from auditor.lab.wire.http import Request, Response
from auditor.lab.wire.soap_wire import (
    COOKIE,
    FETCH,
    Head,
    fault_answer,
    fits,
    parameters,
    parse,
    peek,
    result,
    session_cookie,
    version_answer,
)


@dataclass
class SoapCall:
    """The call in service: the object's type and id, the method, the caller's session, a cookie to set."""

    kind: str
    moid: str
    method: str
    session: str | None
    argument: Any = None
    set_session: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


_current = threading.local()


def current_soap_call() -> SoapCall:
    """The call this thread is serving. Only inside an operation."""
    call: SoapCall = _current.call
    return call


def operation(wsdl_name: str, *, unlocked: bool = False) -> Callable[[Any], Any]:
    """Mark a method as the implementation of the operation of that WSDL name.

    It is called with the declared parameters by their VMODL names. `unlocked` operations (they wait) run without the
    lock of the state and take it themselves.
    """

    def mark(function: Any) -> Any:
        function.soap_operation = wsdl_name
        function.soap_unlocked = unlocked
        return function

    return mark


def prop(name: str) -> Callable[[Any], Any]:
    """Mark a method as the value of the managed object's property of that name."""

    def mark(function: Any) -> Any:
        function.soap_property = name
        return function

    return mark


class SoapObject:
    """Base of a served managed object: `kind` is pyVmomi's class, operations and properties are marked methods."""

    kind: ClassVar[Any]
    operations: ClassVar[dict[str, Any]] = {}
    properties: ClassVar[dict[str, Any]] = {}
    extra_methods: ClassVar[dict[str, Any]] = {}
    """Method descriptions by WSDL name for what pyVmomi does not declare on the class."""

    def __init_subclass__(cls) -> None:
        cls.operations, cls.properties = dict(cls.operations), dict(cls.properties)
        for value in vars(cls).values():
            if wsdl_name := getattr(value, "soap_operation", None):
                cls.operations[wsdl_name] = value
            if name := getattr(value, "soap_property", None):
                cls.properties[name] = value

    def __init__(self, moid: str) -> None:
        self.moid = moid

    @property
    def ref(self) -> Any:
        """The managed object reference to this object."""
        return self.kind(self.moid)

    def get(self, name: str) -> Any:
        """The value of a property; None where it is unset or not simulated.

        Raises AttributeError for a name the type does not have.
        """
        info = VmomiSupport.GetPropertyInfo(self.kind, name)
        function = self.properties.get(name)
        return None if function is None else as_array(function(self), info)

    def method_info(self, wsdl_name: str) -> Any | None:
        """pyVmomi's description of a method of this object's type."""
        if wsdl_name in self.extra_methods:
            return self.extra_methods[wsdl_name]
        for cls in self.kind.__mro__:
            for info in vars(cls).get("_methodInfo", {}).values():
                if info.wsdlName == wsdl_name:
                    return info
        return None


def as_array(value: Any, info: Any) -> Any:
    """A plain list as the typed array pyVmomi wants where the field is declared as "any"."""
    if isinstance(value, list) and not isinstance(value, VmomiSupport.Array):
        return info.type(value)
    return value


def fault(kind: Any, text: str, **fields: Any) -> Exception:
    """A fault to raise, with its message."""
    made: Exception = kind(msg=text, **fields)
    return made


class SoapFace:
    """Answers POSTs to `/sdk`.

    `lookup(moid, session)` finds the served object; `gate(call)` refuses (by raising a fault), delays or breaks calls before
    they are run and must hold no lock; `seen(call)` is told of every call, also of one nothing answers; `lock` is held while
    an operation runs. `version` is a VMODL version such as
    `vim.version.v8_0_3_0`: the newest one the server speaks.
    """

    def __init__(
        self,
        lookup: Callable[[str, str | None], SoapObject | None],
        *,
        version: str,
        gate: Callable[[SoapCall], None],
        lock: Any,
        seen: Callable[[SoapCall], None] = lambda _: None,
    ) -> None:
        self._lookup, self._gate, self._lock, self._seen = lookup, gate, lock, seen
        self.version = version

    def handle(self, request: Request) -> Response:
        """Answer one SOAP request: 200 with the result, 500 with a fault."""
        version = self._version_of(request)
        if not VmomiSupport.IsChildVersion(self.version, version):
            return Response(500, version_answer(VmomiSupport.GetVersionNamespace(version)), "text/xml; charset=utf-8")
        call = None
        try:
            head = peek(request.body)
            call = SoapCall(head.kind, head.moid, head.method, session_cookie(request.headers), headers=request.headers)
            self._seen(call)
            body = self._answer(call, head, request.body, version)
            status = 200
        except vmodl.MethodFault as raised:
            status, body = 500, fault_answer(raised, version)
        except (ExpatError, KeyError, TypeError, ValueError, AttributeError) as wrong:
            # The real server answers requests it cannot parse with InvalidRequest; our own type errors end up here too.
            text = f"{type(wrong).__name__}: {wrong}"
            status, body = 500, fault_answer(vmodl.fault.InvalidRequest(msg=text), version)
        headers = {}
        if call is not None and call.set_session is not None:
            headers["Set-Cookie"] = f'{COOKIE}="{call.set_session}"; Path=/; HttpOnly; Secure;'
        return Response(status, body, "text/xml; charset=utf-8", headers)

    def _version_of(self, request: Request) -> str:
        """The version the request is written in; the server's own for one that pyVmomi does not know."""
        wanted = request.headers.get("soapaction", "").strip('" ').removeprefix("urn:")
        return str(VmomiSupport.versionMap.get(wanted, self.version))

    def _answer(self, call: SoapCall, head: Head, body: bytes, version: str) -> bytes:
        target = self._lookup(call.moid, call.session)
        if target is None or not fits(target.kind, call.kind):
            raise fault(
                vmodl.fault.ManagedObjectNotFound,
                f"The object '{call.kind}:{call.moid}' has already been deleted or has not been completely created",
                obj=VmomiSupport.ManagedObject(call.moid),
            )
        info = FETCH if call.method == "Fetch" else target.method_info(call.method)
        if info is None or not VmomiSupport.IsChildVersion(self.version, info.version):
            raise fault(vmodl.fault.MethodNotFound, "Unknown method", receiver=target.ref, method=call.method)
        call.argument = parse(body, parameters(call.method, info))
        self._gate(call)
        _current.call = call
        if call.method == "Fetch":
            with self._lock:
                return self._fetch(target, call.argument.prop, version)
        function = target.operations.get(call.method)
        if function is None:
            raise fault(vmodl.fault.NotSupported, "The operation is not supported on the object.")
        arguments = {param.name: getattr(call.argument, param.name) for param in info.params}
        if function.soap_unlocked:
            value = function(target, **arguments)
        else:
            with self._lock:
                value = function(target, **arguments)
        return result(head.method, value, info.result, info.resultFlags, version)

    def _fetch(self, target: SoapObject, name: str, version: str) -> bytes:
        try:
            info = VmomiSupport.GetPropertyInfo(target.kind, name)
            value = target.get(name)
        except AttributeError:
            raise fault(vmodl.query.InvalidProperty, f"InvalidProperty {name}", name=name) from None
        return result("Fetch", value, info.type, VmomiSupport.F_OPTIONAL, version)
