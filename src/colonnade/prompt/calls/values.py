"""The arguments of calls in each notation, from their schemas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from colonnade.prompt.calls.braced import Braced
from colonnade.prompt.calls.elements import Elements
from colonnade.prompt.calls.escape import escaped_grammar
from colonnade.prompt.calls.formats import (
    Arguments,
    BracedArguments,
    ElementArguments,
    JsonArguments,
    PythonArguments,
    TaggedArguments,
)
from colonnade.prompt.calls.lark import quote
from colonnade.prompt.calls.pythonic import Pythonic
from colonnade.prompt.calls.tagged import Tagged
from colonnade.prompt.history import INPUT
from colonnade.prompt.schema import embed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from colonnade.prompt.calls.lark import Rules
    from colonnade.prompt.calls.signatures import Signature


class ArgumentsWriter(Protocol):
    """Describes a tool's arguments in one notation."""

    def expression(self, tool: Signature) -> str:
        """The Lark expression of the arguments. Raises ``Failure`` where they cannot be held to."""
        ...


def arguments_writer(
    arguments: Arguments, rules: Rules, special: Mapping[str, int]
) -> ArgumentsWriter:
    """The writer of a notation. It adds what it needs to ``rules``."""
    match arguments:
        case TaggedArguments():
            return Tagged(arguments, rules, special)
        case ElementArguments():
            return Elements(arguments, rules, special)
        case PythonArguments():
            return Pythonic(rules, special)
        case BracedArguments():
            return Braced(arguments, rules, special)
        case JsonArguments(indented):
            return _Json(indented=indented)


class _Json:
    def __init__(self, *, indented: bool) -> None:
        self._indented = indented

    def expression(self, tool: Signature) -> str:
        if tool.grammar is None:
            return f"%json {embed(tool.schema, indented=self._indented)}"
        text = escaped_grammar(tool.grammar, tool.param)
        head, tail = quote(f'{{"{INPUT}": "'), quote('"}')
        return f"{head} {text} {tail}"
