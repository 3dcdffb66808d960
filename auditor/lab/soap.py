"""A SOAP server on pyVmomi's own parser, serializer and types. It knows no vSphere inventory.

Requests are parsed by pyVmomi into a data object made at run time from the method's declared parameters; answers pass
pyVmomi's type check before they are serialized. A wrong type, a missing required field or an unknown property is an
exception here, never a bad answer on the wire. Fields newer than the version in use are dropped by the serializer,
so a vCenter of another version is one setting.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from io import StringIO
from typing import Any, ClassVar
from xml.parsers.expat import ExpatError, ParserCreate
from xml.sax.saxutils import escape

from pyVmomi import SoapAdapter, VmomiSupport, vmodl

from auditor.lab.http import Request, Response

NAMESPACE = VmomiSupport.XMLNS_VMODL_BASE
COOKIE = SoapAdapter.COOKIE_NAME
_NS_MAP = {**SoapAdapter.SOAP_NSMAP, NAMESPACE: ""}


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
    they are run and must hold no lock; `lock` is held while an operation runs. `version` is a VMODL version such as
    `vim.version.v8_0_3_0`: the newest one the server speaks.
    """

    def __init__(
        self,
        lookup: Callable[[str, str | None], SoapObject | None],
        *,
        version: str,
        gate: Callable[[SoapCall], None],
        lock: Any,
    ) -> None:
        self._lookup, self._gate, self._lock = lookup, gate, lock
        self.version = version

    def handle(self, request: Request) -> Response:
        """Answer one SOAP request: 200 with the result, 500 with a fault."""
        version = self._version_of(request)
        call = None
        try:
            head = _peek(request.body)
            call = SoapCall(head.kind, head.moid, head.method, _session(request.headers), headers=request.headers)
            body = self._answer(call, head, request.body, version)
            status = 200
        except vmodl.MethodFault as raised:
            status, body = 500, _fault(raised, version)
        except (ExpatError, KeyError, TypeError, ValueError, AttributeError) as wrong:
            # The real server answers requests it cannot parse with InvalidRequest; our own type errors end up here too.
            text = f"{type(wrong).__name__}: {wrong}"
            status, body = 500, _fault(vmodl.fault.InvalidRequest(msg=text), version)
        headers = {}
        if call is not None and call.set_session is not None:
            headers["Set-Cookie"] = f'{COOKIE}="{call.set_session}"; Path=/; HttpOnly; Secure;'
        return Response(status, body, "text/xml; charset=utf-8", headers)

    def _version_of(self, request: Request) -> str:
        wanted = request.headers.get("soapaction", "").strip('" ').removeprefix("urn:")
        known = VmomiSupport.versionMap.get(wanted)
        if known is not None and VmomiSupport.IsChildVersion(self.version, known):
            return str(known)
        return self.version

    def _answer(self, call: SoapCall, head: _Head, body: bytes, version: str) -> bytes:
        target = self._lookup(call.moid, call.session)
        if target is None or not _fits(target.kind, call.kind):
            raise fault(
                vmodl.fault.ManagedObjectNotFound,
                f"The object '{call.kind}:{call.moid}' has already been deleted or has not been completely created",
                obj=VmomiSupport.ManagedObject(call.moid),
            )
        info = _FETCH if call.method == "Fetch" else target.method_info(call.method)
        if info is None or not VmomiSupport.IsChildVersion(self.version, info.version):
            raise fault(vmodl.fault.MethodNotFound, "Unknown method", receiver=target.ref, method=call.method)
        call.argument = _parse(body, _parameters(call.method, info))
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
        return _result(head.method, value, info.result, info.resultFlags, version)

    def _fetch(self, target: SoapObject, name: str, version: str) -> bytes:
        try:
            info = VmomiSupport.GetPropertyInfo(target.kind, name)
            value = target.get(name)
        except AttributeError:
            raise fault(vmodl.query.InvalidProperty, f"InvalidProperty {name}", name=name) from None
        return _result("Fetch", value, info.type, VmomiSupport.F_OPTIONAL, version)


@dataclass
class _Head:
    method: str = ""
    kind: str = ""
    moid: str = ""


def _peek(body: bytes) -> _Head:
    """Method name and `_this` of a request, before the parameter types are known."""
    head, path = _Head(), list[str]()
    parser = ParserCreate(namespace_separator=" ")

    def start(tag: str, attributes: dict[str, str]) -> None:
        name = tag.rsplit(" ", 1)[-1]
        if path and path[-1] == "Body" and not head.method:
            head.method = name
        if name == "_this" and path[-1:] == [head.method]:
            head.kind = attributes.get("type", "").rsplit(":", 1)[-1]
        path.append(name)

    def end(_tag: str) -> None:
        path.pop()

    def text(data: str) -> None:
        if path[-2:] == [head.method, "_this"]:
            head.moid += data

    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = start, end, text
    parser.Parse(body, True)
    if not head.method or not head.moid:
        raise ValueError("no method and object in the request")
    return head


def _fits(kind: Any, wsdl_name: str) -> bool:
    """A reference may name the object's type or a base of it; an unnamed type is taken as it is."""
    names = {getattr(cls, "_wsdlName", None) for cls in kind.__mro__}
    # govc names the executer without the prefix of its namespace.
    return not wsdl_name or wsdl_name in names or f"Reflect{wsdl_name}" in names


_FETCH = VmomiSupport.Object(
    name="Fetch",
    wsdlName="Fetch",
    version=VmomiSupport.BASE_VERSION,
    params=(VmomiSupport.Object(name="prop", type=str, version=VmomiSupport.BASE_VERSION, flags=0),),
    result=object,
    resultFlags=VmomiSupport.F_OPTIONAL,
)

_parameter_types: dict[tuple[str, int], Any] = {}


def _parameters(method: str, info: Any) -> Any:
    """A data object type with one property for each parameter; pyVmomi parses the whole call as one object of it."""
    key = (method, id(info))
    if key not in _parameter_types:
        this = VmomiSupport.Object(
            name="_this", type=VmomiSupport.ManagedObject, version=VmomiSupport.BASE_VERSION, flags=VmomiSupport.F_OPTIONAL
        )
        # Required parameters are made optional here: an absent one is None until the operation asks for it.
        properties = [this, *info.params]
        _parameter_types[key] = type(
            f"{method}RequestType",
            (VmomiSupport.DataObject,),
            {
                "_wsdlName": f"{method}RequestType",
                "_propList": properties,
                "_propInfo": {each.name: each for each in properties},
                "_version": VmomiSupport.BASE_VERSION,
            },
        )
    return _parameter_types[key]


class _Deserializer(SoapAdapter.SoapDeserializer):  # type: ignore[misc]  # pyVmomi has no types
    """pyVmomi's parser, taking a reference to a type pyVmomi does not know as a plain reference."""

    def LookupWsdlType(self, ns: str, name: str, allowManagedObjectReference: bool = False) -> Any:  # noqa: N802, N803
        try:
            return super().LookupWsdlType(ns, name, allowManagedObjectReference)
        except KeyError:
            if name.startswith("Reflect") or name.endswith("ManagedMethodExecuter"):
                return VmomiSupport.ManagedObject
            raise


def _parse(body: bytes, kind: Any) -> Any:
    deserializer = _Deserializer(None)
    parser = ParserCreate(namespace_separator=SoapAdapter.NS_SEP)
    parser.buffer_text = True
    namespaces: dict[str | None, list[str]] = {}
    body_tag = f"{SoapAdapter.XMLNS_SOAPENV}{SoapAdapter.NS_SEP}Body"

    def start(tag: str, _attributes: dict[str, str]) -> None:
        if tag == body_tag:
            deserializer.Deserialize(parser, kind, False, namespaces)

    parser.StartElementHandler = start
    parser.StartNamespaceDeclHandler = lambda prefix, uri: namespaces.setdefault(prefix, []).append(uri)
    parser.EndNamespaceDeclHandler = lambda prefix: namespaces[prefix].pop()
    parser.Parse(body, True)
    return deserializer.GetResult()


def _session(headers: Mapping[str, str]) -> str | None:
    try:
        morsel = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return None
    return morsel.value if morsel is not None else None


def _envelope(content: str) -> bytes:
    return f"{SoapAdapter.XML_HEADER}\n{SoapAdapter.SOAP_START}{content}{SoapAdapter.SOAP_END}".encode()


class _Serializer(SoapAdapter.SoapSerializer):  # type: ignore[misc]  # pyVmomi has no types
    """pyVmomi's serializer, but a reference in an "any" field is called what real servers call it (govc insists)."""

    def _QName(self, typ: Any, defNS: str) -> tuple[str, str]:  # noqa: N802, N803 (names of the base class)
        attributes, name = super()._QName(typ, defNS)
        return attributes, f"{name}Reference" if typ is VmomiSupport.ManagedObject else name


def _serializer(writer: StringIO, version: str) -> Any:
    made = _Serializer(writer, version, _NS_MAP)
    # Real servers put no version and namespace attributes on `returnval`: the prefixes are declared on the envelope.
    made.outermostAttrs = ""
    return made


def _result(method: str, value: Any, kind: Any, flags: int, version: str) -> bytes:
    writer = StringIO()
    if kind not in (None, type(None)):
        info = VmomiSupport.Object(name="returnval", type=kind, version=VmomiSupport.BASE_VERSION, flags=flags)
        VmomiSupport.CheckField(info, value)
        _serializer(writer, version).Serialize(value, info)
    return _envelope(f'<{method}Response xmlns="{NAMESPACE}">{writer.getvalue()}</{method}Response>')


def _fault(raised: Any, version: str) -> bytes:
    detail = copy.copy(raised)
    text, detail.msg = raised.msg or type(raised).__name__, None
    info = VmomiSupport.Object(name=f"{VmomiSupport.GetWsdlName(type(raised))}Fault", type=object, version=version, flags=0)
    writer = StringIO()
    # The public SerializeFaultDetail leaves out the namespace that real servers declare on the element.
    _serializer(writer, version)._SerializeDataObject(detail, info, f' xmlns="{NAMESPACE}"', NAMESPACE)  # noqa: SLF001
    return _envelope(
        "<soapenv:Fault><faultcode>ServerFaultCode</faultcode>"
        f"<faultstring>{escape(text)}</faultstring><detail>{writer.getvalue()}</detail></soapenv:Fault>"
    )
