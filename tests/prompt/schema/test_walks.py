"""Whatever is drawn under a prepared schema satisfies the schema that the client gave."""

import json
import random
import re
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from colonnade.messages import Failure
from colonnade.prompt.schema.patterns import PatternError, other_than, translate
from tests.prompt.schema.holding import BYTES, constraint_of, grammar_of, walk

NAMES = st.sampled_from(["a", "b", "k", "x-1"])
VALUES = st.sampled_from(
    [None, True, False, 0, 1, 1.0, 2.5, "a", "b", "ab", [], {}, [1], {"a": 1}, {"b": "a", "k": []}]
)
SMALL = st.integers(0, 3)

BEYOND_DOUBLES = re.compile(r"[eE][+-]?\d{3}")
"""Numbers that the validator cannot tell apart."""


def optional(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


def schemas(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    some = st.lists(inner, min_size=1, max_size=3)
    strings = optional(
        minLength=SMALL,
        maxLength=st.integers(1, 5),
        pattern=st.sampled_from(["^a", "b$", "[ab]+", r"^\w{1,3}$", r"\d", "a|b", "^(?!a)"]),
        format=st.sampled_from(["date", "uri-template", "password"]),
    ).map(lambda s: {"type": "string", **s})
    numbers = optional(
        minimum=st.integers(-3, 3),
        exclusiveMaximum=st.integers(2, 9),
        multipleOf=st.sampled_from([1, 2, 0.5]),
    )
    integers = numbers.map(lambda s: {"type": "integer", **s})
    objects = optional(
        properties=st.dictionaries(NAMES, inner, max_size=3),
        required=st.lists(NAMES, max_size=2, unique=True),
        additionalProperties=st.one_of(st.just(False), inner),
        patternProperties=st.dictionaries(st.sampled_from(["^x-", "a", "1$"]), inner, max_size=2),
        propertyNames=st.sampled_from(
            [{"pattern": "^[ab]"}, {"enum": ["a", "k"]}, {"maxLength": 1}, {"not": {"const": "a"}}]
        ),
        minProperties=SMALL,
        maxProperties=SMALL,
        dependentRequired=st.dictionaries(NAMES, st.lists(NAMES, max_size=2), max_size=2),
        dependentSchemas=st.dictionaries(NAMES, inner, max_size=1),
        unevaluatedProperties=st.one_of(st.just(False), inner),
    ).map(lambda s: {"type": "object", **s})
    arrays = optional(
        items=inner,
        prefixItems=some,
        minItems=SMALL,
        maxItems=SMALL,
        contains=inner,
        maxContains=st.integers(1, 2),
        uniqueItems=st.booleans(),
        unevaluatedItems=st.one_of(st.just(False), inner),
    ).map(lambda s: {"type": "array", **s})
    mixed = st.builds(
        lambda one, more: {**one, **more},
        st.one_of(strings, integers, objects, arrays, st.just({})),
        optional(
            allOf=some,
            anyOf=some,
            oneOf=some,
            enum=st.lists(VALUES, min_size=1, max_size=4),
            **{"not": inner, "if": inner, "then": inner, "else": inner},
        ),
    )
    return st.one_of(strings, numbers, integers, objects, arrays, mixed)


LEAVES = st.one_of(
    st.booleans(),
    st.sampled_from([{"type": kind} for kind in ("string", "integer", "boolean", "null")]),
    VALUES.map(lambda value: {"const": value}),
    st.just({"$ref": "#/$defs/part"}),
    st.just({"$ref": "#"}),
)
SCHEMAS = st.recursive(LEAVES, schemas, max_leaves=8)


def is_valid(schema: dict[str, Any], value: Any) -> bool | None:
    """By the validator; None where the schema is nothing but itself to it."""
    try:
        return jsonschema.Draft202012Validator(schema).is_valid(value)
    except BaseException as error:  # its registry panics where the stack ends
        if "RecursionError" in f"{type(error)} {error}":
            return None
        raise


@settings(
    max_examples=350,
    deadline=None,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)
@given(SCHEMAS, SCHEMAS, st.integers(0, 2**32))
def test_whatever_is_drawn_satisfies_the_schema(schema: Any, part: Any, seed: int) -> None:
    assume(isinstance(schema, dict))
    whole = {**schema, "$defs": {"part": part}}
    try:
        matcher = BYTES.held(constraint_of(whole))
    except (Failure, ValueError):
        return  # refused, or nothing satisfies it: that is allowed
    chance = random.Random(seed)
    for _ in range(4):
        text = walk(matcher.branch(), chance)
        if text is not None and not BEYOND_DOUBLES.search(text):
            assert is_valid(whole, json.loads(text)) is not False, (text, whole)


@given(st.lists(st.text("abc/.", max_size=3), min_size=1, max_size=5), st.text("abc/.", max_size=4))
def test_every_text_but_some(texts: list[str], text: str) -> None:
    grammar = grammar_of({"type": "string", "pattern": other_than(texts)})
    assert BYTES.takes(grammar, json.dumps(text)) == (text not in texts)


@pytest.mark.parametrize(
    ("pattern", "good", "bad"),
    [
        (r"^\/a\-b$", ["/a-b"], ["a-b"]),
        (r"^[^\]]$", ["a", "["], ["]"]),
        (r"^[]$|^x$", ["x"], ["", "]"]),
        (r"^[^]$", ["x", "\n"], [""]),
        (r"^\u0041\x42\cA?$", ["AB"], ["ab"]),
        (r"^(?<year>\d{4})$", ["2026"], ["26"]),
        (r"^a{,2}$", ["a{,2}"], ["a"]),
        (r"^a+?b*?$", ["ab", "aa"], ["b"]),
        (r"^[&&~[]$", ["&", "~", "["], ["&&"]),
        (r"^}]$", ["}]"], ["}"]),
        (r"colou?r", ["my color is", "colour"], ["colur"]),
    ],
)
def test_patterns_mean_what_they_mean_in_ecma_262(
    pattern: str, good: list[str], bad: list[str]
) -> None:
    grammar = grammar_of({"type": "string", "pattern": pattern})
    assert all(BYTES.takes(grammar, json.dumps(text)) for text in good)
    assert not any(BYTES.takes(grammar, json.dumps(text)) for text in bad)


@pytest.mark.parametrize("pattern", [r"a(?=b)", r"(?<!a)b", r"(?i)a", r"\1", "[a", "\\"])
def test_patterns_that_cannot_be_followed(pattern: str) -> None:
    with pytest.raises(PatternError):
        translate(pattern)
