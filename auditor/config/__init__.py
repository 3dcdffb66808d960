"""The configuration: frozen settings, and the loader that turns ``auditor.toml`` into them."""

from auditor.config.loader import find_config, load_config
from auditor.config.settings import (
    Address,
    Config,
    Deadlines,
    HostApiSettings,
    HostSettings,
    Limits,
    SshSettings,
    VCenterSettings,
    normal_thumbprint,
)

__all__ = [
    "Address",
    "Config",
    "Deadlines",
    "HostApiSettings",
    "HostSettings",
    "Limits",
    "SshSettings",
    "VCenterSettings",
    "find_config",
    "load_config",
    "normal_thumbprint",
]
