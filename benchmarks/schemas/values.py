"""Values for a schema: drawn by what it says, judged by ``jsonschema``, and spoilt again."""

from __future__ import annotations

import copy
import json
import re
from typing import TYPE_CHECKING, Any, cast

from jsonschema import FormatChecker, validators
from jsonschema_specifications import REGISTRY as SPECIFICATIONS

from benchmarks.schemas.patterns import matching

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator

_DEPTH = 12
_LARGEST = 4000
"""Characters of a value: more is not what a model answers."""
_TYPES = ("string", "integer", "object", "array", "boolean", "null", "number")
_FORMATS = {
    "date-time": (
        "2024-02-29T12:30:00Z",
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)",
    ),
    "date": ("2024-02-29", r"\d{4}-\d\d-\d\d"),
    "time": ("12:30:00Z", r"\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)"),
    "duration": ("P1DT2H", r"P[\dYMWDTHS]+"),
    "email": ("ann.lee@example.org", r"[^@\s]+@[A-Za-z0-9.-]+"),
    "hostname": ("www.example.org", r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*"),
    "ipv4": ("192.168.0.1", r"\d{1,3}(\.\d{1,3}){3}"),
    "ipv6": ("2001:db8::1", r"[0-9a-fA-F:.]+:[0-9a-fA-F:.]*"),
    "uuid": (
        "123e4567-e89b-12d3-a456-426614174000",
        r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
    ),
    "uri": ("https://example.org/a?b=c#d", r"[A-Za-z][A-Za-z0-9+.-]*:[^\s]+"),
}
"""Formats that are held to: an example, and the expression by which a text is judged."""
_WORDS = ("alpha", "x", "item 2", "Größe", "", "a-b_c", "0", "true", 'say "hi"', "line\nend")

checker = FormatChecker(formats=())
for _name, (_, _pattern) in _FORMATS.items():
    checker.checks(_name)(
        lambda value, pattern=_pattern: (
            not isinstance(value, str) or re.fullmatch(pattern, value) is not None
        )
    )


def validity(schema: dict[str, Any]) -> Callable[[Any], bool]:
    """Whether a value satisfies the schema, formats that are held to included."""
    judge = validators.validator_for(schema, default=validators.Draft202012Validator)
    # nothing is fetched: what is not in the registry is an error
    judging = judge(schema, format_checker=checker, registry=SPECIFICATIONS)
    return cast("Callable[[Any], bool]", judging.is_valid)


class Values:
    """Draws values that a schema probably allows. What it says in intricate ways is not heeded:
    ``validity`` judges."""

    def __init__(self, root: dict[str, Any], chance: random.Random) -> None:
        self._root = root
        self._chance = chance

    def draw(self) -> Any:  # noqa: ANN401 - JSON
        """One value."""
        return self._value(self._root, 0)

    def _value(self, schema: Any, depth: int) -> Any:  # noqa: ANN401
        plain = self._plain(schema, 0)
        if "const" in plain:
            return plain["const"]
        if isinstance(plain.get("enum"), list) and plain["enum"]:
            return self._chance.choice(plain["enum"])
        told = [
            *_listed(plain.get("examples")),
            *([plain["default"]] if "default" in plain else []),
        ]
        if told and self._chance.random() < 0.3:
            return self._chance.choice(told)
        kind = plain.get("type") or _guessed(plain) or self._chance.choice(_TYPES)
        match self._chance.choice(kind) if isinstance(kind, list) else kind:
            case "object":
                return self._object(plain, depth)
            case "array":
                return self._array(plain, depth)
            case "string":
                return self._string(plain)
            case "integer" | "number" as number:
                return self._number(plain, number)
            case "boolean":
                return self._chance.random() < 0.5
            case _:
                return None

    def _plain(self, schema: Any, depth: int) -> dict[str, Any]:  # noqa: ANN401
        """A schema with its references, and one branch of each choice, put into it."""
        if not isinstance(schema, dict) or depth > _DEPTH:
            return {}
        found = dict(schema)
        parts = [self._pointed(found.pop("$ref"))] if isinstance(found.get("$ref"), str) else []
        parts += _listed(found.pop("allOf", None))
        parts += [
            self._chance.choice(branches)
            for word in ("oneOf", "anyOf")
            if (branches := _listed(found.pop(word, None)))
        ]
        if "if" in found and self._chance.random() < 0.5:
            parts += [found.pop("if"), found.pop("then", {})]
        for part in parts:
            found = _merged(found, self._plain(part, depth + 1))
        return found

    def _pointed(self, reference: str) -> Any:  # noqa: ANN401
        found: Any = self._root
        for step in reference.partition("#")[2].split("/")[1:]:
            key = step.replace("~1", "/").replace("~0", "~")
            if isinstance(found, list) and key.isdecimal() and int(key) < len(found):
                found = found[int(key)]
            else:
                found = found.get(key) if isinstance(found, dict) else None
        return found

    def _object(self, schema: dict[str, Any], depth: int) -> dict[str, Any]:
        properties = schema.get("properties") or {}
        required = [name for name in _listed(schema.get("required")) if isinstance(name, str)]
        share = 0.0 if depth > _DEPTH else self._chance.choice((0.0, 0.3, 0.3, 1.0)) / (1 + depth)
        names = [n for n in properties if n in required or self._chance.random() < share]
        names += [name for name in required if name not in properties]
        found = {}
        for name in names:
            found[name] = self._value(properties.get(name, self._others(schema)), depth + 1)
        for pattern, each in (schema.get("patternProperties") or {}).items():
            if self._chance.random() < 0.5:
                found[matching(pattern, self._chance) or "key"] = self._value(each, depth + 1)
        while len(found) < (schema.get("minProperties") or 0) or (
            not properties and depth < 3 and self._chance.random() < 0.4
        ):
            name = f"{self._chance.choice(_WORDS)}{len(found) or ''}"
            found[name] = self._value(self._others(schema), depth + 1)
        return found

    @staticmethod
    def _others(schema: dict[str, Any]) -> Any:  # noqa: ANN401
        others = schema.get("additionalProperties")
        return others if isinstance(others, dict) else {"type": "string"}

    def _array(self, schema: dict[str, Any], depth: int) -> list[Any]:
        first = _listed(schema.get("prefixItems")) or _listed(schema.get("items"))
        rest = schema.get("items") if isinstance(schema.get("items"), dict) else {"type": "string"}
        least = schema.get("minItems") or (1 if "contains" in schema else 0)
        most = schema.get("maxItems", least + 3)
        length = (
            least
            if depth > _DEPTH
            else self._chance.randint(least, max(least, min(most, least + 3)))
        )
        found = [
            self._value(first[at] if at < len(first) else rest, depth + 1) for at in range(length)
        ]
        if "contains" in schema and found:
            found[self._chance.randrange(len(found))] = self._value(schema["contains"], depth + 1)
        return found

    def _string(self, schema: dict[str, Any]) -> str:
        if schema.get("format") in _FORMATS:
            return _FORMATS[schema["format"]][0]
        if isinstance(pattern := schema.get("pattern"), str):
            return matching(pattern, self._chance) or ""
        text = self._chance.choice(_WORDS)
        least, most = schema.get("minLength") or 0, schema.get("maxLength")
        text += "b" * (least - len(text))
        return text if most is None else text[:most]

    def _number(self, schema: dict[str, Any], kind: str) -> float:
        low, high = schema.get("minimum"), schema.get("maximum")
        if not isinstance(low, int | float):
            low = schema.get("exclusiveMinimum")
            low = low + 1 if isinstance(low, int | float) and low is not True else None
        if not isinstance(high, int | float):
            high = None
        low = low if low is not None else (high - 10 if high is not None else 0)
        high = high if high is not None else low + 100
        step = schema.get("multipleOf")
        if isinstance(step, int | float) and step > 0:
            return step * -(-low // step)
        if kind == "number" and self._chance.random() < 0.5:
            return round(self._chance.uniform(low, high), 2)
        return self._chance.randint(int(low), max(int(low), int(high)))


def spoilt(value: Any, chance: random.Random) -> Iterator[Any]:  # noqa: ANN401
    """Copies of a value with something changed that may matter."""
    yield chance.choice([None, True, 7, "text", [], {}])
    for _ in range(8):
        changed = [copy.deepcopy(value)]
        holder, key = chance.choice(list(_places(changed)))
        _spoil(holder, key, chance)
        yield changed[0]


def _places(value: Any) -> Iterator[tuple[Any, Any]]:  # noqa: ANN401
    """All (holder, key or index) inside a list or an object."""
    for key in value if isinstance(value, dict) else range(len(value)):
        yield value, key
        if isinstance(value[key], dict | list):
            yield from _places(value[key])


def _spoil(holder: Any, key: Any, chance: random.Random) -> None:  # noqa: ANN401
    value = holder[key]
    ways: list[Any] = [None, 12345, "zz zz", not value, [value], {"zz": value}]
    if isinstance(value, str):
        ways += [value + "\n!", value[:-1], value * 40, value.upper()]
    if isinstance(value, int | float):
        ways += [-value - 1, value * 1000 + 0.5, str(value)]
    if isinstance(value, list):
        ways += [value * 2, value[1:], [*value, None]]
    if isinstance(value, dict):
        ways += [{**value, "zzOther": 1}, dict(list(value.items())[1:])] * 2
    if isinstance(holder, dict) and chance.random() < 0.3:
        del holder[key]
    else:
        holder[key] = chance.choice(ways)


def drawn(schema: dict[str, Any], chance: random.Random, most: int) -> tuple[list[Any], list[Any]]:
    """Up to ``most`` different valid values, and as many times two invalid ones."""
    is_valid = validity(schema)
    values = Values(schema, chance)
    valid: dict[str, Any] = {}
    candidates: list[Any] = list(_listed(schema.get("examples")))
    for _ in range(most * 5):
        if len(valid) == most:
            break
        value = candidates.pop() if candidates else values.draw()
        text = json.dumps(value)
        if len(text) <= _LARGEST and text not in valid and is_valid(value):
            valid[text] = value
    invalid: dict[str, Any] = {}
    for value in valid.values():
        for changed in spoilt(value, chance):
            if len(invalid) < 2 * most and not is_valid(changed):
                invalid.setdefault(json.dumps(changed), changed)
    return list(valid.values()), list(invalid.values())


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _guessed(schema: dict[str, Any]) -> str | None:
    """The type that keywords speak of where none is named."""
    marks = {
        "object": ("properties", "required", "additionalProperties", "patternProperties"),
        "array": ("items", "prefixItems", "minItems", "contains"),
        "string": ("pattern", "format", "minLength", "maxLength"),
        "number": ("minimum", "maximum", "multipleOf"),
    }
    return next((kind for kind, words in marks.items() if any(w in schema for w in words)), None)


def _merged(one: dict[str, Any], two: dict[str, Any]) -> dict[str, Any]:
    found = {**one, **two}
    if "properties" in one and "properties" in two:
        found["properties"] = {**one["properties"], **two["properties"]}
    if "required" in one and "required" in two:
        found["required"] = list(
            dict.fromkeys([*_listed(one["required"]), *_listed(two["required"])])
        )
    return found
