"""Arguments as XML elements, see ``ElementArguments``: the whole tree of a schema is written."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from colonnade.prompt.calls.lark import literal_regex, quote, regex, repeated, spell
from colonnade.prompt.calls.members import Members, members
from colonnade.prompt.calls.plain import beside_others
from colonnade.prompt.calls.spelled import Spelled, json_value
from colonnade.prompt.calls.texts import ANY

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from colonnade.prompt.calls.formats import ElementArguments
    from colonnade.prompt.calls.items import Items
    from colonnade.prompt.calls.lark import Rules
    from colonnade.prompt.calls.members import Member
    from colonnade.prompt.calls.signatures import Signature
    from colonnade.prompt.calls.variants import Variant

ITEM = "item"
"""The name of a list's elements."""

_KEY = "[A-Za-z_][A-Za-z0-9_.-]*"


class Elements(Spelled):
    """Spells arguments as elements. A value is spelled with the mark of its closing tag."""

    comma = ""

    def __init__(
        self, notation: ElementArguments, rules: Rules, special: Mapping[str, int]
    ) -> None:
        super().__init__(rules, special)
        self._mark = notation.mark

    def arguments(self, found: Members) -> str:
        """See ``Spelled``."""
        return self.members(found, self.member)

    def custom(self, tool: Signature, grammar: str) -> str:
        """See ``Spelled``."""
        (name,) = tool.schema["properties"]
        return self._element(name, self._ended(f"%lark {{\n{grammar}\n}}"))

    def member(self, member: Member) -> str:
        """See ``Spelled``. That an element closes by the name that it opens with, no grammar says
        where the name is the model's choice: the reader takes the first."""
        value = self.value(member.schema)
        if member.name is not None:
            return self.rules.rule("member", self._element(member.name, value))
        name = self.key(member, _KEY)
        body = f'{self._spell(self._mark)} "<" {name} ">" {value} "</" {name} ">"'
        return self.rules.rule("member", body)

    def spelled(self, variants: Iterable[Variant]) -> str:
        """See ``Spelled``."""
        given = list(variants)
        kinds = {variant.kind for variant in given}
        ways: list[str] = []
        for variant in given:
            if variant.kind == "object":
                ways += self._objects(variant, filled="string" in kinds)
            elif variant.kind == "array":
                ways += self._arrays(variant, filled=bool(kinds & {"string", "object"}))
        plain = [variant for variant in given if variant.kind not in ("object", "array")]
        return " | ".join([*ways, *self.scalars(plain)])

    def _objects(self, variant: Variant, *, filled: bool) -> Iterable[str]:
        """An object; where it is to be ``filled``, one without members would be something else."""
        found = members(variant, self.possible, self.variants.looks, self.tool.param)
        if found is not None:
            least = max(found.least, 1) if filled else found.least
            if found.most is None or found.most >= least:
                body = self.members(replace(self.sayable(found), least=least), self.member)
                yield self._ended(body)

    def _arrays(self, variant: Variant, *, filled: bool) -> Iterable[str]:
        found = self.items_of(variant)
        if found is not None:
            least = max(found.least, 1) if filled else found.least
            if found.most is None or found.most >= least:
                yield self._ended(self._items(replace(found, least=least)))

    def _items(self, found: Items) -> str:
        places = len(found.first)
        most = None if found.most is None else max(0, found.most - places)
        rest = ""
        if most != 0:
            element = self._element(ITEM, self.value(found.rest))
            rest = repeated(f"({element})", max(0, found.least - places), most)
        for place in range(places - 1, -1, -1):
            written = f"{self._element(ITEM, self.value(found.first[place]))} {rest}"
            rest = f"({written})" if place < found.least else f"({written})?"
        return rest or '""'

    def scalars(self, variants: list[Variant]) -> list[str]:
        """See ``Spelled``. A text ends with the next mark, so none may contain that."""
        kinds = frozenset(variant.kind for variant in variants)
        if "string" not in kinds:
            return [self._ended(json_value(variants, self.tool.schema))] if variants else []
        shapes, rest = beside_others(variants, kinds - {"string"}, self.tool.param)
        within = regex(f"{ANY}{literal_regex(self._mark)}{ANY}")
        text = self.rules.terminal("text", f"({shapes}) & ~{within}")
        ways = [self._ended(json_value(rest, self.tool.schema))] if rest else []
        if self._mark in self.special:
            return [*ways, self._ended(text)]
        ended = self.rules.rule("text", text, attributes=f"[suffix={quote(self._mark)}]")
        return [*ways, ended]

    def _element(self, name: str, value: str) -> str:
        return f"{self._spell(f'{self._mark}<{name}>')} {value} {quote(f'</{name}>')}"

    def _ended(self, value: str) -> str:
        """A value and the mark behind it."""
        return f"({value}) {self._spell(self._mark)}"

    def _spell(self, text: str) -> str:
        return spell(text, self.special, apart=self._mark)
