"""Values in Python's notation: keyword arguments, lists, dicts, and constants of other names.

JSON's names of constants and its strings are taken too: models write both.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from colonnade.messages import Failure
from colonnade.prompt.calls.escape import SINGLE, escaped_grammar, escaped_regex
from colonnade.prompt.calls.lark import quote, regex
from colonnade.prompt.calls.plain import words
from colonnade.prompt.calls.spelled import Spelled, json_value
from colonnade.prompt.calls.texts import conditions

if TYPE_CHECKING:
    from collections.abc import Iterable

    from colonnade.prompt.calls.members import Member, Members
    from colonnade.prompt.calls.signatures import Signature
    from colonnade.prompt.calls.variants import Variant

_QUOTED = r"/'(?s:[^'\\]|\\.)*'/"
"""Any text: there are templates that escape nothing in it."""
_NAME = "[A-Za-z_][A-Za-z0-9_.-]*"
_KEY = r"""[^"'\\\x00-\x1f]*"""


class Pythonic(Spelled):
    """Spells arguments as keyword arguments."""

    comma = ", "

    def arguments(self, found: Members) -> str:
        """See ``Spelled``."""
        return self.members(found, self._keyword)

    def custom(self, tool: Signature, grammar: str) -> str:
        """See ``Spelled``."""
        (member,) = self.arguments_of_custom(tool)
        mark = quote('"')
        return f"{quote(member + '=')} {mark} {escaped_grammar(grammar, tool.param)} {mark}"

    def arguments_of_custom(self, tool: Signature) -> tuple[str, ...]:
        """The names of a custom tool's arguments: one."""
        return tuple(tool.schema["properties"])

    def _keyword(self, member: Member) -> str:
        key = f"{self.key(member, _NAME)} {quote('=')}"
        if member.name is not None:
            key = quote(f"{member.name}=")
        return self.rules.rule("parameter", f"{key} {self.value(member.schema)}")

    def member(self, member: Member) -> str:
        """See ``Spelled``."""
        if member.name is not None:
            names = (json.dumps(member.name, ensure_ascii=False), single_quoted(member.name))
            keys = " | ".join(quote(f"{name}: ") for name in dict.fromkeys(names))
        else:
            key = self.key(member, _KEY)
            keys = " | ".join(f"{quote(mark)} {key} {quote(mark + ': ')}" for mark in "\"'")
        return self.rules.rule("member", f"({keys}) {self.value(member.schema)}")

    def scalars(self, variants: list[Variant]) -> list[str]:
        """See ``Spelled``."""
        strings = [variant for variant in variants if variant.kind == "string"]
        numbers = [variant for variant in variants if variant.kind == "number"]
        ways = [f'"{word}"' for word in words(variants)]
        if strings or numbers:
            ways.append(json_value([*strings, *numbers], self.tool.schema))
        return [*ways, *self._single(strings)]

    def _single(self, strings: Iterable[Variant]) -> Iterable[str]:
        """Strings in single quotes. Those of an expression that cannot be escaped have none."""
        for variant in strings:
            if variant.free:
                yield self.rules.terminal("quoted", _QUOTED)
                continue
            try:
                found = conditions(variant, self.tool.param)
                inner = [regex(escaped_regex(each, SINGLE, self.tool.param)) for each in found]
            except Failure:
                continue
            mark = quote("'")
            yield self.rules.terminal("quoted", f"{mark} ({' & '.join(inner)}) {mark}")


def single_quoted(text: str) -> str:
    """A text as a literal in single quotes."""
    inner = json.dumps(text, ensure_ascii=False)[1:-1].replace('\\"', '"').replace("'", "\\'")
    return f"'{inner}'"
