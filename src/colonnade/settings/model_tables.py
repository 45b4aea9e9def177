"""The tables ``[[models]]`` of the TOML file: a model each, with settings of its own."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import msgspec

from colonnade.settings.declared import DECLARED
from colonnade.settings.tree import ModelTable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from colonnade.settings.declared import Setting

_OWN = ("model", "name", "aliases", "pin", "ttl", "preload")
_ELSEWHERE = ("model", "model_alias", "any_model_name")
"""Of ``[model]``, what a table has its own words for, or is the server's."""

_SETTINGS = {
    setting.name: setting
    for setting in DECLARED
    if setting.group in {"model", "sampling"} and setting.name not in _ELSEWHERE
}


def model_tables(document: object) -> tuple[ModelTable, ...]:
    """The tables, from what the TOML file has under ``models``.

    Raises:
        ValueError: they are no tables, or one has an unknown key or a wrong value; the message
            names it.
    """
    if not isinstance(document, list) or not all(isinstance(each, dict) for each in document):
        msg = "'models' must be tables: [[models]]"
        raise ValueError(msg)
    tables = tuple(_table(number, each) for number, each in enumerate(document, 1))
    _check_names(tables)
    return tables


def _table(number: int, document: dict[str, Any]) -> ModelTable:
    where = f"[[models]] {document.get('name', number)}"
    fields: dict[str, Any] = {}
    groups: dict[str, dict[str, Any]] = {"model": {}, "sampling": {}}
    for key, value in document.items():
        if key in _OWN:
            fields[key] = value
        elif key in _SETTINGS:
            groups[_SETTINGS[key].group][key] = _convert(_SETTINGS[key], value, where)
        else:
            near = get_close_matches(key, (*_OWN, *_SETTINGS), n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            msg = f"{where}: unknown key {key!r}{hint}"
            raise ValueError(msg)
    if not fields.get("model"):
        msg = f"{where}: it has no 'model', which says where its file comes from"
        raise ValueError(msg)
    try:
        table = msgspec.convert(fields, ModelTable)
    except msgspec.ValidationError as error:
        raise ValueError(_wrong(where, error)) from error
    if table.ttl is not None and not 0 <= table.ttl < float("inf"):
        msg = f"{where}: 'ttl' is {table.ttl:g}; it is a number of seconds, 0 for ever"
        raise ValueError(msg)
    own = {"model_settings": groups["model"], "sampling": groups["sampling"]}
    return msgspec.structs.replace(table, **own)


def _wrong(where: str, error: msgspec.ValidationError) -> str:
    """What is wrong with a table's own key, in the words of the other settings."""
    told, _, path = str(error).partition(" - at `$.")
    name = path.rstrip("`").partition("[")[0]
    return f"{where}: {name}: {told[:1].lower()}{told[1:]}"


def _convert(setting: Setting, value: object, where: str) -> Any:  # noqa: ANN401 - as declared
    try:
        return setting.convert(value, from_text=False)
    except ValueError as error:
        msg = f"{where}: {setting.name}: {error}"
        raise ValueError(msg) from error


def _check_names(tables: tuple[ModelTable, ...]) -> None:
    """Refuse a name that two models have."""
    seen: set[str] = set()
    for name in _names(tables):
        if not name or name in seen:
            msg = (
                "[[models]]: a name is empty" if not name else f"[[models]]: two are named {name!r}"
            )
            raise ValueError(msg)
        seen.add(name)


def _names(tables: tuple[ModelTable, ...]) -> Iterator[str]:
    for table in tables:
        if table.name is not None:
            yield table.name
        yield from table.aliases
