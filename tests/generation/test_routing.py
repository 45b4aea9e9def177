"""Where prompts go: to whoever has read their beginning, unless another one is sooner done."""

from __future__ import annotations

from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colonnade.generation import routing
from colonnade.generation.routing import BLOCK, Chain, Member, Routes

texts = st.lists(st.sampled_from([b"a" * BLOCK, b"b" * BLOCK, b"c" * 100]), max_size=5).map(
    b"".join
)
names = st.sampled_from(["one", "two", "three"])
loads = st.integers(0, 6)
rates = st.floats(0, 1e6)


def chain(text: bytes, *key: str) -> Chain:
    made = Chain(*key)
    made.add(text)
    return made


def member(name: str, **state: float) -> Member:
    return Member(name, **{"slots": 4, "running": 0, "waiting": 0, **state})  # type: ignore[arg-type]


def common_blocks(one: bytes, other: bytes) -> int:
    length = min(len(one), len(other)) // BLOCK * BLOCK
    while one[:length] != other[:length]:
        length -= BLOCK
    return length


@given(st.binary(max_size=5 * BLOCK), st.lists(st.integers(0, 5 * BLOCK), max_size=4))
def test_it_does_not_matter_in_which_pieces_a_text_comes(text: bytes, cuts: list[int]) -> None:
    made, start = Chain("model"), 0
    for cut in [*sorted(cuts), len(text)]:
        made.add(text[start:cut])
        start = max(start, cut)
    whole = chain(text, "model")
    assert made.digests == whole.digests
    assert made.size == whole.size == len(text)
    assert len(whole.digests) == len(text) // BLOCK


@given(st.lists(st.tuples(texts, names), max_size=8), texts)
def test_the_longest_beginning_that_each_has_read_is_known(
    read: list[tuple[bytes, str]], prompt: bytes
) -> None:
    routes = Routes()
    for text, name in read:
        routes.note(chain(text), name)
    for choice in routes.rank(chain(prompt), [member(name) for name in ("one", "two")], 0.0):
        assert choice.known == max(
            (common_blocks(text, prompt) for text, name in read if name == choice.id), default=0
        )


@given(st.lists(st.tuples(texts, names), max_size=8), st.integers(1, 6))
def test_what_is_remembered_is_bounded(read: list[tuple[bytes, str]], most: int) -> None:
    bounded, free = Routes(most), Routes()
    for text, name in read:
        for routes in (bounded, free):
            routes.note(chain(text), name)
        assert len(bounded) <= most
        members = [member(each) for each in ("one", "two", "three")]
        less = {each.id: each.known for each in bounded.rank(chain(text), members, 0.0)}
        more = {each.id: each.known for each in free.rank(chain(text), members, 0.0)}
        assert all(less[each] <= more[each] for each in less)
        assert less[name] == min(most, len(text) // BLOCK) * BLOCK, "the newest is there"


@pytest.mark.parametrize("others", [("other",), ("model", ""), ("model", "adapter"), ()])
def test_what_was_read_otherwise_is_of_no_use(others: tuple[str, ...]) -> None:
    routes, text = Routes(), b"x" * 2000
    routes.note(chain(text, "model"), "one")
    [choice] = routes.rank(chain(text, *others), [member("one")], 0.0)
    assert choice.known == 0
    assert chain(text, "ab", "c").digests != chain(text, "a", "bc").digests


@given(texts, st.tuples(loads, loads, rates, rates), st.tuples(loads, loads, rates, rates))
def test_each_member_is_ranked_once_by_what_it_takes(
    prompt: bytes, first: tuple[int, int, float, float], second: tuple[int, int, float, float]
) -> None:
    members = [Member(name, 4, *state) for name, state in (("one", first), ("two", second))]
    choices = Routes().rank(chain(prompt), members, 0.0)
    assert {each.id for each in choices} == {"one", "two"}
    assert choices[0].seconds <= choices[1].seconds
    assert all(each.seconds >= 0 for each in choices)


@given(texts, loads, loads, rates)
def test_who_has_read_more_or_has_less_to_do_is_no_worse(
    prompt: bytes, running: int, waiting: int, rate: float
) -> None:
    routes = Routes()
    routes.note(chain(prompt), "one")
    at = Member("one", 4, running, waiting, rate)
    knowing = routes.rank(chain(prompt), [at], 0.0)[0].seconds
    assert knowing <= routes.rank(chain(prompt), [at._replace(id="two")], 0.0)[0].seconds
    for busier in (at._replace(running=running + 1), at._replace(waiting=waiting + 1)):
        assert knowing <= routes.rank(chain(prompt), [busier], 0.0)[0].seconds


def test_a_conversation_stays_until_others_are_much_sooner_done() -> None:
    routes, prompt = Routes(), chain(b"x" * 8000)
    routes.note(prompt, "one")
    busy = member("one", running=3, rate=4000, turn=2)
    assert routes.rank(prompt, [member("two", rate=4000), busy], 0.0)[0].id == "one"
    overrun = busy._replace(running=4, waiting=12)
    assert routes.rank(prompt, [member("two", rate=4000), overrun], 0.0)[0].id == "two"


def test_a_new_prompt_goes_where_least_is_to_do() -> None:
    members = [member("one", running=2), member("two", running=1), member("three", running=4)]
    ranked = Routes().rank(chain(b"Hello"), members, 0.0)
    assert [each.id for each in ranked] == ["two", "one", "three"]


def test_who_has_refused_is_asked_last_for_a_second() -> None:
    routes, members = Routes(), [member("one"), member("two", running=3)]
    routes.refused("one", 10.0)
    assert [each.id for each in routes.rank(chain(b""), members, 10.9)] == ["two", "one"]
    assert [each.id for each in routes.rank(chain(b""), members, 11.0)] == ["one", "two"]


def test_who_has_lost_all_is_known_for_nothing_until_it_reads_again() -> None:
    routes, prompt = Routes(), chain(b"x" * 1000)

    def known() -> list[int]:
        ranked = routes.rank(prompt, [member("one"), member("two")], 0.0)
        return [each.known for each in sorted(ranked)]

    for name in ("one", "two"):
        routes.note(prompt, name)
    assert known() == [768, 768]
    routes.forget("one")
    assert known() == [0, 768]
    routes.note(prompt, "one")
    assert known() == [768, 768]


def test_an_answer_belongs_to_what_was_read() -> None:
    routes, asked = Routes(), chain(b"question" * 100)
    routes.note(asked, "one")
    asked.add(b"answer" * 100)
    routes.note(asked, "one")
    following = chain(b"question" * 100 + b"answer" * 100 + b"next")
    [choice] = routes.rank(following, [member("one")], 0.0)
    assert choice.known == 1400 // BLOCK * BLOCK


def test_very_long_prompts_are_told_by_their_beginnings() -> None:
    with patch.object(routing, "MOST_BLOCKS", 3):
        made = chain(b"x" * 10 * BLOCK)
        made.add(b"y" * BLOCK)
    assert len(made.digests) == 3
    assert made.size == 11 * BLOCK
