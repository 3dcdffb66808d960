"""What the workflows need from the outside world. Adapters implement these.

Reading and writing are different objects: `BankControl` and `HostControl` are what can change a host, `ImageEditor` and
`DepotEditor` what can change a vCenter, and no read command is wired with one.
"""

from __future__ import annotations

from auditor.ports.basics import Clock, HostTarget, Progress, Told
from auditor.ports.hosts import BankControl, HostControl, HostLooker, HostSurroundings, KeyEscrow, Save, SituationReader
from auditor.ports.images import DepotEditor, ImageEditor, ImageExporter
from auditor.ports.reading import BankReader, HostReader, ImageReader, SettingsReader, VCenterReader
from auditor.ports.recording import History, Journal, Recorder, RunRecord

__all__ = [
    "BankControl",
    "BankReader",
    "Clock",
    "DepotEditor",
    "History",
    "HostControl",
    "HostLooker",
    "HostReader",
    "HostSurroundings",
    "HostTarget",
    "ImageEditor",
    "ImageExporter",
    "ImageReader",
    "Journal",
    "KeyEscrow",
    "Progress",
    "Recorder",
    "RunRecord",
    "Save",
    "SettingsReader",
    "SituationReader",
    "Told",
    "VCenterReader",
]
