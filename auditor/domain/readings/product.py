from auditor.domain.readings.answer import Command

VMWARE = Command("vmware", "vmware -vl", 20)
SYSTEM_VERSION = Command("system-version", "esxcli system version get", 30)
