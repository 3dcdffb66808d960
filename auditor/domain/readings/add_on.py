from auditor.domain.readings.answer import Command

COMMAND = Command("add-on", "esxcli software addon get", 60)
