from auditor.domain.readings.answer import Command

COMMAND = Command("profile", "esxcli software profile get", 60)
REBOOTING = Command("profile-rebooting", "esxcli software profile get --rebooting-image", 60)
