"""Values in a notation of a family's own: what all such notations share.

A schema's alternatives are spelled one by one, each value by its kind; lists and objects are
spelled by their items and members, so that a notation says no more than how brackets, keys and
scalars look in it.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from colonnade.messages import Failure, FailureKind
from colonnade.prompt.calls.items import Items, items
from colonnade.prompt.calls.lark import literal_regex, quote, regex, repeated
from colonnade.prompt.calls.members import Members, members, sequence
from colonnade.prompt.calls.references import standalone
from colonnade.prompt.calls.variants import ANYTHING, Variant, Variants, identity
from colonnade.prompt.schema import UNIQUE, embed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from colonnade.prompt.calls.lark import Rules
    from colonnade.prompt.calls.members import Member
    from colonnade.prompt.calls.signatures import Signature
    from colonnade.prompt.calls.variants import Schema


_UTTERABLE = re.compile(r"""[^\s"'\\<>(){}\[\],=`:|｜]+""")


def pointer_step(name: str) -> str:
    """A name as a step of a JSON pointer (RFC 6901)."""
    return name.replace("~", "~0").replace("/", "~1")


def json_value(variants: Iterable[Variant], root: Any) -> str:  # noqa: ANN401 - schemas are JSON
    """An expression for the values of some variants in JSON."""
    schemas = [_schema(variant) for variant in variants]
    schema = schemas[0] if len(schemas) == 1 else {"anyOf": schemas}
    return f"%json {embed(standalone(schema, root))}"


def _schema(variant: Variant) -> dict[str, Any]:
    kind = "integer" if variant.whole else variant.kind
    if variant.values is not None:
        return {"enum": list(variant.values), **_parts(variant)}
    return {"type": kind, **_parts(variant)}


def _parts(variant: Variant) -> dict[str, Any]:
    parts = variant.parts
    if len(parts) > 1:
        return {"allOf": [{"type": variant.kind, **part} for part in parts]}
    return dict(parts[0]) if parts else {}


class Spelled(ABC):
    """Spells the arguments of tools, one tool after the other.

    ``special`` are the names and ids of special tokens.
    """

    comma = ","

    def __init__(self, rules: Rules, special: Mapping[str, int]) -> None:
        self.rules = rules
        self.special = special
        self.tool: Signature
        self.variants: Variants
        self._known: dict[tuple[int, ...], str] = {}
        self._open: dict[tuple[int, ...], str | None] = {}
        """Schemas that are being spelled, with the names of rules that refer to themselves."""
        self._possible: dict[tuple[int, ...], bool] = {}
        self._kept: list[Schema] = []
        self._anything: str | None = None

    def expression(self, tool: Signature) -> str:
        """The Lark expression of a tool's arguments.

        Raises:
            Failure: they cannot be held to in this notation.
        """
        self.begin(tool)
        if tool.grammar is not None:
            return self.custom(tool, tool.grammar)
        ways = [
            self.arguments(self.sayable(found))
            for variant in self.variants.of(tool.schema)
            if variant.kind == "object"
            and (found := members(variant, self.possible, self.variants.looks, tool.param))
            is not None
        ]
        if not ways:
            msg = "The arguments of a function are an object, and this schema allows none."
            raise Failure(FailureKind.INVALID_REQUEST, msg, param=tool.param)
        return self.rules.rule("arguments", " | ".join(ways))

    def begin(self, tool: Signature) -> None:
        """Go over to another tool."""
        self.tool, self.variants = tool, Variants(tool.schema, tool.param)
        self._known, self._possible, self._kept = {}, {}, []

    def possible(self, schema: Schema) -> bool:
        """Whether a schema allows any value, as far as its structure tells."""
        key = identity(schema)
        if key not in self._possible:
            self._kept.append(schema)
            self._possible[key] = True  # where it comes back to itself
            self._possible[key] = any(map(self._is_possible, self.variants.of(schema)))
        return self._possible[key]

    def _is_possible(self, variant: Variant) -> bool:
        match variant.kind:
            case "object":
                return (
                    members(variant, self.possible, self.variants.looks, self.tool.param)
                    is not None
                )
            case "array":
                return items(variant, self.possible) is not None
            case _:
                return True

    def sayable(self, found: Members) -> Members:
        """The members whose names can be written without quotes.

        Raises:
            Failure: one that is required cannot.
        """
        listed: list[Member] = []
        for member in found.listed:
            if member.name is None or _UTTERABLE.fullmatch(member.name):
                listed.append(member)
            elif member.required:
                msg = f"The argument {member.name!r} cannot be written in this call format."
                raise Failure(FailureKind.UNSUPPORTED, msg, param=self.tool.param)
            else:
                place = f"{self.tool.param}#/properties/{pointer_step(member.name)}"
                what = "its name cannot be written in this model's call format"
                self.rules.narrowings.add("properties", place, what)
        return replace(found, listed=tuple(listed))

    def key(self, member: Member, names: str) -> str:
        """A terminal for the names of other members than the described ones; ``names`` is the
        expression of all that the notation has."""
        body = [regex(names), *map(regex, member.matching)]
        others = [*map(literal_regex, member.others), *member.missing]
        body += [f"~{regex(each)}" for each in ([f"(?:{'|'.join(others)})"] if others else [])]
        return self.rules.terminal("key", " & ".join(body))

    def value(self, schema: Schema) -> str:
        """The name of a rule for the values of a schema."""
        variants = self.variants.of(schema)
        if variants == ANYTHING:
            return self.anything()
        key = identity(schema)
        if key in self._known:
            return self._known[key]
        if key in self._open:  # it comes back to itself
            if self._open[key] is None:
                self._open[key] = self.rules.reserve("value")
            return self._open[key] or ""
        self._kept.append(schema)  # it is known by its identity
        self._open[key] = None
        body = self.spelled(variants) or self.rules.nothing()
        if (name := self._open.pop(key)) is None:
            name = self.rules.rule("value", body)
        else:
            self.rules.define(name, body)
        self._known[key] = name
        return name

    def anything(self) -> str:
        """The name of a rule for every value."""
        if self._anything is None:
            self._anything = self.rules.reserve("any")
            self.rules.define(self._anything, self.spelled(ANYTHING))
        return self._anything

    def spelled(self, variants: Iterable[Variant]) -> str:
        """An expression for the values of some variants, empty where there are none."""
        ways: list[str] = []
        plain: list[Variant] = []
        for variant in variants:
            match variant.kind:
                case "object":
                    ways += self._object(variant)
                case "array":
                    ways += self._array(variant)
                case _:
                    plain.append(variant)
        return " | ".join([*ways, *self.scalars(plain)])

    def _object(self, variant: Variant) -> list[str]:
        found = members(variant, self.possible, self.variants.looks, self.tool.param)
        return [] if found is None else [self.object(found)]

    def object(self, found: Members) -> str:
        """An object of such members."""
        return f'"{{" {self.members(found, self.member)} "}}"'

    def members(self, found: Members, write: Any) -> str:  # noqa: ANN401
        """Members one after the other, each as ``write`` has it."""
        body = sequence(found, write, self.rules, self.comma, self.tool.param)
        return self.rules.rule("members", body)

    def _array(self, variant: Variant) -> list[str]:
        found = self.items_of(variant)
        return [] if found is None else [self.array(found)]

    def items_of(self, variant: Variant) -> Items | None:
        """A list's items. Only JSON is held to differing ones: here there is one at most.

        Raises:
            Failure: there have to be several.
        """
        found = items(variant, self.possible)
        if found is None or not any(part.get(UNIQUE) for part in variant.parts):
            return found
        if found.least > 1:
            msg = "Several different items ('uniqueItems') cannot be held to in this call format."
            raise Failure(FailureKind.UNSUPPORTED, msg, param=self.tool.param)
        if found.most is not None and found.most <= 1:
            return found
        what = "lists of more than one item, in this model's call format"
        self.rules.narrowings.add("uniqueItems", self.tool.param, what)
        return replace(found, first=found.first[:1], most=1)

    def array(self, found: Items) -> str:
        """A list of such items."""
        return f'"[" {self._items(found)} "]"'

    def _items(self, found: Items) -> str:
        joint = quote(self.comma)
        rest = self._repeated(found, joint)
        for place in range(len(found.first) - 1, -1, -1):
            item = self.value(found.first[place])
            written = f"{joint} {item} {rest}" if place else f"{item} {rest}"
            rest = f"({written})" if place < found.least else f"({written})?"
        return rest or '""'

    def _repeated(self, found: Items, joint: str) -> str:
        """Items behind the first ones."""
        places = len(found.first)
        most = None if found.most is None else found.most - places
        if most is not None and most <= 0:
            return ""
        least = max(0, found.least - places)
        item = self.value(found.rest)
        again = f"({joint} {item})"
        if places:
            return repeated(again, least, most)
        more = repeated(again, max(0, least - 1), None if most is None else most - 1)
        begun = f"{item} {more}".strip()
        return begun if least else f"({begun})?"

    @abstractmethod
    def arguments(self, found: Members) -> str:
        """A tool's arguments."""

    @abstractmethod
    def custom(self, tool: Signature, grammar: str) -> str:
        """The input of a custom tool."""

    @abstractmethod
    def member(self, member: Member) -> str:
        """A member of an object inside of an argument."""

    @abstractmethod
    def scalars(self, variants: list[Variant]) -> list[str]:
        """Ways of writing strings, numbers, booleans and null."""
