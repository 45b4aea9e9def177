"""Whether a value satisfies a schema: for the values that schemas list."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

from colonnade.prompt.schema.patterns import FORMATS
from colonnade.prompt.schema.values import allows, is_number, key_of, names_in, type_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from colonnade.prompt.schema.document import Document

_UNKNOWN = frozenset(("unevaluatedProperties", "unevaluatedItems", "$dynamicRef", "$recursiveRef"))
_SIZES: dict[str, tuple[type[str | list[Any] | dict[str, Any]], bool]] = {
    "minLength": (str, True),
    "maxLength": (str, False),
    "minItems": (list, True),
    "maxItems": (list, False),
    "minProperties": (dict, True),
    "maxProperties": (dict, False),
}


def every(verdicts: Iterable[bool | None]) -> bool | None:
    """Whether all hold; None where that hangs on one that is not known."""
    found = set(verdicts)
    return False if False in found else None if None in found else True


def some(verdicts: Iterable[bool | None]) -> bool | None:
    """Whether one holds at least; None where that is not known."""
    found = set(verdicts)
    return True if True in found else None if None in found else False


def opposite(verdict: bool | None) -> bool | None:
    """What is not the case; None where it is not known."""
    return None if verdict is None else not verdict


class Judge:
    """Judges values by the schemas of one document."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._matches = document.patterns.matches

    def accepts(self, schema: object, value: object) -> bool | None:
        """Whether a value satisfies a schema, None where that cannot be said."""
        if isinstance(schema, bool):
            return schema
        if not isinstance(schema, dict):
            return None
        self._document.visit(schema)
        return every(self._verdicts(schema, value))

    def _verdicts(self, schema: dict[str, Any], value: Any) -> Iterable[bool | None]:  # noqa: ANN401
        yield from (self._scalar(word, said, value) for word, said in schema.items())
        yield from (self._logic(word, said, schema, value) for word, said in schema.items())
        if isinstance(value, list):
            yield from self._items(schema, value)
        elif isinstance(value, dict):
            yield from self._members(schema, value)

    def _scalar(self, word: str, said: Any, value: Any) -> bool | None:  # noqa: ANN401
        """The verdict of a keyword about a value by itself."""
        if word in _SIZES:
            kind, least = _SIZES[word]
            if not isinstance(value, kind):
                return True
            size: int = len(value)
            return bool(size >= said if least else size <= said)
        match word:
            case "type":
                return allows(said if isinstance(said, list) else [said], type_of(value))
            case "const":
                return key_of(said) == key_of(value)
            case "enum":
                return key_of(value) in set(map(key_of, said))
            case "pattern" if isinstance(value, str):
                return self._matches(said, value)
            case "format":
                return None if said in FORMATS and isinstance(value, str) else True
            case _ if word in _UNKNOWN:
                return None
            case _ if is_number(value) and is_number(said):
                return _within(word, said, value)
        return True

    def _logic(
        self,
        word: str,
        said: Any,  # noqa: ANN401
        schema: dict[str, Any],
        value: object,
    ) -> bool | None:
        """The verdict of a keyword that combines schemas."""
        match word:
            case "$ref":
                return self.accepts(self._document.resolve(said, schema, "#"), value)
            case "allOf":
                return every(self.accepts(each, value) for each in said)
            case "anyOf":
                return some(self.accepts(each, value) for each in said)
            case "oneOf":
                found = [self.accepts(each, value) for each in said]
                return None if None in found else found.count(True) == 1
            case "not":
                return opposite(self.accepts(said, value))
            case "if":
                met = self.accepts(said, value)
                ways = {
                    True: self.accepts(schema.get("then", True), value),
                    False: self.accepts(schema.get("else", True), value),
                }
                return ways[met] if met is not None else every(ways.values())
        return True

    def _items(self, schema: dict[str, Any], value: list[Any]) -> Iterable[bool | None]:
        first = schema.get("prefixItems", [])
        yield from (self.accepts(*pair) for pair in zip(first, value, strict=False))
        rest = schema.get("items", True)
        yield from (self.accepts(rest, each) for each in value[len(first) :])
        if "contains" in schema:
            found = [self.accepts(schema["contains"], each) for each in value]
            surely, maybe = found.count(True), len(found) - found.count(False)
            least, most = schema.get("minContains", 1), schema.get("maxContains", len(value))
            inside = least <= surely and maybe <= most
            yield inside if surely == maybe else None
        if schema.get("uniqueItems") is True:
            yield len(set(map(key_of, value))) == len(value)

    def _members(self, schema: dict[str, Any], value: dict[str, Any]) -> Iterable[bool | None]:
        yield all(name in value for name in names_in(schema.get("required")))
        names = schema.get("propertyNames", True)
        for name, each in value.items():
            yield self.accepts(names, name)
            yield self._member(schema, name, each)
        for word in ("dependencies", "dependentRequired", "dependentSchemas"):
            for name, brought in (schema.get(word) or {}).items():
                if name in value:
                    needs = {"required": brought} if isinstance(brought, list) else brought
                    yield self.accepts(needs, value)

    def _member(self, schema: Mapping[str, Any], name: str, value: object) -> bool | None:
        said = [schema["properties"][name]] if name in (schema.get("properties") or {}) else []
        known = bool(said)
        for pattern, each in (schema.get("patternProperties") or {}).items():
            matched = self._matches(pattern, name)
            if matched is None:
                return None
            said += [each] if matched else []
            known = known or matched
        if not known:
            said = [schema.get("additionalProperties", True)]
        return every(self.accepts(each, value) for each in said)


def _within(word: str, said: float, value: float) -> bool:
    """Whether a number satisfies a keyword about numbers."""
    match word:
        case "minimum":
            return value >= said
        case "maximum":
            return value <= said
        case "exclusiveMinimum":
            return value > said
        case "exclusiveMaximum":
            return value < said
        case "multipleOf" if said > 0:
            return Fraction(str(value)) % Fraction(str(said)) == 0
    return True
