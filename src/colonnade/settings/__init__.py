"""Every setting of the server, declared once.

The tree of structs in ``tree`` is the declaration: name, type, bounds, default, help. The command
line's flags, the ``COLONNADE_*`` environment variables, the keys of the TOML file and the table in
``docs/settings.md`` derive from it. What a setting *does* is not this room's business.
"""

from colonnade.settings.declared import DECLARED, Setting
from colonnade.settings.secrets import digest, sealed
from colonnade.settings.sources import SettingsError, load_settings
from colonnade.settings.tree import (
    ConnectionSettings,
    LimitSettings,
    ModelSettings,
    ModelTable,
    QueueSettings,
    RegistrySettings,
    SamplingSettings,
    ServerSettings,
    Settings,
)

__all__ = [
    "DECLARED",
    "ConnectionSettings",
    "LimitSettings",
    "ModelSettings",
    "ModelTable",
    "QueueSettings",
    "RegistrySettings",
    "SamplingSettings",
    "ServerSettings",
    "Setting",
    "Settings",
    "SettingsError",
    "digest",
    "load_settings",
    "sealed",
]
