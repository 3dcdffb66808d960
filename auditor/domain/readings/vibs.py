from auditor.domain.readings.answer import Command

COMMAND = Command("vib-list", "esxcli software vib list", 60)
REBOOTING = Command("vib-list-rebooting", "esxcli software vib list --rebooting-image", 60)
