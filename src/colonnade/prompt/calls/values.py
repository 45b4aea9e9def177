"""The values of arguments in each notation, from their schemas."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Protocol

from colonnade.messages import Failure, FailureKind
from colonnade.prompt.calls.elements import Elements
from colonnade.prompt.calls.escape import escaped_grammar
from colonnade.prompt.calls.formats import (
    Arguments,
    BracedArguments,
    ElementArguments,
    PythonArguments,
    TaggedArguments,
)
from colonnade.prompt.calls.kinds import KINDS, kind_of, kinds, resolve
from colonnade.prompt.calls.lark import Rules, literal_regex, quote, regex, spell, split
from colonnade.prompt.calls.members import Member, members, sequence
from colonnade.prompt.calls.references import standalone
from colonnade.prompt.calls.strings import exact_strings, string_terminal
from colonnade.prompt.history import INPUT
from colonnade.prompt.schema import embed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from colonnade.prompt.calls.signatures import Signature

_ANY = "/(?s:.*)/"
_KEY = "/[A-Za-z_][A-Za-z0-9_.-]*/"
_NOTHING = "/a/ & /b/"
_WORDS = {"null": "null", "boolean": "true|false"}


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
            return _Tagged(arguments, rules, special)
        case ElementArguments():
            return Elements(arguments, rules, special)
        case PythonArguments():
            return _Python(rules)
        case BracedArguments():
            return _Braced(arguments, rules, special)
        case _:
            return _Json()


class _Json:
    def expression(self, tool: Signature) -> str:
        if tool.grammar is None:
            return f"%json {embed(tool.schema)}"
        text = escaped_grammar(tool.grammar, tool.param)
        head, tail = quote(f'{{"{INPUT}": "'), quote('"}')
        return f"{head} {text} {tail}"


def _json(schema: Any, root: Any) -> str:  # noqa: ANN401 - schemas are JSON
    return f"%json {embed(standalone(schema, root))}"


def _variants(schema: Any, root: Any) -> Iterator[tuple[frozenset[str], Any]]:  # noqa: ANN401
    """Split a schema into variants that allow strings alone, or no strings.

    Where a schema cannot be split that way, the variants are narrower than it.
    """
    plain = resolve(schema, root)
    allowed = kinds(plain, root)
    if "string" not in allowed or allowed == {"string"}:
        yield allowed, plain
        return
    if isinstance(plain, bool) or not plain:
        yield frozenset({"string"}), {"type": "string"}
        yield KINDS - {"string"}, {"type": sorted(KINDS - {"string"})}
        return
    for word in ("anyOf", "oneOf"):
        if isinstance(branches := plain.get(word), list):
            rest = {key: value for key, value in plain.items() if key != word}
            for branch in branches:
                target = resolve(branch, root)
                yield from _variants({**rest, **target} if isinstance(target, dict) else rest, root)
            return
    if isinstance(values := plain.get("enum"), list):
        strings = [value for value in values if isinstance(value, str)]
        others = [value for value in values if not isinstance(value, str)]
        yield frozenset({"string"}), {"enum": strings}
        yield frozenset(map(kind_of, others)), {"enum": others}
        return
    types = plain.get("type", sorted(KINDS))
    yield frozenset({"string"}), {**plain, "type": "string"}
    yield allowed - {"string"}, {**plain, "type": [name for name in types if name != "string"]}


def _of_kinds(schema: Any, allowed: frozenset[str], root: Any) -> Any:  # noqa: ANN401
    """A schema's values of some of its kinds."""
    plain = resolve(schema, root)
    if isinstance(plain, bool):
        return {"type": sorted(allowed)}
    if isinstance(values := plain.get("enum"), list):
        return {**plain, "enum": [value for value in values if kind_of(value) in allowed]}
    types = plain.get("type", sorted(allowed))
    listed = types if isinstance(types, list) else [types]
    names = [name for name in listed if {"integer": "number"}.get(name, name) in allowed]
    return {**plain, "type": names}


class _Tagged:
    """Parameters between tags, see ``TaggedArguments``."""

    def __init__(self, tags: TaggedArguments, rules: Rules, special: Mapping[str, int]) -> None:
        self._tags = tags
        self._rules = rules
        self._special = special

    def expression(self, tool: Signature) -> str:
        alternatives = [
            sequence(found, lambda member: self._member(member, tool), self._rules, "")
            for found in members(tool.schema, tool.param)
        ]
        return self._rules.rule("arguments", " | ".join(alternatives))

    def _member(self, member: Member, tool: Signature) -> str:
        after = f" {self._spell(self._tags.after)}" if self._tags.after else ""
        if member.name is not None:
            key = self._spell(self._tags.opening + member.name)
        else:
            others = "|".join(literal_regex(name) for name in member.others)
            key = f"{self._spell(self._tags.opening)} "
            key += self._rules.terminal("key", f"{_KEY} & ~/{others}/" if others else _KEY)
        if tool.grammar is not None:
            middle, closing = self._spell(self._tags.middle), self._spell(self._tags.closing)
            value = f"{middle} %lark {{\n{tool.grammar}\n}} {closing}"
        else:
            value = self._value(member.schema, tool.schema)
        return self._rules.rule("parameter", f"{key} {value}{after}")

    def _value(self, schema: Any, root: Any) -> str:  # noqa: ANN401
        """The value and the tags around it."""
        variants = list(_variants(schema, root))
        other_kinds = frozenset[str]().union(*(k for k, _ in variants if "string" not in k))
        raw_middle = self._spell(self._tags.middle)
        ways: list[str] = []
        for allowed, variant in variants:
            if not allowed:
                continue
            if allowed == {"string"}:
                text = self._string(variant, root, frozenset() if self._tags.told else other_kinds)
                ways.append(f"{raw_middle} {text}")
            else:
                ways += self._others(variant, allowed, root)
        return self._rules.rule("value", " | ".join(ways))

    def _others(self, schema: Any, allowed: frozenset[str], root: Any) -> Iterator[str]:  # noqa: ANN401
        """Values that are no strings, behind what tells their kind where something does."""
        closing = self._spell(self._tags.closing)
        for middle, told in self._tags.middles.items():
            if common := allowed & told:
                part = schema if common == allowed else _of_kinds(schema, common, root)
                yield f"{self._spell(middle)} {_json(part, root)} {closing}"

    def _string(self, schema: Any, root: Any, others: frozenset[str]) -> str:  # noqa: ANN401
        """A string as it is, and its closing tag. ``others`` are kinds that it must not look like.

        The end of a string is its first closing tag, so none may contain it.
        """
        looks = _lookalikes(others)
        exact = exact_strings(schema)
        if exact is not None:
            clear = [text for text in exact if not (looks and re.match(looks, text))]
            options = " | ".join(self._spell(text + self._tags.closing) for text in clear)
            return f"({options})" if clear else self._rules.terminal("nothing", _NOTHING)
        closing = self._tags.closing
        within = f"(?s:.*){literal_regex(closing)}(?s:.*)"
        shape = string_terminal(schema, root)
        pieces = split(closing, self._special)
        marked = next((index for index, piece in enumerate(pieces) if piece[1]), None)
        if marked is None:
            body = shape or _ANY
            if shape is not None or looks:
                refused = f" & ~{regex(within)}" + (f" & ~{regex(looks)}" if looks else "")
                body = self._rules.terminal("text", f"{body}{refused}")
            return self._rules.rule("text", body, attributes=f"[suffix={quote(closing)}]")
        before = "".join(text for text, _ in pieces[:marked])
        rest = closing[len(before) :]
        body = f"{shape or _ANY} & ~{regex(within)}" + (f" & ~{regex(looks)}" if looks else "")
        text = self._rules.terminal("text", body)
        if before:
            text = self._rules.terminal("line", f"{text} {quote(before)}")
        return f"{text} {self._spell(rest)}"

    def _spell(self, text: str) -> str:
        return spell(text, self._special)


def _lookalikes(others: frozenset[str]) -> str:
    """A regular expression for texts that begin like JSON of other kinds than strings."""
    starts = {"array": r"\[", "object": r"\{", "number": "-?[0-9]", **_WORDS}
    found = [start for kind, start in starts.items() if kind in others]
    return f"(?:{'|'.join(found)})(?s:.*)" if found else ""


class _Python:
    """Keyword arguments in Python's notation, whose constants have other names than JSON's."""

    _QUOTED = r"/'([^'\\]|\\[\\'\"nrtbf]|\\u[0-9a-fA-F]{4})*'/"

    def __init__(self, rules: Rules) -> None:
        self._rules = rules

    def expression(self, tool: Signature) -> str:
        alternatives = [
            sequence(found, lambda member: self._member(member, tool), self._rules, ", ")
            for found in members(tool.schema, tool.param)
        ]
        return self._rules.rule("arguments", " | ".join(alternatives))

    def _member(self, member: Member, tool: Signature) -> str:
        key = quote(f"{member.name}=") if member.name is not None else f'{_KEY} "="'
        if tool.grammar is not None:
            text = escaped_grammar(tool.grammar, tool.param)
            mark = quote('"')
            value = f"{mark} {text} {mark}"
        else:
            value = self._value(member.schema, tool.schema)
        return self._rules.rule("parameter", f"{key} {value}")

    def _value(self, schema: Any, root: Any) -> str:  # noqa: ANN401
        ways: list[str] = []
        for allowed, variant in _variants(schema, root):
            if allowed == {"string"}:
                ways.append(self._string(variant, root))
                continue
            words = {"boolean": '"True" | "False"', "null": '"None"'}
            ways += [words[kind] for kind in sorted(allowed) if kind in words and _free(variant)]
            if allowed - words.keys() or not _free(variant):
                ways.append(_json(variant, root))
        return self._rules.rule("value", " | ".join(ways))

    def _string(self, schema: Any, root: Any) -> str:  # noqa: ANN401
        exact = exact_strings(schema)
        if exact is not None:
            return " | ".join(
                quote(written)
                for text in exact
                for written in (json.dumps(text, ensure_ascii=False), _single_quoted(text))
            )
        if string_terminal(schema, root) is None:
            return f"{_json(schema, root)} | {self._rules.terminal('quoted', self._QUOTED)}"
        return _json(schema, root)


def _free(schema: Any) -> bool:  # noqa: ANN401
    """Whether a schema says no more than which kinds it allows."""
    return not isinstance(schema, dict) or not {"const", "enum", "not", "allOf"} & schema.keys()


def _single_quoted(text: str) -> str:
    inner = json.dumps(text, ensure_ascii=False)[1:-1].replace('\\"', '"').replace("'", "\\'")
    return f"'{inner}'"


class _Braced:
    """Objects with bare keys, see ``BracedArguments``: the whole tree of a schema is written."""

    def __init__(self, notation: BracedArguments, rules: Rules, special: Mapping[str, int]) -> None:
        self._rules = rules
        self._special = special
        self._quote = notation.quote
        self._ordered = notation.ordered
        self._known: dict[tuple[int, str], str] = {}
        self._free: str | None = None
        self._roots: list[Any] = []

    def expression(self, tool: Signature) -> str:
        self._roots.append(tool.schema)  # kept alive: rules are remembered by its identity
        mark = spell(self._quote, self._special)
        if tool.grammar is not None:
            head, tail = quote(f"{{{INPUT}:"), quote("}")
            return f"{head} {mark} %lark {{\n{tool.grammar}\n}} {mark} {tail}"
        return self._object(tool.schema, tool.schema, tool.param)

    def _value(self, schema: Any, root: Any, param: str) -> str:  # noqa: ANN401
        key = (id(root), json.dumps(schema, sort_keys=True))
        if key not in self._known:
            self._known[key] = self._rules.reserve("value")
            body = self._body(resolve(schema, root), root, param)
            self._rules.define(self._known[key], body)
        return self._known[key]

    def _body(self, schema: Any, root: Any, param: str) -> str:  # noqa: ANN401
        if isinstance(schema, bool):
            return self._anything()
        for word in ("anyOf", "oneOf"):
            if isinstance(branches := schema.get(word), list):
                rest = {name: value for name, value in schema.items() if name != word}
                merged = [_merged(rest, resolve(branch, root)) for branch in branches]
                return " | ".join(self._value(branch, root, param) for branch in merged)
        if "const" in schema or "enum" in schema:
            values = [schema["const"]] if "const" in schema else schema["enum"]
            return " | ".join(spell(self.written(value), self._special) for value in values)
        allowed = kinds(schema, root)
        if allowed == KINDS:
            return self._anything()
        return " | ".join(self._kind(kind, schema, root, param) for kind in sorted(allowed))

    def _kind(self, kind: str, schema: Any, root: Any, param: str) -> str:  # noqa: ANN401
        match kind:
            case "string":
                return self._string(schema, root)
            case "object":
                return self._object(schema, root, param)
            case "array":
                return self._array(schema, root, param)
            case "null":
                return '"null"'
            case "boolean":
                return '"true" | "false"'
            case _:
                types = schema.get("type")
                listed = types if isinstance(types, list) else [types]
                name = "number" if "number" in listed or "integer" not in listed else "integer"
                return _json({**schema, "type": name}, root)

    def _string(self, schema: Any, root: Any) -> str:  # noqa: ANN401
        mark = spell(self._quote, self._special)
        shape = string_terminal(schema, root) or _ANY
        within = f"(?s:.*){literal_regex(self._quote)}(?s:.*)"
        text = self._rules.terminal("text", f"{shape} & ~{regex(within)}")
        if self._quote in self._special:
            return f"{mark} {text} {mark}"
        ended = self._rules.rule("text", text, attributes=f"[suffix={quote(self._quote)}]")
        return f"{mark} {ended}"

    def _object(self, schema: Any, root: Any, param: str) -> str:  # noqa: ANN401
        if not schema.get("properties") and schema.get("additionalProperties", True) is True:
            return self._free_object()
        alternatives = [
            sequence(found, lambda member: self._member(member, root, param), self._rules, ",")
            for found in members(schema, param, ordered=self._ordered)
        ]
        body = self._rules.rule("members", " | ".join(alternatives))
        return f'"{{" {body} "}}"'

    def _member(self, member: Member, root: Any, param: str) -> str:  # noqa: ANN401
        key = quote(f"{member.name}:") if member.name is not None else f'{_KEY} ":"'
        return f"{key} {self._value(member.schema, root, param)}"

    def _array(self, schema: Any, root: Any, param: str) -> str:  # noqa: ANN401
        if "prefixItems" in schema or isinstance(schema.get("items"), list):
            msg = "Lists with items of their own schemas cannot be held to in this call format."
            raise Failure(FailureKind.UNSUPPORTED, msg, param=param)
        item = self._value(schema.get("items", True), root, param)
        least, most = schema.get("minItems", 0), schema.get("maxItems")
        if most is not None and most < max(least, 1):
            return '"[]"'
        more = f"{max(least - 1, 0)},{'' if most is None else most - 1}"
        rest = f'("," {item}){{{more}}}' if most != 1 else ""
        filled = f'"[" {item} {rest} "]"'
        return filled if least else f'"[]" | {filled}'

    def _anything(self) -> str:
        """A value of any kind."""
        if self._free is None:
            self._free = self._rules.reserve("any")
            list_ = f'"[" ({self._free} ("," {self._free})*)? "]"'
            number = _json({"type": "number"}, {})
            scalars = f'{number} | "null" | "true" | "false"'
            text = self._string({"type": "string"}, {})
            self._rules.define(self._free, f"{text} | {scalars} | {list_} | {self._free_object()}")
        return self._free

    def _free_object(self) -> str:
        member = f'{_KEY} ":" {self._anything()}'
        return f'"{{" ({member} ("," {member})*)? "}}"'

    def written(self, value: Any) -> str:  # noqa: ANN401
        """A value in this notation."""
        match value:
            case str():
                return f"{self._quote}{value}{self._quote}"
            case dict():
                pairs = (f"{key}:{self.written(each)}" for key, each in value.items())
                return "{" + ",".join(pairs) + "}"
            case list():
                return "[" + ",".join(map(self.written, value)) + "]"
            case _:
                return json.dumps(value)


def _merged(rest: Mapping[str, Any], branch: Any) -> Any:  # noqa: ANN401
    return {**rest, **branch} if isinstance(branch, dict) else dict(rest)
