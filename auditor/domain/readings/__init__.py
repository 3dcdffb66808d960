"""What is asked of a host, and how its answers are read.

One module per reading: the command's text, ``parse(answer)`` for the text a shell gets, and ``from_rows`` or
``from_fields`` for the same structure as it comes through the vSphere API's esxcli, where there is no text. They live in
the domain because both routes, SSH and vCenter, need them and adapters do not know each other.
"""

from __future__ import annotations

from auditor.domain.readings import add_on, banks, base_image, components, maintenance, product, profile, vibs
from auditor.domain.readings.answer import Answer, Command

COMMANDS: tuple[Command, ...] = (
    product.VMWARE,
    product.SYSTEM_VERSION,
    maintenance.COMMAND,
    *banks.COMMANDS,
    profile.COMMAND,
    vibs.COMMAND,
    base_image.COMMAND,
    add_on.COMMAND,
    components.COMMAND,
    profile.REBOOTING,
    vibs.REBOOTING,
    base_image.REBOOTING,
)
"""All commands, what matters most first: a host that answers slowly until its deadline then loses the least."""

__all__ = ["COMMANDS", "Answer", "Command"]
