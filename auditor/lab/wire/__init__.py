"""Protocols without knowledge of vSphere: SOAP, vAPI, REST, HTTP, and the record of every call."""
