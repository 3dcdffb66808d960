from auditor.domain.readings.answer import Command

COMMANDS = (
    Command("bootbank-link", "readlink -f /bootbank", 10),
    Command("bootbank-ls", "ls -ld /bootbank", 10),
    Command("bootbank-cfg", "cat /bootbank/boot.cfg", 20),
    Command("altbootbank-link", "readlink -f /altbootbank", 10),
    Command("altbootbank-ls", "ls -ld /altbootbank", 10),
    Command("altbootbank-cfg", "cat /altbootbank/boot.cfg", 20),
)
