"""The answer of esxcli over the vSphere API: XML inside XML."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.domain.observation import Reason
from auditor.vcenter.esxcli import rows_of
from auditor.vcenter.faults import UnansweredError


def answer(result: str | None) -> ET.Element:
    inside = "" if result is None else f"<returnval>{result}</returnval>"
    return ET.fromstring(f'<ExecuteSoapResponse xmlns="urn:vim25">{inside}</ExecuteSoapResponse>')


def responding(text: str) -> ET.Element:
    return answer(f"<response>{escape(text)}</response>")


def test_the_recorded_list(data: Path) -> None:
    text = (data / "esxcli-xml.network-vm-list.govmomi.xml").read_text("utf-8")
    assert list(rows_of(responding(text), "esxcli")) == [
        {"Name": "foo", "Networks": ["VM Network", "dougm"], "NumPorts": "2", "WorldID": "98842"},
        {"Name": "bar", "Networks": "VM Network", "NumPorts": "1", "WorldID": "236235"},
    ]


def test_one_structure() -> None:
    text = (
        '<obj xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns="urn:vim25" xsi:type="VersionDetails">'
        "<Build>Releasebuild-1</Build><Version>8.0.3</Version></obj>"
    )
    assert list(rows_of(responding(text), "esxcli")) == [{"Build": "Releasebuild-1", "Version": "8.0.3"}]


@pytest.mark.parametrize("result", [None, "", "<response/>", "<response>  </response>"])
def test_no_answer_is_no_structure(result: str | None) -> None:
    assert list(rows_of(answer(result), "esxcli")) == []


def test_an_empty_list() -> None:
    text = '<obj xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns="urn:vim25" xsi:type="ArrayOfDataObject"/>'
    assert list(rows_of(responding(text), "esxcli")) == []


@pytest.mark.parametrize(
    ("fault", "reason", "word"),
    [
        ("<faultMsg>EsxCLI.CLIFault.summary</faultMsg><faultDetail>{}</faultDetail>", Reason.FAILED, "database is damaged"),
        ("<faultMsg>vim.fault.NotFound</faultMsg>", Reason.NOT_SUPPORTED, "NotFound"),
        ("<faultMsg>it broke</faultMsg><faultDetail>not xml</faultDetail>", Reason.FAILED, "it broke"),
        ("", Reason.FAILED, "unknown fault"),
    ],
)
def test_a_fault_is_a_reason_in_esxclis_words(fault: str, reason: Reason, word: str) -> None:
    detail = escape('<Fault xmlns="urn:vim25"><errMsg>the image database is damaged</errMsg></Fault>')
    with pytest.raises(UnansweredError) as caught:
        rows_of(answer(f"<fault>{fault.format(detail)}</fault>"), "esxcli software vib list")
    assert caught.value.unread.reason is reason
    assert word in caught.value.unread.detail
    assert "esxcli software vib list" in caught.value.unread.detail


@given(st.text(alphabet=st.characters(blacklist_categories=("Cs", "Cc")), min_size=1).filter(lambda t: t.strip()))
def test_anything_else_is_unreadable(text: str) -> None:
    with pytest.raises(UnansweredError) as caught:
        rows_of(responding("<" + text), "esxcli")
    assert caught.value.unread.reason is Reason.UNREADABLE
