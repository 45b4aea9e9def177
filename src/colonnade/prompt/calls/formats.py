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

from colonnade.prompt.calls.kinds import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Slot(Enum):
    """What differs from call to call."""

    NAME = auto()
    ID = auto()
    INDEX = auto()
    """The call's place in the answer, in digits."""
    ARGUMENTS = auto()


@dataclass(frozen=True, slots=True)
class JsonArguments:
    """One JSON object. ``indented``: it may be spread over lines."""

    indented: bool = False


@dataclass(frozen=True, slots=True)
class TaggedArguments:
    """Each parameter between tags of its own: strings as they are, anything else as JSON.

    A parameter is ``opening key middle value closing``, and ``after`` follows each. Where a format
    says of which kind a value is, ``middle`` is for strings and ``told`` names the others: what
    stands in its place, and for which kinds. ``empty`` may stand in place of no parameters at all.
    ``cdata``: a string may stand in one of XML's sections of character data. ``python``: lists,
    objects and constants may stand in Python's notation too; ``constants``: those alone may.
    """

    opening: str
    middle: str
    closing: str
    after: str = ""
    told: tuple[tuple[str, frozenset[str]], ...] = ()
    empty: str = ""
    cdata: bool = False
    python: bool = False
    constants: bool = False

    @property
    def middles(self) -> dict[str, frozenset[str]]:
        """What may stand between key and value, and the kinds of values that it announces."""
        return {self.middle: frozenset({"string"}) if self.told else KINDS, **dict(self.told)}


@dataclass(frozen=True, slots=True)
class ElementArguments:
    """Parameters as XML elements behind a ``mark``: ``<mark><key>value<mark></key>``.

    Objects are such elements inside of each other, lists are elements of the name ``item``, strings
    stand as they are and other values as JSON. No null is written.
    """

    mark: str


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


Arguments = JsonArguments | TaggedArguments | ElementArguments | PythonArguments | BracedArguments
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
    ``single`` formats have one call in an answer. ``named``: what a call begins with is common, and
    a marker only together with the name of a tool. ``blank`` is the whitespace between a prompt
    and a call; ``unclosed`` templates leave out the section's end now and then.
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
    named: bool = False
    blank: str = ""
    unclosed: bool = False
    opening: str = ""
    """The marker of the first call; empty for what ``section`` or ``call`` begins with."""

    def triggers(self, names: Iterable[str]) -> tuple[str, ...]:
        """The texts with which calls begin, wherever they appear; none for anchored formats.

        ``names`` are those of the tools.
        """
        if self.anchored:
            return ()
        if self.named:
            head, _, mark = self.call[:3]
            return tuple(f"{head}{name}{_marker(str(mark))}" for name in names)
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
            case TaggedArguments(opening, _, closing, after):
                yield from (opening, *self.arguments.middles, closing, after)
            case ElementArguments(mark):
                yield mark
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
