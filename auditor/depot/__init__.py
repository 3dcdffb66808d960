"""Offline bundles: what is inside a zip. Reads files given by the user; never writes, unpacks to disk or connects."""

from auditor.depot.limits import Limits
from auditor.depot.reader import read_bundle

__all__ = ["Limits", "read_bundle"]
