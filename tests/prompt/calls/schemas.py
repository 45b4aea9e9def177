"""Schemas of a call's arguments, generated: what clients write, and what is seldom."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

WORDS = st.sampled_from(
    ["a", "b", "null", "true", "None", "3", "-1.5", "[1]", "{}", "a b", "", "x'y"]
)
NUMBERS = st.sampled_from([0, 1, -1, 3, 12, 1.5, -0.25])
LISTED = WORDS | NUMBERS | st.none() | st.booleans()
COUNTS = st.integers(0, 3)
PATTERNS = st.sampled_from(
    ["^[a-z]+$", "^(a|bc)?x", "b$", "[0-9]{2}", "^$|^-", "(^a|z$)", r"^\w+( \w+)*$", '^"', "'"]
)
FORMATS = st.sampled_from(["date", "time", "uuid", "ipv4", "email", "hostname", "duration"])


def some(**keywords: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Some of some keywords."""
    return st.fixed_dictionaries({}, optional=keywords)


@st.composite
def strings(draw: Any) -> dict[str, Any]:
    found = {"type": "string", **draw(some(maxLength=st.integers(2, 40), pattern=PATTERNS))}
    if draw(st.booleans()):
        found["minLength"] = draw(st.integers(0, 2))
    if draw(st.integers(0, 3)) == 0:
        found = {"type": "string", "format": draw(FORMATS)}
    return found


@st.composite
def numbers(draw: Any) -> dict[str, Any]:
    kind = draw(st.sampled_from(["number", "integer"]))
    bounds = some(minimum=st.integers(-20, 0), maximum=st.integers(1, 50), multipleOf=st.just(1))
    return {"type": kind, **draw(bounds)}


def objects(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    names = st.sampled_from(["a", "ab", "b", "c_id", "d"])

    @st.composite
    def made(draw: Any) -> dict[str, Any]:
        properties = draw(st.dictionaries(names, inner, max_size=3))
        found: dict[str, Any] = {"type": "object", "properties": properties}
        found["required"] = [name for name in properties if draw(st.booleans())]
        found |= draw(some(additionalProperties=st.booleans() | inner))
        if draw(st.integers(0, 4)) == 0:
            found["patternProperties"] = {"_id$": draw(inner)}
        if draw(st.integers(0, 4)) == 0:
            found["maxProperties"] = max(len(found["required"]), draw(st.integers(1, 3)))
        return found

    return made()


def arrays(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    keywords = some(items=inner, maxItems=st.integers(1, 3), minItems=st.integers(0, 1))
    pairs = st.lists(inner, min_size=1, max_size=2)
    fixed = st.builds(lambda first, rest: {"prefixItems": first, "items": rest}, pairs, inner)
    return st.builds(lambda found: {"type": "array", **found}, keywords | fixed)


def combined(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    several = st.lists(inner, min_size=1, max_size=3)
    return (
        st.builds(lambda each: {"anyOf": each}, several)
        | st.builds(lambda each: {"oneOf": each}, several)
        | st.builds(lambda one, two: {"allOf": [one, two]}, inner, inner)
        | st.builds(lambda each: {"not": each}, inner)
    )


LEAVES = (
    strings()
    | numbers()
    | st.builds(lambda values: {"enum": values}, st.lists(LISTED, min_size=1, max_size=4))
    | st.builds(lambda value: {"const": value}, LISTED | st.just([1, "a"]) | st.just({"k": None}))
    | st.builds(
        lambda kinds: {"type": kinds},
        st.lists(
            st.sampled_from(["string", "integer", "number", "boolean", "null"]),
            min_size=1,
            max_size=3,
            unique=True,
        ),
    )
    | st.sampled_from([{}, True, {"$ref": "#/$defs/tree"}, {"$ref": "#/$defs/word"}])
)
SCHEMAS = st.recursive(
    LEAVES, lambda inner: objects(inner) | arrays(inner) | combined(inner), max_leaves=6
)
DEFINITIONS = {
    "word": {"anyOf": [{"enum": ["pending", "in_progress"]}, {"const": "deleted"}]},
    "tree": {
        "type": "object",
        "properties": {
            "leaf": {"type": ["boolean", "null"]},
            "more": {"type": "array", "items": {"$ref": "#/$defs/tree"}, "maxItems": 2},
        },
        "required": ["leaf"],
        "additionalProperties": False,
    },
}
NAMES = st.sampled_from(["status", "a", "ab", "count"])


@st.composite
def parameters(draw: Any) -> dict[str, Any]:
    """A tool's parameters."""
    properties = draw(st.dictionaries(NAMES, SCHEMAS, min_size=1, max_size=3))
    required = [name for name in properties if draw(st.integers(0, 2))]
    found = {"type": "object", "properties": properties, "required": required}
    found |= draw(some(additionalProperties=st.just(False) | st.just(True) | SCHEMAS))
    return {**found, "$defs": DEFINITIONS}
