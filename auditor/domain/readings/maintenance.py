from auditor.domain.readings.answer import Command

COMMAND = Command("maintenance-mode", "esxcli system maintenanceMode get", 30)
