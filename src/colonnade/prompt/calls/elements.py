"""Arguments as XML elements, see ``ElementArguments``: the whole tree of a schema is written."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from colonnade.messages import Failure, FailureKind
from colonnade.prompt.calls.kinds import KINDS, kind_of, kinds, resolve
from colonnade.prompt.calls.lark import Rules, literal_regex, quote, regex, spell
from colonnade.prompt.calls.members import Member, members, sequence
from colonnade.prompt.calls.references import standalone
from colonnade.prompt.calls.strings import string_terminal
from colonnade.prompt.history import INPUT
from colonnade.prompt.schema import embed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from colonnade.prompt.calls.formats import ElementArguments
    from colonnade.prompt.calls.signatures import Signature

ITEM = "item"
"""The name of a list's elements."""

_ANY = "/(?s:.*)/"
_KEY = "[A-Za-z_][A-Za-z0-9_.-]*"
_NOTHING = "/a/ & /b/"
_STARTS = {"number": "-?[0-9]", "boolean": "true|false", "null": "null"}
_BRANCHES = ("anyOf", "oneOf")


class Elements:
    """Describes a tool's arguments in this notation."""

    def __init__(
        self, notation: ElementArguments, rules: Rules, special: Mapping[str, int]
    ) -> None:
        self._rules = rules
        self._special = special
        self._mark = notation.mark
        self._known: dict[tuple[int, str], str] = {}
        self._free: str | None = None
        self._roots: list[Any] = []

    def expression(self, tool: Signature) -> str:
        """See ``ArgumentsWriter``."""
        self._roots.append(tool.schema)  # kept alive: rules are remembered by its identity
        if tool.grammar is not None:
            return self._element(INPUT, self._ended(f"%lark {{\n{tool.grammar}\n}}"))
        return self._object(tool.schema, tool.schema, tool.param)

    def _element(self, name: str, value: str) -> str:
        """``value`` has the mark of the closing tag behind it."""
        return f"{self._spell(f'{self._mark}<{name}>')} {value} {quote(f'</{name}>')}"

    def _named(self, names: str, value: str) -> str:
        """An element whose name is of a terminal. That it closes by the same name, no grammar says:
        the reader takes the first."""
        return f'{self._spell(self._mark)} "<" {names} ">" {value} "</" {names} ">"'

    def _ended(self, value: str) -> str:
        """A value and the mark behind it."""
        return f"{value} {self._spell(self._mark)}"

    def _value(self, schema: Any, root: Any, param: str) -> str:  # noqa: ANN401 - schemas are JSON
        key = (id(root), json.dumps(schema, sort_keys=True))
        if key not in self._known:
            self._known[key] = self._rules.reserve("value")
            ways = list(self._ways(resolve(schema, root), root, param))
            body = " | ".join(ways) or self._rules.terminal("nothing", _NOTHING)
            self._rules.define(self._known[key], body)
        return self._known[key]

    def _ways(self, schema: Any, root: Any, param: str) -> Iterable[str]:  # noqa: ANN401
        """The ways of writing a value of a schema and the mark behind it."""
        if isinstance(schema, bool):
            return [self._anything()] if schema else []
        word = next((word for word in _BRANCHES if isinstance(schema.get(word), list)), None)
        if word is not None:
            rest = {name: value for name, value in schema.items() if name != word}
            merged = [_merged(rest, resolve(branch, root)) for branch in schema[word]]
            return [self._value(branch, root, param) for branch in merged]
        allowed = kinds(schema, root)
        if "const" in schema or "enum" in schema:
            values = [schema["const"]] if "const" in schema else schema["enum"]
            written = (self.written(value) for value in values if not _misread(value, allowed))
            return [self._spell(text + self._mark) for text in written]
        if allowed == KINDS:
            return [self._anything()]
        return [self._kind(kind, schema, root, param) for kind in sorted(allowed)]

    def _kind(self, kind: str, schema: Any, root: Any, param: str) -> str:  # noqa: ANN401
        match kind:
            case "string":
                return self._string(schema, root, kinds(schema, root))
            case "object":
                return self._ended(self._object(schema, root, param))
            case "array":
                return self._ended(self._array(schema, root, param))
            case "number":
                types = schema.get("type")
                listed = types if isinstance(types, list) else [types]
                name = "number" if "number" in listed or "integer" not in listed else "integer"
                return self._json({**schema, "type": name}, root)
            case _:
                return self._json({**schema, "type": kind}, root)

    def _json(self, schema: Any, root: Any) -> str:  # noqa: ANN401
        return self._ended(f"%json {embed(standalone(schema, root))}")

    def _string(self, schema: Any, root: Any, allowed: frozenset[str]) -> str:  # noqa: ANN401
        """A string as it is. What ends it is the next mark, so none may contain that."""
        refused = [f"(?s:.*){literal_regex(self._mark)}(?s:.*)"]
        if looks := _lookalikes(allowed):
            refused.append(looks)
        shape = string_terminal(schema, root) or _ANY
        body = " & ".join([shape, *(f"~{regex(pattern)}" for pattern in refused)])
        text = self._rules.terminal("text", body)
        if self._mark in self._special:
            return self._ended(text)
        return self._rules.rule("text", text, attributes=f"[suffix={quote(self._mark)}]")

    def _object(self, schema: Any, root: Any, param: str) -> str:  # noqa: ANN401
        if not schema.get("properties") and schema.get("additionalProperties", True) is True:
            return f"({self._free_element()})*"
        alternatives = [
            sequence(found, lambda member: self._member(member, root, param), self._rules, "")
            for found in members(schema, param)
        ]
        return self._rules.rule("members", " | ".join(alternatives))

    def _member(self, member: Member, root: Any, param: str) -> str:  # noqa: ANN401
        value = self._value(member.schema, root, param)
        if member.name is not None:
            return self._rules.rule("parameter", self._element(member.name, value))
        others = "|".join(literal_regex(name) for name in member.others)
        body = f"/{_KEY}/ & ~/{others}/" if others else f"/{_KEY}/"
        return self._rules.rule("parameter", self._named(self._rules.terminal("key", body), value))

    def _array(self, schema: Any, root: Any, param: str) -> str:  # noqa: ANN401
        if "prefixItems" in schema or isinstance(schema.get("items"), list):
            msg = "Lists with items of their own schemas cannot be held to in this call format."
            raise Failure(FailureKind.UNSUPPORTED, msg, param=param)
        item = self._value(schema.get("items", True), root, param)
        element = self._rules.rule("item", self._element(ITEM, item))
        return f"{element}{{{schema.get('minItems', 0)},{schema.get('maxItems', '')}}}"

    def _anything(self) -> str:
        """A value of any kind."""
        if self._free is None:
            self._free = self._rules.reserve("any")
            text = self._string({"type": "string"}, {}, frozenset())
            inside = self._ended(f"({self._free_element()})+")
            self._rules.define(self._free, f"{text} | {inside}")
        return self._free

    def _free_element(self) -> str:
        key = self._rules.terminal("key", f"/{_KEY}/")
        return self._rules.rule("element", self._named(key, self._anything()))

    def written(self, value: Any) -> str:  # noqa: ANN401
        """A value in this notation."""
        match value:
            case str():
                return value
            case dict():
                inner = [*value.items()]
            case list():
                inner = [(ITEM, each) for each in value]
            case _:
                return json.dumps(value)
        mark = self._mark
        return "".join(f"{mark}<{k}>{self.written(v)}{mark}</{k}>" for k, v in inner)

    def _spell(self, text: str) -> str:
        return spell(text, self._special, apart=self._mark)


def _lookalikes(allowed: frozenset[str]) -> str:
    """A regular expression for texts that begin like JSON of other kinds than strings."""
    found = [start for kind, start in _STARTS.items() if kind in allowed]
    return f"(?:{'|'.join(found)})(?s:.*)" if found else ""


def _misread(value: Any, allowed: frozenset[str]) -> bool:  # noqa: ANN401
    """Whether a listed string would be read as a value of another kind that is listed too."""
    if not isinstance(value, str):
        return False
    try:
        return kind_of(json.loads(value)) in allowed - {"string"}
    except (ValueError, RecursionError):
        return False


def _merged(rest: Mapping[str, Any], branch: Any) -> Any:  # noqa: ANN401
    return {**rest, **branch} if isinstance(branch, dict) else dict(rest)
