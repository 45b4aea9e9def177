"""Where JSON begins within calls: for what a grammar cannot say of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from colonnade.messages import JsonStart
from colonnade.prompt.calls.formats import (
    CallFormat,
    JsonArguments,
    Part,
    Slot,
    TaggedArguments,
)
from colonnade.prompt.calls.members import members
from colonnade.prompt.calls.variants import Variants

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from colonnade.prompt.calls.signatures import Signature
    from colonnade.prompt.schema import Differing

_KEY = "[A-Za-z_][A-Za-z0-9_.-]*"
_CONTAINERS = frozenset({"array", "object"})
_BRACKET = r"(?=[\[{])"
"""What such a value begins with, and no string does where strings stand as they are."""
_NOWHERE = "(?!)"


def json_starts(
    format: CallFormat,  # noqa: A002
    tools: Sequence[Signature],
    differing: Differing,
) -> Iterator[JsonStart]:
    """The starts of all the JSON in calls of some tools, whose places go to ``differing``.

    Nothing comes of notations in which lists and objects are no JSON.
    """
    arguments = format.arguments
    if isinstance(arguments, TaggedArguments):
        if arguments.python:
            return
    elif not isinstance(arguments, JsonArguments):
        return
    for tool in tools:
        for parts in (format.call, *format.variants):
            scope, before = _around(parts, tool.name)
            yield JsonStart(scope, _NOWHERE)  # from here on it is this tool's call
            if tool.grammar is None:
                yield from _starts(format, tool, scope, before, differing)


def _starts(
    format: CallFormat,  # noqa: A002
    tool: Signature,
    scope: str,
    before: str,
    differing: Differing,
) -> Iterator[JsonStart]:
    tags = format.arguments
    if not isinstance(tags, TaggedArguments):
        yield JsonStart(scope, before, differing.add(tool.schema))
        return
    variants = Variants(tool.schema, tool.param)
    middles = [text for text, told in tags.middles.items() if told & _CONTAINERS]
    for variant in variants.of(tool.schema):
        if variant.kind != "object":
            continue
        found = members(variant, lambda _: True, variants.looks, tool.param)
        for member in () if found is None else found.listed:
            if any(each.kind in _CONTAINERS for each in variants.of(member.schema)):
                places = differing.add(member.schema, tool.schema)
                name = _KEY if member.name is None else re.escape(member.name)
                for middle in middles:
                    pattern = f"{re.escape(tags.opening)}{name}{re.escape(middle)}{_BRACKET}"
                    yield JsonStart(scope, pattern, places)


def _around(parts: tuple[Part, ...], name: str) -> tuple[str, str]:
    """What tells whose call it is, and what stands right before the arguments where that is not all
    of it; both as patterns."""
    first, arguments = parts.index(Slot.NAME), parts.index(Slot.ARGUMENTS)
    begin = first - 1 if first and isinstance(parts[first - 1], str) else first
    texts: list[Any] = [name if part is Slot.NAME else part for part in parts[begin:arguments]]
    cut = next((at for at, text in enumerate(texts) if isinstance(text, Slot)), None)
    if cut is None:
        return re.escape("".join(texts)), ""
    last = max(at for at, text in enumerate(texts) if isinstance(text, Slot))
    return re.escape("".join(texts[:cut])), re.escape("".join(texts[last + 1 :])) or r"(?=\{)"
