from auditor.domain.readings.answer import Command

COMMAND = Command("base-image", "esxcli software baseimage get", 60)
REBOOTING = Command("base-image-rebooting", "esxcli software baseimage get --rebooting-image", 60)
