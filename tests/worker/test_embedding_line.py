"""Whose texts are embedded next."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from colonnade.worker.embedding.line import Line
from colonnade.worker.embedding.request import Request, Wish

WISH = Wish(None, 2.0)


def request(number: int, client: str, *lengths: int) -> Request:
    made = Request(number, client, len(lengths), WISH, 0.0)
    made.waiting.extend([0] * length for length in lengths)
    return made


def order(line: Line) -> list[int]:
    """The requests of the inputs that are taken, one after the other."""
    taken = []
    while line.peek() is not None:
        taken.append(line.take().request.id)
    assert not line
    return taken


def test_clients_take_turns_by_tokens() -> None:
    line = Line()
    line.add(request(1, "long", *[100] * 4))
    line.add(request(2, "short", *[10] * 10))
    taken = order(line)
    assert taken[:8] == [1, 2, 2, 2, 2, 2, 2, 1]


def test_requests_of_a_client_take_turns() -> None:
    line = Line()
    line.add(request(1, "a", *[10] * 4))
    line.add(request(2, "a", 10))
    assert order(line) == [1, 2, 1, 1, 1]


def test_who_comes_new_is_next_but_not_ahead_for_ever() -> None:
    line = Line()
    line.add(request(1, "old", *[100] * 6))
    assert [line.take().request.id for _ in range(3)] == [1, 1, 1]
    line.add(request(2, "new", *[100] * 3))
    assert order(line) == [2, 1, 2, 1, 2, 1]


def test_what_is_removed_is_not_taken() -> None:
    line = Line()
    gone = request(1, "a", 10, 10)
    line.add(gone)
    line.add(request(2, "b", 10))
    line.remove(gone)
    line.remove(gone)
    assert order(line) == [2]
    line.add(gone)
    assert order(line) == [1, 1]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.lists(st.integers(1, 50), min_size=1))))
def test_everything_is_taken_once_and_in_order(asked: list[tuple[str, list[int]]]) -> None:
    line = Line()
    requests = [request(number, name, *each) for number, (name, each) in enumerate(asked)]
    for each in requests:
        line.add(each)
    places: dict[int, list[int]] = {each.id: [] for each in requests}
    while line.peek() is not None:
        item = line.take()
        places[item.request.id].append(item.index)
    assert places == {number: [*range(len(each))] for number, (_, each) in enumerate(asked)}
