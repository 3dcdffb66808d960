"""The configuration: frozen settings, and the loader that turns ``auditor.toml`` into them."""

from auditor.config.loader import find_config, load_config
from auditor.config.settings import (
    Address,
    BackupSettings,
    Config,
    Deadlines,
    HostApiSettings,
    HostSettings,
    Limits,
    RollbackSettings,
    SshSettings,
    VCenterSettings,
    normal_thumbprint,
)

__all__ = [
    "Address",
    "BackupSettings",
    "Config",
    "Deadlines",
    "HostApiSettings",
    "HostSettings",
    "Limits",
    "RollbackSettings",
    "SshSettings",
    "VCenterSettings",
    "find_config",
    "load_config",
    "normal_thumbprint",
]
