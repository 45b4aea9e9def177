"""Whole numbers may be written as floats, wherever an integer is expected."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from colonnade.web.body import BodyFailure, decode


class Inner(msgspec.Struct):
    count: int = 0


class Body(msgspec.Struct):
    number: int | None = None
    share: float | None = None
    ids: list[int] | None = None
    mixed: list[str | int | list[int]] | None = None
    inner: list[Inner] | None = None
    free: Any = None


ints = st.integers(-(2**40), 2**40)
written = st.one_of(ints, ints.map(float))
bodies = st.fixed_dictionaries(
    {},
    optional={
        "number": written,
        "share": written,
        "ids": st.lists(written, max_size=4),
        "mixed": st.lists(written | st.just("a") | st.lists(written, max_size=2), max_size=3),
        "inner": st.lists(st.fixed_dictionaries({"count": written}), max_size=4),
        "free": written,
    },
)


@given(bodies)
def test_a_float_without_a_fraction_is_an_integer(body: dict[str, Any]) -> None:
    got = decode(json.dumps(body).encode(), Body)
    assert got == msgspec.convert(body, Body, strict=False)
    if isinstance(body.get("free"), float):
        assert isinstance(got.free, float), "what may be anything stays as it is"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"number": 2.5}, "number"),
        ({"number": "2"}, "number"),
        ({"number": 1.0, "ids": [1.0, 2.5]}, "ids[1]"),
        ({"number": 1.0, "inner": [{"count": 1.0}, {"count": 0.5}]}, "inner[1].count"),
        ({"number": 1.0, "share": "x"}, "share"),
    ],
)
def test_others_are_refused_where_they_stand(body: dict[str, Any], param: str) -> None:
    with pytest.raises(BodyFailure) as failure:
        decode(json.dumps(body).encode(), Body)
    assert failure.value.param == param


@pytest.mark.parametrize("second", ["3", '"x"', "null", "[]", "{}"])
@pytest.mark.parametrize("first", ["number", "ids", "inner", "mixed"])
def test_of_a_key_that_is_there_twice_the_first_is_refused(first: str, second: str) -> None:
    value = {"number": "2.0", "inner": '[{"count": 2.0}]'}.get(first, "[2.0, 2.0]")
    with pytest.raises(BodyFailure) as failure:
        decode(f'{{"{first}": {value}, "{first}": {second}}}', Body)
    assert failure.value.param is not None
    assert failure.value.param.startswith(first)


def test_a_body_full_of_them_costs_no_more_than_a_few_conversions() -> None:
    body = {"ids": [float(number) for number in range(100_000)], "number": 1.0}
    assert decode(json.dumps(body).encode(), Body).ids == list(range(100_000))
