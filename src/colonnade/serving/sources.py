"""Where the registry's entries come from: tables, directories, names that are allowed."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from colonnade.hub import ModelError, reference_id
from colonnade.serving.adapters import declared_adapters
from colonnade.serving.entry import Entry, Origin
from colonnade.serving.files import FileState
from colonnade.serving.loading import LoadPlan, resolved_model

if TYPE_CHECKING:
    from collections.abc import Callable

    from colonnade.serving.files import Found
    from colonnade.settings import ModelTable, Settings


def table_entries(settings: Settings, say: Callable[[str], None]) -> list[Entry]:
    """The entries of all tables.

    Raises:
        ModelError: MODEL of one is of no form that there is, or two are named alike.
    """
    entries = [table_entry(each, settings, say) for each in settings.models]
    for name, count in Counter(
        name for each in entries for name in (each.id, *each.aliases)
    ).items():
        if count > 1:
            msg = f"[[models]]: two are named {name!r}; 'name' gives one of them another name"
            raise ModelError(msg)
    return entries


def table_entry(table: ModelTable, settings: Settings, say: Callable[[str], None]) -> Entry:
    """The entry of a table. Its file is found when it is loaded.

    Raises:
        ModelError: MODEL is of no form that there is.
    """
    own = settings.of(table)
    name = table.name or reference_id(table.model)
    ttl = settings.registry.idle_unload_seconds if table.ttl is None else table.ttl
    entry = Entry(
        id=name,
        origin=Origin.TABLE,
        plan=lambda: replace(plan(), created=entry.created),
        aliases=table.aliases,
        adapters=_adapters(own),
        pin=table.pin,
        ttl=ttl,
        preload=table.preload,
        reference=table.model,
    )
    plan = partial(_resolve, table.model, own, name, say)
    return entry


def directory_entry(found: Found, settings: Settings) -> Entry:
    """The entry of a file in a directory."""
    entry = Entry(
        id=found.id,
        origin=Origin.DIRECTORY,
        plan=lambda: replace(plan(), created=entry.created),
        aliases=found.aliases,
        ttl=settings.registry.idle_unload_seconds,
        path=found.path,
        size=found.size,
        created=found.state.changed_ns // 1_000_000_000,
        file=found.state,
    )
    plan = partial(_resolve, found.path, settings.for_others, found.id, lambda _: None)
    return entry


def allowed_entry(text: str, settings: Settings, say: Callable[[str], None]) -> Entry | None:
    """The entry of a name that requests may give; None where it is of no form that there is."""
    try:
        name = reference_id(text)
    except ModelError:
        return None
    return Entry(
        id=name,
        origin=Origin.ALLOWED,
        plan=partial(_resolve, text, settings.for_others, name, say),
        ttl=settings.registry.idle_unload_seconds,
        reference=text,
    )


def chosen_entry(plan: LoadPlan) -> Entry:
    """The entry of the model that is loaded at the start, or by ``/load``."""
    path = str(plan.resolved.path)
    return Entry(
        id=plan.id,
        origin=Origin.CHOSEN,
        plan=lambda: plan,
        ttl=plan.settings.registry.idle_unload_seconds,
        adapters=_adapters(plan.settings),
        path=path,
        file=FileState.of(path),
    )


def _resolve(text: str, settings: Settings, name: str, say: Callable[[str], None]) -> LoadPlan:
    own = msgspec.structs.replace(
        settings, model=msgspec.structs.replace(settings.model, model=text)
    )
    return LoadPlan(resolved_model(own, say), own, name=name)


def _adapters(settings: Settings) -> tuple[str, ...]:
    return tuple(each.name for each in declared_adapters(settings.model.lora))
