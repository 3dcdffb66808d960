"""esxcli through the vSphere API: the managed method executer of each host.

pyVmomi declares none of these types; they are made here from what public clients (govmomi, rbvmomi) send and read. The
answer of a command is an XML text inside the SOAP answer: a list of `DataObject`, one structure, or a plain value.
Verified by a recorded answer is the form of a list; the names of the structures are not known for most commands.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from xml.sax.saxutils import escape

from pyVmomi import VmomiSupport

from auditor.lab.faces.host import EXECUTER, TYPE_MANAGER, HostFace, reach
from auditor.lab.hosts.host import LabHost
from auditor.lab.vcenter.state import LabVCenter
from auditor.lab.wire.soap import SoapObject, operation

Row = Mapping[str, str | Sequence[str]]
"""Esxcli's field names and their values; a field with several values is repeated in the answer."""


@dataclass(frozen=True)
class EsxcliAnswer:
    """What a command gives. `form` is `list`, `struct` (one row, or none where there is nothing) or `text` (the one
    value of the one row); `type_name` is the structure's name, such as VIBSummaryExt."""

    form: Literal["list", "struct", "text"]
    type_name: str
    rows: Sequence[Row]


EsxcliCommand = Callable[[LabHost, str, Mapping[str, str]], EsxcliAnswer]
"""Runs a command such as `software.vib.list` with its options. Raises LookupError for a command it does not have and
RuntimeError with esxcli's message for one that fails."""

_VERSION = VmomiSupport.BASE_VERSION
_OPTIONAL = VmomiSupport.F_OPTIONAL


def _field(name: str, kind: Any, flags: int = 0) -> Any:
    return VmomiSupport.Object(name=name, type=kind, version=_VERSION, flags=flags)


def _data_type(wsdl_name: str, *fields: Any) -> Any:
    names = {"_wsdlName": wsdl_name, "_propList": list(fields), "_version": _VERSION}
    return type(wsdl_name, (VmomiSupport.DataObject,), names | {"_propInfo": {each.name: each for each in fields}})


def _managed_type(wsdl_name: str) -> Any:
    names = {"_wsdlName": wsdl_name, "_propList": [], "_propInfo": {}, "_methodInfo": {}, "_version": _VERSION}
    return type(wsdl_name, (VmomiSupport.ManagedObject,), names)


def _method(wsdl_name: str, result: Any, *params: Any) -> Any:
    return VmomiSupport.Object(
        name=wsdl_name, wsdlName=wsdl_name, version=_VERSION, params=params, result=result, resultFlags=_OPTIONAL
    )


_PREFIX = "ReflectManagedMethodExecuter"
ManagedMethodExecuter = _managed_type(_PREFIX)
DynamicTypeManager = _managed_type("InternalDynamicTypeManager")
SoapArgument = _data_type(f"{_PREFIX}SoapArgument", _field("name", str), _field("val", str))
SoapFault = _data_type(f"{_PREFIX}SoapFault", _field("faultMsg", str), _field("faultDetail", str, _OPTIONAL))
SoapResult = _data_type(f"{_PREFIX}SoapResult", _field("response", str, _OPTIONAL), _field("fault", SoapFault, _OPTIONAL))
_Arguments = VmomiSupport.CreateArrayType(SoapArgument)


class EsxcliHostFace(HostFace):
    """A host that hands out its method executer."""

    extra_methods = {  # noqa: RUF012 (a table, never changed)
        "RetrieveManagedMethodExecuter": _method("RetrieveManagedMethodExecuter", ManagedMethodExecuter),
        "RetrieveDynamicTypeManager": _method("RetrieveDynamicTypeManager", DynamicTypeManager),
    }

    @operation("RetrieveManagedMethodExecuter")
    def executer(self) -> Any:
        """The executer. A live call: it fails for a host out of reach."""
        reach(self._vcenter, self.moid)
        return ManagedMethodExecuter(f"{EXECUTER}{self.moid}")

    @operation("RetrieveDynamicTypeManager")
    def type_manager(self) -> Any:
        """The type manager, which clients ask for and the lab has nothing to say in."""
        reach(self._vcenter, self.moid)
        return DynamicTypeManager(f"{TYPE_MANAGER}{self.moid}")


class ExecuterFace(SoapObject):
    """The managed method executer of one host."""

    kind = ManagedMethodExecuter
    extra_methods = {  # noqa: RUF012 (a table, never changed)
        "ExecuteSoap": _method(
            "ExecuteSoap",
            SoapResult,
            _field("moid", str),
            _field("version", str),
            _field("method", str),
            _field("argument", _Arguments, _OPTIONAL),
        )
    }

    def __init__(self, host_moid: str, vcenter: LabVCenter, run: EsxcliCommand, commands: Mapping[str, str]) -> None:
        super().__init__(f"{EXECUTER}{host_moid}")
        self._host_moid, self._vcenter, self._run, self._commands = host_moid, vcenter, run, commands

    @operation("ExecuteSoap")
    def execute(self, moid: str, version: str, method: str, argument: list[Any]) -> Any:
        """Run `vim.EsxCLI.<command>`, or describe a namespace for clients that ask before they call."""
        self._vcenter.calls.add("esxcli", *method.rpartition(".")[::2])
        host = reach(self._vcenter, self._host_moid)
        given = {each.name: "".join(re.findall(r">([^<]*)<", each.val or "")) for each in argument or []}
        if method == "vim.CLIInfo.FetchCLIInfo":
            return self._describe(given.get("typeName", "").removeprefix("vim.EsxCLI."))
        command = method.removeprefix("vim.EsxCLI.")
        try:
            answer = self._run(host, command, given)
        except LookupError:
            return _failed(f"Unknown command or namespace {command.replace('.', ' ')}")
        except RuntimeError as failed:
            return _failed(str(failed))
        return SoapResult(response=to_xml(command, answer))

    def _describe(self, namespace: str) -> Any:
        names = [command.rpartition(".")[2] for command in self._commands if command.rpartition(".")[0] == namespace]
        if not names:
            return _failed(f"Unknown command or namespace {namespace.replace('.', ' ')}")
        methods = "".join(
            f"<method>{_item(name)}{_REBOOTING}<hints><key>formatter</key><value>"
            f"{self._commands[f'{namespace}.{name}']}</value></hints></method>"
            for name in names
        )
        return SoapResult(response=_obj("VimCLIInfo", _item(namespace) + methods))


def _item(name: str) -> str:
    last = name.rpartition(".")[2]
    return f"<name>{name}</name><displayName>{last}</displayName><help>{name}</help>"


_REBOOTING = (
    "<param><name>rebootingimage</name><displayName>rebooting-image</displayName><help>The image for the next boot."
    "</help><aliases>--rebooting-image</aliases><flag>true</flag></param>"
)


def _failed(text: str) -> Any:
    return SoapResult(fault=SoapFault(faultMsg=text))


def _obj(kind: str, content: str) -> str:
    return (
        '<obj xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
        f'xmlns="urn:vim25" versionId="5.0" xsi:type="{kind}">{content}</obj>'
    )


def to_xml(command: str, answer: EsxcliAnswer) -> str:
    """A command's answer in the XML form that the executer gives."""
    if answer.form == "text":
        (value,) = answer.rows[0].values()
        return _obj("xsd:string", escape(str(value)))
    kind = f"VimEsxCLI{command.replace('.', '')}{answer.type_name}"
    if answer.form == "struct":
        return _obj(kind, "".join(map(_fields, answer.rows)))
    rows = "".join(f'<DataObject xsi:type="{kind}">{_fields(row)}</DataObject>' for row in answer.rows)
    return _obj("ArrayOfDataObject", rows)


def _fields(row: Row) -> str:
    pairs = ((key, each) for key, value in row.items() for each in ([value] if isinstance(value, str) else value))
    return "".join(f"<{key}>{escape(each)}</{key}>" for key, each in pairs)
