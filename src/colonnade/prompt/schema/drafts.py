"""Schemas of every draft, in the words of the newest one.

A keyword that a draft does not have means nothing there. Where no draft is named, the words of all
of them are understood.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from colonnade.prompt.schema.values import TYPES, is_number

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_NEWEST = 2020
_DRAFTS = {
    "draft-03": 3,
    "draft-04": 4,
    "draft-06": 6,
    "draft-07": 7,
    "draft/2019-09": 2019,
    "draft/2020-12": _NEWEST,
}
_SPANS = {
    **dict.fromkeys(("extends", "disallow", "divisibleBy"), (3, 3)),
    **dict.fromkeys(("allOf", "anyOf", "oneOf", "not", "multipleOf"), (4, _NEWEST)),
    **dict.fromkeys(("minProperties", "maxProperties"), (4, _NEWEST)),
    **dict.fromkeys(("const", "contains", "propertyNames", "$id"), (6, _NEWEST)),
    **dict.fromkeys(("if", "then", "else"), (7, _NEWEST)),
    "id": (3, 4),
    "dependencies": (3, 7),
    "additionalItems": (3, 2019),
    "$recursiveRef": (2019, 2019),
    **dict.fromkeys(("dependentRequired", "dependentSchemas"), (2019, _NEWEST)),
    **dict.fromkeys(("minContains", "maxContains", "$anchor"), (2019, _NEWEST)),
    **dict.fromkeys(("unevaluatedItems", "unevaluatedProperties"), (2019, _NEWEST)),
    **dict.fromkeys(("prefixItems", "$dynamicRef", "$dynamicAnchor"), (_NEWEST, _NEWEST)),
}
"""The first and the last draft that has a keyword, where not all do."""

ONE_SCHEMA = (
    *("not", "if", "then", "else", "contains", "propertyNames", "additionalProperties", "items"),
    *("unevaluatedItems", "unevaluatedProperties"),
)
SCHEMAS_IN_A_LIST = ("allOf", "anyOf", "oneOf", "prefixItems")
_PARTS = ("$defs", "definitions")
SCHEMAS_BY_NAME = ("properties", "patternProperties", "dependentSchemas", *_PARTS)
_COUNTS = (
    *("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"),
    *("minContains", "maxContains"),
)
_BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")


class Fault(NamedTuple):
    """A keyword of a wrong form: its place, a JSON pointer, and what is wrong."""

    path: str
    reason: str


def draft_of(root: Mapping[str, Any]) -> int | None:
    """The draft that a schema names, by its number or year; None where it names none of these."""
    named = str(root.get("$schema", ""))
    return next((number for text, number in _DRAFTS.items() if text in named), None)


def step(name: object) -> str:
    """A name as a step of a JSON pointer."""
    return str(name).replace("~", "~0").replace("/", "~1")


class Modern:
    """Puts schemas into the words of the newest draft, each once. Refers by identity: what it was
    made of stays alive."""

    def __init__(self, draft: int | None) -> None:
        self._draft = draft
        self._made: dict[int, dict[str, Any]] = {}
        self._origins: dict[int, dict[str, Any]] = {}
        self._faults: dict[int, Fault] = {}

    def fault(self, schema: object) -> Fault | None:
        """The first keyword of a wrong form in a schema that was made here."""
        return self._faults.get(id(schema))

    def origin(self, schema: dict[str, Any]) -> dict[str, Any]:
        """The client's words of a schema that was made here."""
        return self._origins[id(schema)]

    def schema(self, given: Any, path: str) -> Any:  # noqa: ANN401 - JSON
        """The schema that a client's is, an object or a boolean."""
        if isinstance(given, bool):
            return given
        if id(given) in self._made:
            return self._made[id(given)]
        made: dict[str, Any] = {}
        if not isinstance(given, dict):
            self._blame(made, path, f"a schema is expected, not {str(given)[:40]!r}")
            return made
        self._made[id(given)] = made
        self._origins[id(made)] = given
        for keyword, value in self._of_the_draft(given).items():
            if value is None and keyword not in ("const", "default"):
                continue  # clients write null for what they leave out
            self._keyword(keyword, value, made, path)
        return made

    def _of_the_draft(self, given: dict[str, Any]) -> dict[str, Any]:
        """The keywords that have a meaning, in the words of draft 4 and later."""
        draft = self._draft
        if draft is None:
            return _settled(given)
        beside = draft > 7 or "$ref" not in given  # once nothing beside a reference had a meaning
        found = {
            word: value
            for word, value in given.items()
            if (beside or word in ("$ref", *_PARTS)) and _has(draft, word)
        }
        return _settled(_of_draft_3(found) if draft == 3 else found, draft)

    def _keyword(self, keyword: str, value: Any, made: dict[str, Any], path: str) -> None:  # noqa: ANN401
        """Take a keyword over, with the schemas in it made too."""
        place = f"{path}/{keyword}"
        wrong = _wrong(keyword, value)
        if wrong is not None:
            self._blame(made, place, wrong)
        elif keyword in ONE_SCHEMA:
            made[keyword] = self.schema(value, place)
        elif keyword in SCHEMAS_IN_A_LIST:
            made[keyword] = [self.schema(each, f"{place}/{i}") for i, each in enumerate(value)]
        elif keyword in SCHEMAS_BY_NAME:
            made[keyword] = {
                name: self.schema(each, f"{place}/{step(name)}") for name, each in value.items()
            }
        else:
            made[keyword] = value

    def _blame(self, made: dict[str, Any], path: str, reason: str) -> None:
        self._faults.setdefault(id(made), Fault(path, reason))
        self._origins.setdefault(id(made), made)


def _has(draft: int, keyword: str) -> bool:
    """Whether a draft knows a keyword."""
    first, last = _SPANS.get(keyword, (draft, draft))
    return first <= draft <= last


def _settled(given: dict[str, Any], draft: int | None = None) -> dict[str, Any]:
    """Lists of items, exclusive bounds and dependencies as the newest draft writes them."""
    found = dict(given)
    items = found.get("items")
    if isinstance(items, list):
        found = {
            (
                "prefixItems" if word == "items" else "items" if word == "additionalItems" else word
            ): (value)
            for word, value in found.items()
            if word != "prefixItems"
        }
    else:
        found.pop("additionalItems", None)
    for bound, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if isinstance(found.get(exclusive), bool) and found.pop(exclusive) and bound in found:
            found[exclusive] = found.pop(bound)
    if isinstance(found.get("required"), bool) and (draft or _NEWEST) <= 7:
        del found["required"]  # draft 3's, which no later draft has
    if isinstance(needs := found.get("dependencies"), dict):
        del found["dependencies"]
        for word, listed in (("dependentRequired", True), ("dependentSchemas", False)):
            those = {n: each for n, each in needs.items() if isinstance(each, list) is listed}
            if those:
                found[word] = {**(found.get(word) or {}), **those}
    return found


def _of_draft_3(given: dict[str, Any]) -> dict[str, Any]:
    """The words that only draft 3 has, in those of draft 4."""
    found = {word: value for word, value in given.items() if word != "divisibleBy"}
    if "divisibleBy" in given:
        found["multipleOf"] = given["divisibleBy"]
    alls: list[Any] = []
    extended = found.pop("extends", [])
    alls += extended if isinstance(extended, list) else [extended]
    kinds = _kinds_of_draft_3(found.pop("type", "any"))
    if "type" in kinds:
        found["type"] = kinds["type"]
    elif kinds:
        alls.append(kinds)
    if "disallow" in found:
        found["not"] = _kinds_of_draft_3(found.pop("disallow"))
    properties = found.get("properties")
    if isinstance(properties, dict):
        found["required"] = [
            name
            for name, each in properties.items()
            if isinstance(each, dict) and each.get("required") is True
        ]
    if isinstance(needs := found.get("dependencies"), dict):
        found["dependencies"] = {
            name: [each] if isinstance(each, str) else each for name, each in needs.items()
        }
    return {**found, "allOf": alls} if alls else found


def _kinds_of_draft_3(kinds: Any) -> dict[str, Any]:  # noqa: ANN401
    """A schema for a type, ``any``, or a list of types and schemas."""
    if kinds == "any" or (isinstance(kinds, list) and "any" in kinds):
        return {}
    if isinstance(kinds, list) and any(isinstance(kind, dict) for kind in kinds):
        return {"anyOf": [kind if isinstance(kind, dict) else {"type": kind} for kind in kinds]}
    return {"type": kinds}


def _wrong(keyword: str, value: Any) -> str | None:  # noqa: ANN401
    """What is wrong with the form of a keyword's value."""
    check = _CHECKS.get(keyword)
    return None if check is None else check(keyword, value)


def _is_text(keyword: str, value: Any) -> str | None:  # noqa: ANN401
    return None if isinstance(value, str) else f"{keyword!r} is no text"


def _is_schema(keyword: str, value: Any) -> str | None:  # noqa: ANN401
    if isinstance(value, dict | bool):
        return None
    return f"a schema is expected for {keyword!r}, not {str(value)[:40]!r}"


def _is_list(keyword: str, value: Any) -> str | None:  # noqa: ANN401
    return None if isinstance(value, list) else f"{keyword!r} is no list of schemas"


def _is_object(keyword: str, value: Any) -> str | None:  # noqa: ANN401
    return None if isinstance(value, dict) else f"{keyword!r} is no object"


def _is_bound(keyword: str, value: Any) -> str | None:  # noqa: ANN401
    return None if is_number(value) else f"{keyword!r} is no number"


def _is_divisor(keyword: str, value: Any) -> str | None:  # noqa: ANN401
    return None if is_number(value) and value > 0 else f"{keyword!r} is no positive number"


def _is_count(keyword: str, value: Any) -> str | None:  # noqa: ANN401
    if not is_number(value) or value % 1 != 0:
        return f"{keyword!r} is no whole number"
    return f"{keyword!r} is negative" if value < 0 else None


def _are_types(_: str, value: Any) -> str | None:  # noqa: ANN401
    names = value if isinstance(value, list) else [value]
    wrong = next((name for name in names if name not in TYPES), None)
    if wrong is not None:
        return f"{str(wrong)[:40]!r} is no type"
    return None if names else "no type is allowed"


def _are_values(keyword: str, value: Any) -> str | None:  # noqa: ANN401
    if not isinstance(value, list):
        return f"{keyword!r} is no list"
    return None if value else "no value is allowed"


def _are_names(keyword: str, value: Any) -> str | None:  # noqa: ANN401
    if isinstance(value, list) and all(isinstance(name, str) for name in value):
        return None
    return f"{keyword!r} is no list of names"


def _are_lists_of_names(keyword: str, value: Any) -> str | None:  # noqa: ANN401
    if not isinstance(value, dict):
        return f"{keyword!r} is no object"
    wrong = (_are_names(keyword, each) for each in value.values())
    return next((each for each in wrong if each is not None), None)


_CHECKS: dict[str, Callable[[str, Any], str | None]] = {
    **dict.fromkeys(("$ref", "$dynamicRef", "$recursiveRef", "pattern"), _is_text),
    **dict.fromkeys(ONE_SCHEMA, _is_schema),
    **dict.fromkeys(SCHEMAS_IN_A_LIST, _is_list),
    **dict.fromkeys((*SCHEMAS_BY_NAME, *_PARTS), _is_object),
    **dict.fromkeys(_BOUNDS, _is_bound),
    **dict.fromkeys(_COUNTS, _is_count),
    "multipleOf": _is_divisor,
    "type": _are_types,
    "enum": _are_values,
    "required": _are_names,
    "dependentRequired": _are_lists_of_names,
}
