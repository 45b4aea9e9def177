"""Flags derived from the declared settings. Adds none of its own but ``--config``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import rich_click as click

from colonnade.settings import DECLARED, Setting, Settings, load_settings

if TYPE_CHECKING:
    from collections.abc import Callable

    Command = TypeVar("Command", bound=Callable[..., Any])

_METAVARS = {"IntType": "INTEGER", "FloatType": "NUMBER", "StrType": "TEXT", "VarTupleType": "TEXT"}


def setting_flags(*groups: str, also: tuple[str, ...] = ()) -> Callable[[Command], Command]:
    """Decorate a command with the flags of these groups of settings, of the settings ``also``, and
    with ``--config``."""

    def decorate(command: Command) -> Command:
        for setting in reversed(DECLARED):
            if setting.group in groups or setting.name in also:
                command = _parameter(setting)(command)
        return _config(command)

    return decorate


def settings_of(flags: dict[str, object]) -> Settings:
    """Put the settings together from a command's flags and everything behind them.

    The environment forgets the keys: from here on there are only their hashes.
    """
    config = flags.pop("config")
    assert config is None or isinstance(config, Path)  # noqa: S101 - by the option's type
    settings = load_settings(flags, os.environ, config)
    for setting in DECLARED:
        if setting.secret:
            os.environ.pop(setting.env, None)
    return settings


def refuse_flags_of(group: str, flags: dict[str, object], reason: str) -> None:
    """Refuse what is given of a group of settings that has no effect.

    Raises:
        UsageError: some of it is given.
    """
    given = [each.flag for each in DECLARED if each.group == group and flags[each.name] is not None]
    if given:
        msg = f"{reason}: {', '.join(given)} cannot go with it."
        raise click.UsageError(msg)


def _config(command: Command) -> Command:
    return click.option(
        "--config",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        metavar="FILE",
        help="TOML file with settings. Without it, ./colonnade.toml is read, if there.",
        panel="Options",
    )(command)


def _parameter(setting: Setting) -> Callable[[Command], Command]:
    if setting.argument:
        return click.argument(
            setting.name,
            required=False,
            metavar=f"[{setting.flag}]",
            callback=_converter(setting),
            help=_help(setting),
        )
    spelling = f"{setting.flag}/--no-{setting.flag[2:]}" if setting.is_switch else setting.flag
    return click.option(
        spelling,
        setting.name,
        type=click.Choice(setting.choices) if setting.choices else None,
        callback=None if setting.is_switch else _converter(setting),
        default=None,
        multiple=setting.many,
        metavar=_METAVARS.get(type(setting.shape).__name__),
        help=_help(setting),
        panel=setting.heading,
    )


def _converter(
    setting: Setting,
) -> Callable[[click.Context, click.Parameter, str | tuple[str, ...] | None], object]:
    """Let the setting itself convert and judge its value, so that a bound is declared once."""

    def convert(
        ctx: click.Context, param: click.Parameter, value: str | tuple[str, ...] | None
    ) -> object:
        if value is None or value == ():
            return None
        text = ",".join(value) if isinstance(value, tuple) else value
        try:
            return setting.convert(text, from_text=True)
        except ValueError as error:
            raise click.BadParameter(str(error), ctx, param) from error

    return convert


def _help(setting: Setting) -> str:
    notes = [setting.unit] if setting.unit else []
    if setting.default_text:
        notes.append(f"default: {setting.default_text}")
    text = setting.help.replace("`", "")
    return f"{text} [{', '.join(notes)}]" if notes else text
