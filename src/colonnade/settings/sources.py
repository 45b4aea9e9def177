"""Where values come from: flags, environment, file, the older services' names, the default."""

from __future__ import annotations

import difflib
import tomllib
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from colonnade.settings.declared import DECLARED, Setting
from colonnade.settings.model_tables import model_tables
from colonnade.settings.older import older_values
from colonnade.settings.tree import ModelTable, Settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_PREFIX = "COLONNADE_"
CONFIG_ENV = "COLONNADE_CONFIG"
_BY_NAME = {setting.name: setting for setting in DECLARED}
_BY_ENV = {setting.env: setting for setting in DECLARED}
_GROUPS = tuple(dict.fromkeys(setting.group for setting in DECLARED))


class SettingsError(Exception):
    """A setting is unknown or has a value that does not fit; the message names it and its place."""


def load_settings(
    flags: Mapping[str, Any], environ: Mapping[str, str], config: Path | None = None
) -> Settings:
    """Put the settings together from all their sources.

    Args:
        flags: Values from the command line by setting name; None where none was given.
        environ: The environment.
        config: The TOML file; None looks for one in the usual places.

    Raises:
        SettingsError: a source has an unknown setting or a wrong value.
    """
    path = _config_file(config, environ)
    values, tables = _from_file(path) if path else ({}, ())
    values |= _from_environment(environ)
    values |= _from_flags(flags)
    values = _from_older_services(environ) | values
    groups: dict[str, dict[str, Any]] = {group: {} for group in _GROUPS}
    for name, value in values.items():
        groups[_BY_NAME[name].group][name] = value
    default = Settings()
    built = {group: type(getattr(default, group))(**groups[group]) for group in _GROUPS}
    return Settings(**built, models=tables)


def _config_file(config: Path | None, environ: Mapping[str, str]) -> Path | None:
    """Find the file: the one that the user named, or the first that lies in a usual place."""
    if config is None and environ.get(CONFIG_ENV):
        config = Path(environ[CONFIG_ENV])
    if config is not None:
        return config
    usual = [Path("colonnade.toml")]
    with suppress(RuntimeError):  # a user without a home has no settings there
        home = environ.get("XDG_CONFIG_HOME") or Path("~/.config").expanduser()
        usual.append(Path(home) / "colonnade" / "config.toml")
    return next((path for path in usual if path.is_file()), None)


def _from_file(path: Path) -> tuple[dict[str, Any], tuple[ModelTable, ...]]:
    """The settings by name, and the models that have tables."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        msg = f"{path}: cannot be read: {reason}"
        raise SettingsError(msg) from error
    except tomllib.TOMLDecodeError as error:
        msg = f"{path}: not valid TOML: {error}"
        raise SettingsError(msg) from error
    values: dict[str, Any] = {}
    try:
        tables = model_tables(document.pop("models", []))
    except ValueError as error:
        msg = f"{path}: {error}"
        raise SettingsError(msg) from error
    for group, table in document.items():
        if group not in _GROUPS or not isinstance(table, dict):
            raise SettingsError(f"{path}: {_stray(group)}")
        for name, value in table.items():
            setting = _BY_NAME.get(name)
            if setting is None or setting.group != group:
                raise SettingsError(f"{path}: {_unknown_key(group, name)}")
            values[name] = _convert(setting, value, f"{path}: {setting.key}", from_text=False)
    return values, tables


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for variable, text in environ.items():
        if not variable.startswith(_PREFIX) or variable == CONFIG_ENV:
            continue
        setting = _BY_ENV.get(variable)
        if setting is None:
            # Compared without the common prefix, by which every name would look alike.
            known = [name.removeprefix(_PREFIX) for name in (*_BY_ENV, CONFIG_ENV)]
            hint = _did_you_mean(variable.removeprefix(_PREFIX), known, _PREFIX)
            raise SettingsError(f"{variable}: unknown environment variable{hint}")
        # An empty variable is how compose files and shells say "not set".
        if text or setting.guards:
            values[setting.name] = _convert(setting, text, variable, from_text=True)
    return values


def _from_older_services(environ: Mapping[str, str]) -> dict[str, Any]:
    return {
        name: _convert(_BY_NAME[name], text, variable, from_text=True)
        for variable, name, text in older_values(environ)
    }


def _from_flags(flags: Mapping[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in flags.items():
        if value is not None and value != ():
            setting = _BY_NAME[name]
            values[name] = _convert(setting, value, setting.flag, from_text=False)
    return values


def _convert(setting: Setting, value: object, where: str, *, from_text: bool) -> object:
    try:
        return setting.convert(value, from_text=from_text)
    except ValueError as error:
        msg = f"{where}: {error}"
        raise SettingsError(msg) from error


def _stray(key: str) -> str:
    """Something at the top of the file that is no table of ours."""
    if key in _GROUPS:
        return f"{key!r} must be a table: [{key}]"
    if key in _BY_NAME:
        return f"unknown setting {key!r}; it belongs into a table: {_BY_NAME[key].key}"
    return f"unknown table [{key}]{_did_you_mean(key, _GROUPS)}"


def _unknown_key(group: str, name: str) -> str:
    if name in _BY_NAME:
        return f"unknown setting [{group}] {name}; did you mean {_BY_NAME[name].key}?"
    close = difflib.get_close_matches(name, _BY_NAME, n=1)
    hint = f"; did you mean {_BY_NAME[close[0]].key}?" if close else ""
    return f"unknown setting [{group}] {name}{hint}"


def _did_you_mean(word: str, known: Iterable[str], prefix: str = "") -> str:
    close = difflib.get_close_matches(word, tuple(known), n=1)
    return f"; did you mean {prefix}{close[0]}?" if close else ""
