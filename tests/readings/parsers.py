"""The parser of each reading by the name of its command, which is also the name of its folder of samples."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from auditor.domain.observation import Reading
from auditor.domain.readings import (
    acceptance_level,
    add_on,
    banks,
    base_image,
    components,
    maintenance_mode,
    product,
    profile,
    vibs,
)
from auditor.domain.readings.answer import Answer

PARSERS: dict[str, Callable[[Answer], Reading[Any]]] = {
    product.VMWARE.name: product.parse_vmware,
    product.SYSTEM_VERSION.name: product.parse_system_version,
    maintenance_mode.COMMAND.name: maintenance_mode.parse,
    profile.COMMAND.name: profile.parse,
    profile.REBOOTING.name: profile.parse_rebooting,
    vibs.COMMAND.name: vibs.parse,
    vibs.REBOOTING.name: vibs.parse_rebooting,
    base_image.COMMAND.name: base_image.parse,
    add_on.COMMAND.name: add_on.parse,
    acceptance_level.COMMAND.name: acceptance_level.parse,
    components.COMMAND.name: components.parse,
    "bootbank-cfg": lambda answer: banks.parse(banks.BOOTBANK, Answer(b""), Answer(b""), answer).boot_cfg,
}
