from auditor.domain.readings.answer import Command

COMMAND = Command("component-list", "esxcli software component list", 60)
