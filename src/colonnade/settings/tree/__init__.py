"""The settings themselves: one frozen struct for each table of the TOML file.

Field names are unique over the whole tree, for flags and environment variables carry no group.
The first line of a group's docstring is its heading, wherever the settings are listed.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct, structs

from colonnade.settings.tree.limits import LimitSettings, QueueSettings
from colonnade.settings.tree.model import KvType, ModelSettings, SamplingSettings
from colonnade.settings.tree.older import LegacySettings
from colonnade.settings.tree.registry import ModelTable, RegistrySettings
from colonnade.settings.tree.server import ConnectionSettings, ServerSettings

__all__ = [
    "ConnectionSettings",
    "KvType",
    "LegacySettings",
    "LimitSettings",
    "ModelSettings",
    "ModelTable",
    "QueueSettings",
    "RegistrySettings",
    "SamplingSettings",
    "ServerSettings",
    "Settings",
]


_OF_ONE_MODEL: dict[str, Any] = {
    "model_alias": None,
    "chat_template": None,
    "draft_model": None,
    "mmproj": None,
    "lora": (),
}
"""Of `[model]`, what is no default for other models."""


class Settings(Struct, frozen=True, kw_only=True):
    """Everything that can be set."""

    server: ServerSettings = ServerSettings()
    connections: ConnectionSettings = ConnectionSettings()
    model: ModelSettings = ModelSettings()
    queue: QueueSettings = QueueSettings()
    limits: LimitSettings = LimitSettings()
    registry: RegistrySettings = RegistrySettings()
    legacy: LegacySettings = LegacySettings()
    sampling: SamplingSettings = SamplingSettings()
    models: tuple[ModelTable, ...] = ()
    """What `[[models]]` in the file says, in its order."""

    @property
    def for_others(self) -> Settings:
        """The settings for a model that has none of its own."""
        return structs.replace(self, model=structs.replace(self.model, **_OF_ONE_MODEL))

    def of(self, table: ModelTable) -> Settings:
        """The settings for a model with a table of its own. The name and the further files of the
        command line's model are not handed down."""
        named = {"model": table.model, "model_alias": table.name}
        model = {**_OF_ONE_MODEL, **table.model_settings, **named}
        return structs.replace(
            self,
            model=structs.replace(self.model, **model),
            sampling=structs.replace(self.sampling, **table.sampling),
        )
