"""Every command a host is asked, in the order it is asked."""

from __future__ import annotations

from auditor.domain.readings import add_on, banks, base_image, components, maintenance, product, profile, vibs
from auditor.domain.readings.answer import Command

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
"""What matters most comes first: a host that answers slowly until its deadline then loses the least. One after the other
and never at once, because the esxcli software commands share one small memory group on the host (field note, e)."""
