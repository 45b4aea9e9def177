"""The reader of JSON as it grows, against Python's own on the whole text."""

from __future__ import annotations

import json
import random
from decimal import Decimal
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colonnade.messages import Differences, JsonPlace, JsonStart
from colonnade.worker.grammar import json_text
from colonnade.worker.grammar.json_places import JsonPlaces
from colonnade.worker.grammar.json_text import JsonText, Mode
from colonnade.worker.grammar.json_values import number_of

EVERYWHERE = Differences(
    (JsonStart("", "", (0,)),), (JsonPlace(different=True, others=(0,), items=(0,)),)
)
"""All items of all arrays are to differ."""
OUTSIDE = Differences((JsonStart("", "", (0,)),), (JsonPlace(different=True),))
"""The items of the outermost array are."""
KEYS = st.sampled_from(["a", "b", "é", "\n", '"', "\\", "😀", ""])
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 3), st.sampled_from([0.5, 1.0, 1e30, -0.0]), KEYS
)


class Pairs(list[Any]):
    """An object whose keys may be equal."""


VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.lists(st.tuples(KEYS, inner), max_size=4).map(Pairs)
    ),
    max_leaves=12,
)


def written(value: Any, chance: random.Random) -> str:
    """One of the ways to write a value."""
    space = chance.choice(["", " ", "\n"])
    if isinstance(value, Pairs):
        members = [f"{written(k, chance)}{space}: {written(v, chance)}" for k, v in value]
        return "{" + space + f"{space},".join(members) + space + "}"
    if isinstance(value, list):
        return "[" + space + f"{space}, ".join(written(each, chance) for each in value) + "]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=chance.random() < 0.5)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return chance.choice([f"{value}", f"{value:.1f}", f"{value:e}", f"{value:.3e}"])
    return json.dumps(value)


def comparable(value: Any) -> Any:
    match value:
        case Pairs():
            return "object", frozenset((key, comparable(each)) for key, each in value)
        case list():
            return "array", *map(comparable, value)
        case bool() | None:
            return str(value)
        case _:
            return value


def repeats(value: Any, *, items: bool) -> bool:
    """Whether a key, or an item, stands twice in one container."""
    if isinstance(value, Pairs):
        keys = [key for key, _ in value]
        twice = len(set(keys)) < len(keys)
        return twice or any(repeats(each, items=items) for _, each in value)
    if isinstance(value, list):
        found = [comparable(each) for each in value]
        twice = items and len(set(found)) < len(found)
        return twice or any(repeats(each, items=items) for each in value)
    return False


def pieces(data: bytes, chance: random.Random) -> list[bytes]:
    cuts = sorted(chance.choices(range(len(data) + 1), k=min(6, len(data))))
    return [data[one:two] for one, two in zip([0, *cuts], [*cuts, len(data)], strict=True)]


def state(text: JsonText) -> object:
    stack = [
        (each.begin, each.key, each.count, each.digest, dict(each.seen)) for each in text.stack
    ]
    return text.mode, stack, text.copy()._text


@given(VALUES, st.integers(0, 2**32), st.booleans())
def test_what_is_repeated_is_seen_where_it_comes(value: Any, seed: int, items: bool) -> None:
    chance = random.Random(seed)
    whole = written(value, chance)
    read = json.loads(whole, object_pairs_hook=Pairs)
    expected = isinstance(read, list) and repeats(read, items=items)
    text = JsonText(JsonPlaces(EVERYWHERE if items else Differences((JsonStart("", ""),))))
    for piece in pieces(whole.encode(), chance):
        before = state(text)
        foreseen = text.repeats(piece)
        assert state(text) == before
        text.read(piece)
        if text.repeated or foreseen:
            assert text.repeated
            assert foreseen
            assert expected
            return
    assert not expected
    if isinstance(read, list):
        assert text.mode is Mode.SEEKING
        assert not text.stack


@given(VALUES, VALUES, st.integers(0, 2**32))
def test_equal_values_are_equal_however_they_are_written(one: Any, two: Any, seed: int) -> None:
    chance = random.Random(seed)
    texts = [written(each, chance) for each in (one, two)]
    reads = [json.loads(text, object_pairs_hook=Pairs, parse_float=Decimal) for text in texts]
    for value in reads:
        if repeats(value, items=False):
            return
    same = comparable(reads[0]) == comparable(reads[1])
    text = JsonText(JsonPlaces(OUTSIDE))
    text.read(f"[{texts[0]}, ".encode())
    assert text.repeats(f"{texts[1]}]".encode()) == same


@pytest.mark.parametrize(("begin", "end"), [("[", "]"), ('{"a": 0, "b": [', "]}")])
def test_an_item_of_many_values_ends_in_no_more_time_than_one_of_few(begin: str, end: str) -> None:
    """Each of thousands of tokens may end it, and is tried: none of them reads all of it."""
    text = JsonText(JsonPlaces(OUTSIDE))
    inner = begin + ", ".join(map(str, range(20_000)))
    text.read(f"[{inner}{end}, {inner[:-1]}".encode())
    with patch.object(json_text, "scalar", wraps=json_text.scalar) as read:
        assert not text.repeats(f"8{end}".encode())
        assert text.repeats(f"9{end}".encode())
    assert [call.args[0] for call in read.call_args_list] == [b"19998", b"19999"]


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("1", "1.0"),
        ("-0", "0e99999999999999999999"),
        ("1e400", "10E+399"),
        ("12.50", "125e-1"),
        ("1" + "0" * 5000, "1e5000"),
    ],
)
def test_numbers_of_one_size(one: str, two: str) -> None:
    assert number_of(one) == number_of(two) is not None
    assert number_of(one) != number_of("1.5")


@pytest.mark.parametrize("text", ["", "-", "1e", "a", "1.2.3", "1e" + "9" * 5000])
def test_what_is_no_number_yet(text: str) -> None:
    assert number_of(text) is None


MARKED = Differences(
    (
        JsonStart("<one>", r"p=(?=[\[{])", (0,)),
        JsonStart("<one>", "q=", ()),
        JsonStart("<two>", "", (1,)),
    ),
    (JsonPlace(different=True), JsonPlace(properties=(("a", 0),))),
)


@pytest.mark.parametrize(
    ("begun", "end", "repeated"),
    [
        ('<one>p=["a", "', 'a"', True),
        ('<one>q=["a", "', 'a"', False),
        ('p=["a", "', 'a"', False),  # nobody's
        ('<two>{"a": [1, [2, 2], ', "1]", True),
        ('<two>{"a": [1, [2, 2], ', "[2, 2]", True),
        ('<two>{"b": [1, ', "1]", False),
        ('<two>{"a": [1]} p=["a", "', 'a"', False),  # another one's
        ('<two>{"a": [1]}<one>p=[1]p=[2, 1, ', "1]", True),
        ('<one>p="[', '1, 1]"', False),
        ('<one>p=[1, 2] and [1, 1] {"a": 1, "', 'a"', False),  # no JSON of a mark
        ('<one>q=[{"k": 1, "', 'k"', True),
        ("<two>{not JSON, <one>p=[1, ", "1]", True),
    ],
)
@pytest.mark.parametrize("step", [1, 3, 1000])
def test_json_begins_behind_its_mark(begun: str, end: str, repeated: bool, step: int) -> None:
    text = JsonText(JsonPlaces(MARKED))
    for at in range(0, len(begun), step):
        text.read(begun[at : at + step].encode())
    assert text.repeats(end.encode()) is repeated
    assert text.copy().repeats(end.encode()) is repeated
