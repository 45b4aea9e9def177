"""Many models."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct

from colonnade.settings.tree.kinds import SECONDS, NonNegative


class RegistrySettings(Struct, frozen=True, kw_only=True):
    """Many models.

    Which models a request may name beside MODEL, and how long they stay. Tables `[[models]]` in the
    file add some, with settings of their own.
    """

    models_dir: Annotated[
        tuple[str, ...],
        Meta(
            description="Directory whose models requests may name, and `/load` may open, with all "
            "below it."
        ),
    ] = ()
    allow_models: Annotated[
        tuple[str, ...],
        Meta(
            description="Models beyond these that requests may name, which are downloaded if need "
            "be: `hf:OWNER/REPO[:QUANT]`, `pkg:PACKAGE`, with `*` for anything: `hf:OWNER/*`."
        ),
    ] = ()
    load_on_demand: Annotated[
        bool,
        Meta(description="Load a model that a request names; without it, an administrator does."),
    ] = True
    load_wait_seconds: Annotated[
        float,
        Meta(
            description="How long a request waits for its model, for room for it, too.",
            gt=0,
            extra=SECONDS,
        ),
    ] = 300.0
    idle_unload_seconds: Annotated[
        NonNegative,
        Meta(
            description="How long a model that nobody uses stays loaded, unless its table says "
            "otherwise; 0 for ever.",
            extra=SECONDS,
        ),
    ] = 0.0


class ModelTable(Struct, frozen=True, kw_only=True):
    """A model that requests may name, with what is set for it alone."""

    model: str
    """As MODEL on the command line."""
    name: str | None = None
    """The name that requests give; None for the model's own."""
    aliases: tuple[str, ...] = ()
    pin: bool = False
    """It stays loaded once it is."""
    ttl: float | None = None
    """Seconds that it stays loaded unused, 0 for ever; None as `idle_unload_seconds` says."""
    preload: bool = False
    """It is loaded at the start."""
    model_settings: dict[str, Any] = {}
    """Of `[model]`, by name."""
    sampling: dict[str, Any] = {}
    """Of `[sampling]`, by name."""
