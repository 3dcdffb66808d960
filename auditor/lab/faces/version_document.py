"""The two small documents clients fetch before they speak SOAP: the API versions, and a WSDL naming the service."""

from __future__ import annotations

from functools import cache

from pyVmomi import VmomiSupport


@cache
def versions_document(newest: str) -> bytes:
    """`vimServiceVersions.xml` of a server whose newest version is `newest`, such as `vim.version.v8_0_3_0`."""
    ids = [
        VmomiSupport.versionIdMap[version]
        for version in VmomiSupport.GetServiceVersions("vim25")
        if VmomiSupport.versionIdMap[version] and VmomiSupport.IsChildVersion(newest, version)
    ]
    prior = "".join(f"<version>{each}</version>" for each in ids if each != VmomiSupport.versionIdMap[newest])
    text = (
        '<?xml version="1.0" encoding="UTF-8" ?>\n<namespaces version="1.0"><namespace><name>urn:vim25</name>'
        f"<version>{VmomiSupport.versionIdMap[newest]}</version><priorVersions>{prior}</priorVersions>"
        "</namespace></namespaces>\n"
    )
    return text.encode()


def wsdl_document(url: str) -> bytes:
    """The service's address; the types themselves are not spelled out."""
    text = (
        '<?xml version="1.0" encoding="UTF-8" ?>\n<definitions targetNamespace="urn:vim25Service" '
        'xmlns="http://schemas.xmlsoap.org/wsdl/" xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/" '
        'xmlns:interface="urn:vim25"><service name="VimService"><port binding="interface:VimBinding" name="VimPort">'
        f'<soap:address location="{url}/sdk/vimService" /></port></service></definitions>\n'
    )
    return text.encode()
