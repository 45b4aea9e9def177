"""Positions behind pictures, beside a list that has one for each token."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from colonnade.worker.llama.places import Places

runs = st.tuples(st.integers(0, 5), st.integers(1, 9), st.integers(1, 9), st.booleans())


def laid_out(pieces):
    """Places, the position of each token as llama.cpp has it, and the tokens' runs."""
    places, positions, owner = Places(), [], []
    position = 0
    for number, (text, length, moves, still) in enumerate(pieces):
        positions += range(position, position + text)
        owner += [None] * text
        position += text
        moves = min(moves, length) if still else length
        places.add(len(positions), length, moves, still=still)
        positions += [position if still else position + at for at in range(length)]
        owner += [number] * length
        position += moves
    return places, positions, owner, position


@given(st.lists(runs, max_size=4), st.integers(0, 4))
def test_every_place(pieces, behind):
    places, positions, owner, end = laid_out(pieces)
    for index, position in enumerate(positions):
        if owner[index] is None or owner[index] != owner[index - 1 if index else -1] or not index:
            assert places.position(index) == position
        assert places.last(index + 1) == position
    assert places.position(len(positions) + behind) == end + behind
    for length in range(len(positions) + 1):
        inside = 0 < length < len(positions) and owner[length] is not None
        inside = inside and owner[length] == owner[length - 1]
        edge = places.edge(length)
        assert edge == length if not inside else owner[edge] == owner[length] and edge < length
        assert places.edge(edge) == edge


@given(st.lists(runs, max_size=4), st.integers(0, 40))
def test_cut_and_kept(pieces, length):
    places, positions, _, _ = laid_out(pieces)
    length = places.edge(min(length, len(positions)))
    before = [places.position(at) for at in range(length) if places.edge(at) == at]
    places.cut(length)
    again, size = Places.unpack(memoryview(b"a state" + places.pack()))
    assert size == len(b"a state")
    assert [again.position(at) for at in range(length) if again.edge(at) == at] == before
    assert again.edge(length + 100) == length + 100


def test_a_run_is_noted_once():
    places = Places()
    for _ in range(2):
        places.add(3, 4, 1, still=True)
    assert places.position(7) == 4
