"""Command lines of the older services: ``--mode=...`` of the Gemma worker, and a model alone."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

_COMMANDS = {"daemon": "serve", "interactive": "chat", "test": "check"}
_GEMMA_PORT = "3125"
_ADDRESS = ("--host", "--port")
_OLDER = "colonnade.older_form"


class OlderForms(click.RichGroup):
    """A group of commands that understands the older forms, too."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Translate an older form before the arguments are read."""
        today = translated(args, self.commands)
        ctx.meta[_OLDER] = today != args
        return super().parse_args(ctx, today)


def in_older_form() -> bool:
    """Whether the command that is running was given in an older form."""
    context = click.get_current_context(silent=True)
    return context is not None and bool(context.meta.get(_OLDER))


def translated(args: Sequence[str], commands: Container[str]) -> list[str]:
    """The arguments in today's form.

    Raises:
        UsageError: there is no such mode.
    """
    if args and args[0] not in commands:
        if any(each == "--mode" or each.startswith("--mode=") for each in args):
            return _with_mode(_in_pairs(args))
        if _is_model(args[0]):
            return ["serve", *args]
    return list(args)


def _in_pairs(args: Sequence[str]) -> list[str]:
    """Write ``--flag=value`` as two."""
    parts: list[str] = []
    for each in args:
        flag, equals, value = each.partition("=")
        parts += [flag, value] if equals and flag.startswith("--") else [each]
    return parts


def _with_mode(args: list[str]) -> list[str]:
    place = args.index("--mode")
    mode = args[place + 1] if place + 1 < len(args) else ""
    command = _COMMANDS.get(mode)
    if command is None:
        msg = f"--mode is {mode!r}; it can be {', '.join(_COMMANDS)}."
        raise click.UsageError(msg)
    rest = args[:place] + args[place + 2 :]
    if command != "serve":
        return [command, *_without_address(rest)]
    if "--port" not in rest and not os.environ.get("COLONNADE_PORT"):
        rest += ["--port", _GEMMA_PORT]
    return [command, *rest]


def _without_address(args: list[str]) -> list[str]:
    """Only a daemon listens; the other modes always took these and made no use of them."""
    kept: list[str] = []
    skip = False
    for each in args:
        if skip or each in _ADDRESS:
            skip = not skip
        else:
            kept.append(each)
    return kept


def _is_model(text: str) -> bool:
    return not text.startswith("-") and (
        text.lower().endswith(".gguf") or text.startswith(("hf:", "pkg:")) or Path(text).is_file()
    )
