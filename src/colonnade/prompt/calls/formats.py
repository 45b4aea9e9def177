"""How model families write tool calls, as data.

One description serves all who need to know a format: the grammar that holds a model to it
(``calls.grammar``), the parser that reads it back (``output.parser``) and the writer below, with
which a template's format is recognised.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class Slot(Enum):
    """What differs from call to call."""

    NAME = auto()
    ID = auto()
    INDEX = auto()
    """The call's place in the answer, in digits."""
    ARGUMENTS = auto()


@dataclass(frozen=True, slots=True)
class JsonArguments:
    """One JSON object."""


@dataclass(frozen=True, slots=True)
class TaggedArguments:
    """Each parameter between tags of its own: strings as they are, anything else as JSON.

    A parameter is ``opening key middle value closing``, and ``after`` follows each. Where a format
    says of which kind a value is, ``middle`` is for strings and ``json_middle`` for the others.
    """

    opening: str
    middle: str
    closing: str
    after: str = ""
    json_middle: str | None = None


@dataclass(frozen=True, slots=True)
class PythonArguments:
    """Keyword arguments in Python's notation: ``a=1, b="x"``."""


@dataclass(frozen=True, slots=True)
class BracedArguments:
    """Objects with bare keys, and strings between two of ``quote``: ``{a:1,b:<q>x<q>}``.

    ``ordered``: the keys stand in the order of the alphabet.
    """

    quote: str
    ordered: bool = False


Arguments = JsonArguments | TaggedArguments | PythonArguments | BracedArguments
Part = str | Slot
JSON_ARGUMENTS = JsonArguments()


@dataclass(frozen=True, slots=True)
class CallFormat:
    """A way of writing calls: literal texts, and where the name, the id and the arguments stand.

    The calls of an answer are ``section[0] call separator call ... section[1]``. ``variants`` are
    other ways of writing one call, and ``leads`` texts of which one may stand before everything.
    An ``anchored`` format has no marker that gives it away: its calls are an answer's very
    beginning, or else the answer is text. ``plain`` is what stands before text where text has to
    be told from calls too. ``id_pattern`` is a regular expression for ids that a model makes up;
    ``id_form`` makes an id of ``{name}`` and ``{index}`` where a family has agreed on that.
    ``single`` formats have one call in an answer.
    """

    name: str
    call: tuple[Part, ...]
    section: tuple[str, str] = ("", "")
    separator: str = ""
    arguments: Arguments = JSON_ARGUMENTS
    variants: tuple[tuple[Part, ...], ...] = ()
    leads: tuple[str, ...] = ()
    anchored: bool = False
    plain: str = ""
    id_pattern: str = "[a-zA-Z0-9]{9}"
    id_form: str | None = None
    single: bool = False
    opening: str = ""
    """The marker of the first call; empty for what ``section`` or ``call`` begins with."""

    @property
    def triggers(self) -> tuple[str, ...]:
        """The texts with which calls begin, wherever they appear; none for anchored formats."""
        if self.anchored:
            return ()
        starts = [self.opening or _marker(self.section[0] or _first(self.call))]
        starts += [_first(variant) for variant in self.variants]
        return tuple(dict.fromkeys(starts))

    @property
    def markers(self) -> tuple[str, ...]:
        """Every literal text that has a meaning in this format."""
        return tuple(dict.fromkeys(text for text in self._literals() if text))

    def _literals(self) -> Iterator[str]:
        yield from (*self.section, self.separator, *self.leads, self.plain)
        for parts in (self.call, *self.variants):
            yield from (part for part in parts if isinstance(part, str))
        match self.arguments:
            case TaggedArguments(opening, middle, closing, after, json_middle):
                yield from (opening, middle, closing, after, json_middle or "")
            case BracedArguments(quote):
                yield quote
            case _:
                pass


_MARKER = re.compile(r"<[^<>\s]+>|\[[A-Z_]+\]")


def _marker(literal: str) -> str:
    """Take the first marker of a literal text; the text itself where it begins with none."""
    found = _MARKER.match(literal)
    return found.group() if found else literal.rstrip()


def _first(parts: tuple[Part, ...]) -> str:
    return parts[0] if isinstance(parts[0], str) else ""


GENERIC = CallFormat(
    name="generic",
    call=(
        '<tool_call>\n{"name": "',
        Slot.NAME,
        '", "arguments": ',
        Slot.ARGUMENTS,
        "}\n</tool_call>",
    ),
    separator="\n",
)
"""For models whose templates know no tools: they are told of it in words."""
