"""Values in braces: objects with bare keys, strings between marks, see ``BracedArguments``."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from colonnade.prompt.calls.lark import literal_regex, quote, regex, spell
from colonnade.prompt.calls.spelled import Spelled, json_value
from colonnade.prompt.calls.texts import ANY, conditions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from colonnade.prompt.calls.formats import BracedArguments
    from colonnade.prompt.calls.lark import Rules
    from colonnade.prompt.calls.members import Member, Members
    from colonnade.prompt.calls.signatures import Signature
    from colonnade.prompt.calls.variants import Variant

_KEY = "[A-Za-z_][A-Za-z0-9_.-]*"


class Braced(Spelled):
    """Spells arguments as an object in this notation."""

    def __init__(self, notation: BracedArguments, rules: Rules, special: Mapping[str, int]) -> None:
        super().__init__(rules, special)
        self._quote = notation.quote
        self._ordered = notation.ordered

    def arguments(self, found: Members) -> str:
        """See ``Spelled``."""
        return self.object(found)

    def custom(self, tool: Signature, grammar: str) -> str:
        """See ``Spelled``."""
        mark = spell(self._quote, self.special)
        (name,) = tool.schema["properties"]
        return f"{quote(f'{{{name}:')} {mark} %lark {{\n{grammar}\n}} {mark} {quote('}')}"

    def object(self, found: Members) -> str:
        """See ``Spelled``."""
        found = self.sayable(found)
        if self._ordered:
            listed = sorted(found.listed, key=lambda m: (m.name is None, (m.name or "").lower()))
            found = replace(found, listed=tuple(listed))
        return super().object(found)

    def member(self, member: Member) -> str:
        """See ``Spelled``."""
        key = f"{self.key(member, _KEY)} {quote(':')}"
        if member.name is not None:
            key = quote(f"{member.name}:")
        return self.rules.rule("member", f"{key} {self.value(member.schema)}")

    def scalars(self, variants: list[Variant]) -> list[str]:
        """See ``Spelled``."""
        strings = [variant for variant in variants if variant.kind == "string"]
        others = [variant for variant in variants if variant.kind != "string"]
        ways = [self._text(strings)] if strings else []
        return ways + ([json_value(others, self.tool.schema)] if others else [])

    def _text(self, strings: list[Variant]) -> str:
        """Strings between their marks. None may contain the mark."""
        mark = spell(self._quote, self.special)
        ways = [conditions(variant, self.tool.param) or [ANY] for variant in strings]
        shapes = " | ".join(f"({' & '.join(map(regex, way))})" for way in ways)
        within = regex(f"{ANY}{literal_regex(self._quote)}{ANY}")
        text = self.rules.terminal("text", f"({shapes}) & ~{within}")
        if self._quote in self.special:
            return f"{mark} {text} {mark}"
        ended = self.rules.rule("text", text, attributes=f"[suffix={quote(self._quote)}]")
        return f"{mark} {ended}"
