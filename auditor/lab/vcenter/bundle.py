"""The files a simulated vCenter exports and imports: specification, offline bundle, ISO image.

A bundle has the published outline of an offline depot (`index.xml`, `vendor-index.xml`, a metadata archive with `vmware.xml`).
What is inside the base image and add-on files of a real one is not public, so what the lab itself needs is in a file of its
own, `lab-content.json`; a bundle without it is refused like one with invalid metadata. The ISO image is no bootable one.
"""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from auditor.lab.hosts.images import LabAddOn, LabComponent, find_add_on, make_image
from auditor.lab.vcenter.depot import DesiredSoftware, LabDepot

CONTENT = "lab-content.json"
METADATA = "lab-metadata.zip"
_DATE = (2024, 1, 1, 0, 0, 0)
"""A fixed date: equal content gives equal bytes."""


class BundleError(ValueError):
    """A file is no bundle the lab can import."""


def make_bundle(software: DesiredSoftware, source: LabDepot) -> bytes:
    """An offline bundle with everything the image is made of. Raises LookupError when `source` lacks some of it."""
    image = source.compose(software)
    single = [source.components[key] for key in sorted({key for part in software.parts for key in part.components})]
    content: dict[str, Any] = {
        "base_images": [software.base_image],
        "add_ons": sorted({part.add_on for part in software.parts if part.add_on}),
        "components": [{"name": c.name, "version": c.version, "vendor": c.vendor} for c in single],
    }
    bulletins = "".join(
        f"<bulletin><id>{escape(c.name)}_{escape(c.version)}</id><vendor>{escape(c.vendor)}</vendor>"
        f"<componentNameSpec name={quoteattr(c.name)} uiString={quoteattr(c.display_name or c.name)}/>"
        f"<componentVersionSpec version={quoteattr(c.version)} uiString={quoteattr(c.display_version or c.version)}/>"
        "</bulletin>"
        for c in image.components
    )
    vendor_index = (
        "<metaList><metadata><productId>embeddedEsx</productId>"
        f"<version>{image.product_version}</version><url>{METADATA}</url></metadata></metaList>"
    )
    index = (
        "<vendorList><vendor><name>Lab</name><code>LAB</code><indexfile>vendor-index.xml</indexfile>"
        "<relativePath></relativePath></vendor></vendorList>"
    )
    metadata = _zip(
        {
            "vendor-index.xml": vendor_index,
            "vmware.xml": f"<metadataResponse><version>3.0</version>{bulletins}</metadataResponse>",
        }
    )
    return _zip(
        {
            "index.xml": index,
            "vendor-index.xml": vendor_index,
            METADATA: metadata,
            CONTENT: json.dumps(content, sort_keys=True),
        }
    )


def make_iso(software: DesiredSoftware) -> bytes:
    """A file with an ISO 9660 volume descriptor that names the image, and nothing else."""
    label = f"ESXI-{software.base_image}"[:32].upper().ljust(32)
    descriptor = b"\x01CD001\x01\x00" + b" " * 32 + label.encode("ascii", "replace")
    return bytes(16 * 2048) + descriptor.ljust(2048, b"\0")


def read_bundle(data: bytes) -> LabDepot:
    """What a bundle brings into the depot. Raises `BundleError`."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if CONTENT not in archive.namelist():
                raise BundleError("The depot has invalid contents.")
            content = json.loads(archive.read(CONTENT))
        found = LabDepot()
        for version in content["base_images"]:
            make_image(version)
            found.add_base_image(version)
        for name, version in content["add_ons"]:
            found.add_add_on(_add_on(name, version))
        for each in content["components"]:
            found.add_component(LabComponent(each["name"], each["version"], vendor=each["vendor"]))
    except (zipfile.BadZipFile, OSError) as error:
        raise BundleError(f"The file is no zip archive: {error}.") from error
    except (KeyError, TypeError, ValueError, LookupError) as error:
        if isinstance(error, BundleError):
            raise
        raise BundleError(f"The depot has invalid contents: {error}.") from error
    return found


def _add_on(name: str, version: str) -> LabAddOn:
    try:
        return find_add_on(name, version)
    except LookupError:
        return LabAddOn(name, version)


def _zip(files: dict[str, str | bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name, _DATE), data, zipfile.ZIP_DEFLATED)
    return out.getvalue()
