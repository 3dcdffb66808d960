"""What the host says it runs: ``vmware -vl`` and ``esxcli system version get``."""

from __future__ import annotations

import re
from dataclasses import replace

from auditor.domain.image import Product
from auditor.domain.observation import Read, Reading, Reason, Unread
from auditor.domain.readings.answer import Answer, Command, text_of, unreadable
from auditor.domain.readings.reading import HostReading, get
from auditor.domain.readings.table import Loose, fields, tidy

VMWARE = Command("vmware", "vmware -vl", 20)
SYSTEM_VERSION = Command("system-version", "esxcli system version get", 30)

_VERSION_LINE = re.compile(r"(VMware ESXi?) ([0-9]+\.[0-9]+\.[0-9]+(?:\.[0-9]+){0,2}) build-([0-9]+)")
_LABEL_LINE = re.compile(r"VMware ESXi? [0-9]+\.[0-9]+[0-9.]*(?: (?:Update [0-9]+\S*|GA|Patch \S+|EP\S+))*")
_VERSION = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+(?:\.[0-9]+){0,2}")
_BUILD = re.compile(r"(?:Releasebuild-)?([0-9]+)")


def parse_vmware(answer: Answer) -> Reading[Product]:
    """``vmware -vl``, its lines in either order; the label line ("VMware ESXi 8.0 Update 3") may be missing."""
    text = text_of(answer, VMWARE)
    if isinstance(text, Unread):
        return text
    lines = [line.strip() for line in text.split("\n")]
    versions = {match.groups() for line in lines if (match := _VERSION_LINE.fullmatch(line))}
    if len(versions) != 1:
        return unreadable(VMWARE, f"{len(versions)} lines with a version and build instead of one", text)
    name, version, build = versions.pop()
    labels = {line for line in lines if _LABEL_LINE.fullmatch(line)}
    return Read(Product(version, build, name=name, label=labels.pop() if len(labels) == 1 else ""))


def parse_system_version(answer: Answer) -> Reading[Product]:
    """``esxcli system version get``. From 9.0 there is a Maintenance line as well, which is the version's third number."""
    text = text_of(answer, SYSTEM_VERSION)
    return text if isinstance(text, Unread) else from_fields(fields(text), text)


def from_fields(structure: Loose, raw: str = "") -> Reading[Product]:
    """The structure of ``system version get``: Product, Version, Build ("Releasebuild-24585383"), Update, Patch."""
    found = tidy(structure)
    build = _BUILD.fullmatch(found.get("Build", ""))
    version = found.get("Version", "")
    if build is None or not _VERSION.fullmatch(version):
        return unreadable(SYSTEM_VERSION, "no version and build", raw or str(found))
    name, update, patch = (found.get(key, "") for key in ("Product", "Update", "Patch"))
    return Read(Product(version, build.group(1), name=name, update=update, patch=patch))


def combine(vmware: Reading[Product], system: Reading[Product]) -> Reading[Product]:
    """One reading out of both. Two answers that disagree on version or build are no answer; a version of 9.x may be told
    with or without the numbers behind its third."""
    if isinstance(vmware, Unread):
        return system if isinstance(system, Read) or vmware.reason is Reason.NOT_ATTEMPTED else vmware
    if isinstance(system, Unread):
        return vmware
    if not _same(vmware.value, system.value):
        said = " but ".join(
            f"`{command.text}` says {product.version} build {product.build}"
            for command, product in ((VMWARE, vmware.value), (SYSTEM_VERSION, system.value))
        )
        return Unread(Reason.UNREADABLE, said)
    return Read(replace(system.value, label=vmware.value.label))


def _same(one: Product, other: Product) -> bool:
    shorter, longer = sorted((one.version, other.version), key=len)
    return one.build == other.build and f"{longer}.".startswith(f"{shorter}.")


def _plain(product: Product) -> dict[str, str]:
    keys = ("version", "build", "name", "update", "patch", "label")
    return {key: getattr(product, key) for key in keys}


READING = HostReading(
    "product",
    "release and build",
    (VMWARE, SYSTEM_VERSION),
    lambda answers: combine(parse_vmware(answers[VMWARE.name]), parse_system_version(answers[SYSTEM_VERSION.name])),
    _plain,
    get("system version", from_fields),
)
