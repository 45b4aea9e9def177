"""Narrowings as they are collected and written into a header."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from colonnade.api.narrowed import HEADER, narrowed_headers, wire_narrowings
from colonnade.prompt.schema import Narrowing, Narrowings

LIST_OF_STRINGS = re.compile(r'"[ !#-\[\]-~]*"(?:, "[ !#-\[\]-~]*")*')


@given(st.lists(st.tuples(st.text(max_size=20), st.text(), st.text()), max_size=60))
def test_the_header_is_a_short_list_of_ascii_strings(found: list[tuple[str, str, str]]) -> None:
    narrowings = Narrowings()
    for keyword, place, what in found:
        narrowings.add(keyword, place, what)
    headers = narrowed_headers(narrowings.told())
    if not found:
        assert not headers
        return
    assert LIST_OF_STRINGS.fullmatch(headers[HEADER])
    assert len(headers[HEADER]) < 2100


def test_each_is_told_once_and_too_many_are_counted() -> None:
    narrowings = Narrowings()
    for number in [*range(40), *range(40)]:
        narrowings.add("not", f"f#/{number}/not", "something")
    told = narrowings.told()
    assert told[:2] == (
        Narrowing("not", "f#/0/not", "something"),
        Narrowing("not", "f#/1/not", "something"),
    )
    assert len(told) == 33
    assert told[-1].what == "and 8 more"
    assert not wire_narrowings(())
    assert narrowed_headers(told)[HEADER].endswith(', "and 8 more"')


def test_a_long_header_says_how_many_it_leaves_out() -> None:
    found = [Narrowing("not", f"f#/{'x' * 250}/{number}/not", "much") for number in range(20)]
    *entries, last = narrowed_headers(found)[HEADER].split(", ")
    assert last == f'"and {20 - len(entries)} more"'
