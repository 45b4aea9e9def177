"""``contains``: all short lists that satisfy it can be written, and no others."""

from __future__ import annotations

import json
from itertools import product
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from colonnade.prompt.constraint import build_constraint
from colonnade.prompt.forms import JsonForm
from colonnade.prompt.schema import Narrowings
from tests.prompt.schema.holding import BYTES, grammar_of, takes

VALUES: list[Any] = [0, 5, "x"]
LISTS = [list(each) for length in range(4) for each in product(VALUES, repeat=length)]
WANTED = st.sampled_from(
    [{"const": 5}, {"minimum": 5}, {"type": "string"}, {"enum": [0, "x"]}, {}, True, False]
)


@settings(max_examples=20, deadline=None)
@given(
    WANTED,
    st.none() | st.integers(0, 3),
    st.none() | st.integers(0, 3),
    st.sampled_from([{}, {"type": "array"}, {"type": "array", "maxItems": 3}, {"minItems": 2}]),
)
def test_short_lists_are_judged_rightly(
    wanted: Any, least: int | None, most: int | None, beside: dict[str, Any]
) -> None:
    schema = {**beside, "items": {"enum": VALUES}, "contains": wanted}
    schema |= {} if least is None else {"minContains": least}
    schema |= {} if most is None else {"maxContains": most}
    is_valid = jsonschema.Draft202012Validator(schema).is_valid
    valid = [value for value in LISTS if is_valid(value)]
    if not valid and beside.get("type") == "array":
        return  # nothing at all may be written
    grammar = BYTES.matcher(grammar_of(schema))
    for value in LISTS:
        matcher = grammar.deep_copy()
        written = matcher.consume_tokens(list(json.dumps(value).encode()))
        assert (written and matcher.is_accepting()) == (value in valid), (schema, value)


@pytest.mark.parametrize("bound", [{}, {"maxContains": 2}])
def test_what_comes_late_is_told(bound: dict[str, Any]) -> None:
    schema = {"type": "array", "contains": {"const": 1}, **bound}
    late = [0] * 20 + [1]
    assert takes(schema, [0] * 5 + [1])
    assert not takes(schema, late)
    told = Narrowings()
    build_constraint(JsonForm(schema, "f"), None, None, {}, after_thought=False, narrowings=told)
    assert [each.place for each in told.told()] == ["f#/contains"]
    told = Narrowings()
    short = JsonForm({**schema, "maxItems": 6}, "f")
    build_constraint(short, None, None, {}, after_thought=False, narrowings=told)
    assert not told.told()
