"""esxcli over the vSphere API: the host's own commands, through vCenter or at the host, without SSH.

A host hands out a "managed method executer" which runs esxcli by name and answers with XML inside XML. pyVmomi has no types
for it, so request and answer are built and read here (form: govmomi's public esxcli client, Apache-2.0, and the recorded
answer in the tests). Only the commands on the list of operations can be run.
"""

from __future__ import annotations

import threading
import xml.etree.ElementTree as ET  # the type of a tree; `bounds` parses
from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from xml.sax.saxutils import escape

from auditor.domain.observation import NOT_ATTEMPTED, Reading, Reason
from auditor.domain.readings.reading import HostReading
from auditor.domain.readings.table import Loose
from auditor.vcenter.bounds import xml_tree
from auditor.vcenter.faults import UnansweredError, attempt, unanswered
from auditor.vcenter.soap import SoapSession

_VERSION = "urn:vim25/5.0"
"""API version the executer is asked in; the oldest that has esxcli, understood by all later ones."""

_EXECUTER = "ReflectManagedMethodExecuter"
_REBOOTING = "rebootingimage"


class Esxcli:
    """esxcli of hosts behind one session. Safe to share between threads."""

    def __init__(self, session: SoapSession) -> None:
        self._session = session
        self._executers: dict[str, str] = {}
        self._lock = threading.Lock()

    def read(self, reading: HostReading, host: str) -> Reading[Any]:
        """One reading by esxcli; NOT_ATTEMPTED where esxcli does not tell it."""
        if reading.over_api is None:
            return NOT_ATTEMPTED

        def run(namespace: str, command: str, *, rebooting: bool = False) -> Reading[Sequence[Loose]]:
            return attempt(lambda: self.run(host, namespace, command, rebooting=rebooting))

        found: Reading[Any] = reading.over_api(run)
        return found

    def run(self, host: str, namespace: str, command: str, *, rebooting: bool = False) -> Sequence[Loose]:
        """The structures ``esxcli NAMESPACE COMMAND`` answers with on the host with managed object id ``host``.

        Raises ``UnansweredError``: NOT_SUPPORTED where the host has no such command, FAILED with esxcli's own words.
        """
        names = namespace.split()
        service = "vim.EsxCLI." + ".".join(names)
        self._session.gate.check("esxcli", (service,), command)
        argument = ""
        if rebooting:
            inner = escape(f"<{_REBOOTING}>true</{_REBOOTING}>")
            argument = f"<argument><name>{_REBOOTING}</name><val>{inner}</val></argument>"
        body = (
            f"<moid>ha-cli-handler-{'-'.join(names)}</moid><version>{_VERSION}</version>"
            f"<method>{service}.{command}</method>{argument}"
        )
        label = f"esxcli {namespace} {command}" + (" --rebooting-image" if rebooting else "")
        executer = self._executer(host)
        answer = self._session.call(lambda _: self._session.invoke_raw(_EXECUTER, executer, "ExecuteSoap", body))
        return rows_of(answer, label)

    def _executer(self, host: str) -> str:
        with self._lock:
            known = self._executers.get(host)
        if known:
            return known
        answer = self._session.call(lambda _: self._session.invoke_raw("HostSystem", host, "RetrieveManagedMethodExecuter"))
        moid = (answer.findtext("{urn:vim25}returnval") or "").strip()
        if not moid:
            raise unanswered(Reason.NOT_SUPPORTED, "the host offers no esxcli over the API")
        with self._lock:
            self._executers[host] = moid
        return moid


def rows_of(answer: ET.Element, label: str) -> Sequence[Loose]:
    """The structures in an ``ExecuteSoapResponse``: a list of them, one, or none. A repeated field becomes a list.

    Raises ``UnansweredError`` for esxcli's own failures and for what is not such an answer.
    """
    result = next((node for node in answer if _local(node) == "returnval"), None)
    if result is None:
        return ()
    fault = next((node for node in result if _local(node) == "fault"), None)
    if fault is not None:
        raise _fault(fault, label)
    text = next((node.text or "" for node in result if _local(node) == "response"), "")
    if not text.strip():
        return ()
    root = xml_tree(text.encode(), label)
    structures = [node for node in root if _local(node) == "DataObject"]
    if structures:
        return [_fields(node) for node in structures]
    kind = root.get("{http://www.w3.org/2001/XMLSchema-instance}type", "")
    if kind.startswith("ArrayOf") or not len(root):
        return ()
    return [_fields(root)]


def _fields(structure: ET.Element) -> Loose:
    found: dict[str, list[str]] = {}
    for node in structure:
        found.setdefault(_local(node), []).append(node.text or "")
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}


def _local(node: ET.Element) -> str:
    return node.tag.rpartition("}")[2]


def _fault(fault: ET.Element, label: str) -> Exception:
    parts = {_local(node): node.text or "" for node in fault}
    detail = parts.get("faultDetail", "")
    said = parts.get("faultMsg", "") or "unknown fault"
    with suppress(UnansweredError):  # the detail is optional and not always XML: then faultMsg stands
        said = next((node.text or "" for node in xml_tree(detail.encode(), label).iter() if _local(node) == "errMsg"), said)
    missing = any(word in said + detail for word in ("NotFound", "Unknown command", "InvalidRequest"))
    return unanswered(Reason.NOT_SUPPORTED if missing else Reason.FAILED, f"{label}: {said}", detail)
