"""SOAP on the wire: requests into pyVmomi's objects, results and faults into XML, all by pyVmomi's own code."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from io import StringIO
from typing import Any
from xml.parsers.expat import ParserCreate
from xml.sax.saxutils import escape

from pyVmomi import SoapAdapter, VmomiSupport

NAMESPACE = VmomiSupport.XMLNS_VMODL_BASE
COOKIE = SoapAdapter.COOKIE_NAME
_NS_MAP = {**SoapAdapter.SOAP_NSMAP, NAMESPACE: ""}


@dataclass
class Head:
    """What must be known of a request before it can be parsed."""

    method: str = ""
    kind: str = ""
    moid: str = ""


def peek(body: bytes) -> Head:
    """Method name and `_this` of a request, before the parameter types are known."""
    head, path = Head(), list[str]()
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


def fits(kind: Any, wsdl_name: str) -> bool:
    """A reference may name the object's type or a base of it; an unnamed type is taken as it is."""
    names = {getattr(cls, "_wsdlName", None) for cls in kind.__mro__}
    # govc names the executer without the prefix of its namespace.
    return not wsdl_name or wsdl_name in names or f"Reflect{wsdl_name}" in names


FETCH = VmomiSupport.Object(
    name="Fetch",
    wsdlName="Fetch",
    version=VmomiSupport.BASE_VERSION,
    params=(VmomiSupport.Object(name="prop", type=str, version=VmomiSupport.BASE_VERSION, flags=0),),
    result=object,
    resultFlags=VmomiSupport.F_OPTIONAL,
)

_parameter_types: dict[tuple[str, int], Any] = {}


def parameters(method: str, info: Any) -> Any:
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


def parse(body: bytes, kind: Any) -> Any:
    """The call as an object of the type that `parameters` made."""
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


def session_cookie(headers: Mapping[str, str]) -> str | None:
    """The session id a request carries."""
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


class Constant(list[Any]):
    """An answer that nobody changes any more: it is serialized once for each version, however often it is given."""

    def __init__(self, items: Iterable[Any]) -> None:
        super().__init__(items)
        self.texts: dict[str, str] = {}


def result(method: str, value: Any, kind: Any, flags: int, version: str) -> bytes:
    """The answer of a method. Raises TypeError for a value that is not of its declared type."""
    if isinstance(value, Constant):
        if version not in value.texts:
            value.texts[version] = _returned(value, kind, flags, version)
        text = value.texts[version]
    else:
        text = _returned(value, kind, flags, version)
    return _envelope(f'<{method}Response xmlns="{NAMESPACE}">{text}</{method}Response>')


def _returned(value: Any, kind: Any, flags: int, version: str) -> str:
    writer = StringIO()
    if kind not in (None, type(None)):
        info = VmomiSupport.Object(name="returnval", type=kind, version=VmomiSupport.BASE_VERSION, flags=flags)
        VmomiSupport.CheckField(info, value)
        _serializer(writer, version).Serialize(value, info)
    return str(writer.getvalue())


def fault_answer(raised: Any, version: str) -> bytes:
    """The answer that raises a fault at the client."""
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


def version_answer(uri: str) -> bytes:
    """The answer to a request in a version of the API that the server does not have: code and words as govmomi quotes them."""
    text = escape(f'Unsupported version URI "{uri}"')
    return _envelope(
        f"<soapenv:Fault><faultcode>VersionMismatchFaultCode</faultcode><faultstring>{text}</faultstring></soapenv:Fault>"
    )
