"""The guide on a small vocabulary and finite languages, whatever is drawn."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from colonnade.messages import Constraint, Failure, FailureKind, Thought
from colonnade.worker.guide import Guide

if TYPE_CHECKING:
    from numpy.typing import NDArray

PIECES = [
    *(bytes([code]) for code in b"abcxyz<>/[]! \n"),
    *(
        b"ab",
        b"bc",
        b"<a",
        b"a>",
        b"xy",
        b"<x>",
        b"</x>",
        b"]]",
        b"![",
        b" a",
        b"abc",
        b"</",
        b"x>!",
    ),
]
END = len(PIECES)
SIZE = END + 1


def tokens_of(text: str) -> list[int]:
    """The longest piece first."""
    data, found = text.encode(), []
    while data:
        token = max(
            (i for i, piece in enumerate(PIECES) if data.startswith(piece)),
            key=lambda i: len(PIECES[i]),
        )
        found.append(token)
        data = data[len(PIECES[token]) :]
    return found


def spell(token: int) -> bytes:
    return b"" if token == END else PIECES[token]


class Quick:
    """A pace of masks that never take long."""

    quick = True
    slow = False

    def note(self, seconds: float) -> None:
        """Learn nothing."""


@dataclass
class Words:
    """A matcher for a finite language."""

    pace = Quick()

    words: tuple[bytes, ...]
    said: bytes = b""
    masks: int = field(default=0)

    @property
    def complete(self) -> bool:
        return self.said in self.words and not self._longer()

    def _longer(self) -> list[bytes]:
        return [w for w in self.words if w.startswith(self.said) and w != self.said]

    def _fits(self, piece: bytes) -> bool:
        return any(word.startswith(self.said + piece) for word in self.words)

    def mask(self) -> NDArray[np.uint8]:
        mask = np.array([self._fits(piece) for piece in PIECES] + [self.said in self.words])
        if not mask.any():
            raise Failure(FailureKind.UNSUPPORTED, "nothing may follow")
        return mask.astype(np.uint8)

    def forced(self) -> list[int]:
        """Of the bytes that are certain, as llguidance has it."""
        ways = [word for word in self.words if word.startswith(self.said)]
        certain = os.path.commonprefix(ways)[len(self.said) :]  # noqa: RUF071 - bytes, no paths
        return tokens_of(certain.decode())

    def accepts(self, tokens: list[int]) -> bool:
        return self._fits(b"".join(map(spell, tokens)))

    def consume(self, tokens: list[int]) -> None:
        assert self.accepts(tokens)
        self.said += b"".join(map(spell, tokens))

    def tokens(self, text: bytes) -> list[int]:
        return tokens_of(text.decode())

    def branch(self) -> Words:
        return Words(self.words, self.said)


def guide(
    words: tuple[str, ...],
    triggers: tuple[str, ...] = (),
    thought: Thought | None = None,
    *,
    stepwise: bool = False,
) -> Guide:
    return Guide(
        Constraint("", triggers=triggers) if words else None,
        Words(tuple(word.encode() for word in words)) if words else None,
        thought,
        spell=spell,
        tokens=tokens_of,
        ends=frozenset([END]),
        vocab_size=SIZE,
        stepwise=stepwise,
    )


def walk(guide: Guide, draw: st.DataObject, most: int = 60) -> tuple[str, bool]:
    """Draw among what is allowed, until the end or the limit; the text, and whether it ended."""
    said = guide.begin()
    drawn = 0
    while len(said) < most and not guide.done:
        mask = guide.mask()
        allowed = list(range(SIZE)) if mask is None else np.flatnonzero(mask).tolist()
        token = draw.draw(st.sampled_from(allowed))
        drawn += 1
        taken = guide.take(token)
        assert taken
        said += taken
        if taken == [END]:
            break
    ended = guide.done or said[-1:] == [END]
    assert guide.forced <= len(said)
    return b"".join(map(spell, said)).decode(), ended


LANGUAGE = st.lists(st.text("abcx<>/[]!", min_size=1, max_size=8), min_size=1, max_size=5).map(
    tuple
)


@given(LANGUAGE, st.booleans(), st.data())
def test_the_whole_answer_is_of_the_language(words, stepwise, draw):
    text, ended = walk(guide(words, stepwise=stepwise), draw)
    assert ended
    assert text in words


@given(LANGUAGE, st.booleans(), st.data())
def test_behind_a_trigger_the_rest_is_of_the_language(words, stepwise, draw):
    trigger = "<x>"
    text, ended = walk(
        guide(tuple(trigger + w for w in words), (trigger,), stepwise=stepwise), draw
    )
    free, found, rest = text.partition(trigger)
    assert trigger not in free
    if found and ended:
        assert rest in words
    elif found:
        assert any(word.startswith(rest) for word in words)


@given(LANGUAGE, st.integers(0, 12), st.booleans(), st.booleans(), st.data())
def test_an_open_thought_ends_within_its_budget(words, budget, stepwise, end_it, draw):
    thought = Thought("<x>", "</x>", open=True, budget=budget, ending="\n</x>\n" if end_it else "")
    text, ended = walk(guide(words, thought=thought, stepwise=stepwise), draw, most=200)
    before, found, rest = text.partition("</x>")
    assert found
    assert ended
    # one more, which the closing marker may begin in
    assert len(tokens_of(before)) <= 3 * (budget + 1) + 3
    assert rest.removeprefix("\n" if end_it else "") in words or rest in words


@given(LANGUAGE, st.data())
def test_a_thought_may_open_or_not(words, draw):
    """Its marker is not of the language, yet allowed at the beginning."""
    thought = Thought("<x>", "</x>", budget=4)
    text, ended = walk(guide(words, thought=thought), draw, most=200)
    assert ended
    if text not in words:
        opened = re.fullmatch(r"<x>(.*?)</x>(.*)", text, re.DOTALL)
        assert opened
        assert opened[2] in words


@given(LANGUAGE, st.data())
def test_triggers_do_not_count_inside_a_thought(words, draw):
    trigger = "!["
    thought = Thought("<x>", "</x>", open=True, budget=9)
    made = guide(tuple(trigger + word for word in words), (trigger,), thought)
    text, ended = walk(made, draw, most=200)
    _, found, answer = text.partition("</x>")
    assert found or ended  # nothing has to be answered, so the turn may end in a thought
    _, found, rest = answer.partition(trigger)
    if found and ended:
        assert rest in words


def test_the_earliest_trigger_counts():
    made = guide(("[]!", "<x>a"), ("<x>", "[]"))
    for token in tokens_of("ab["):
        assert made.take(token) == [token]
        assert made.mask() is None
    assert made.take(PIECES.index(b"]")) == [PIECES.index(b"]"), PIECES.index(b"!")]
    assert made.done


def test_a_token_is_cut_where_the_grammar_does_not_go_along():
    made = guide(("<x>abc",), ("<x>",))
    made.take(PIECES.index(b"<"))
    taken = made.take(PIECES.index(b"x>!"))
    assert b"".join(map(spell, taken)) == b"x>abc"
    assert made.done


def test_what_is_said_stepwise_is_said_at_once():
    words = ("abcabc![x]",)
    at_once, stepwise = guide(words), guide(words, stepwise=True)
    text = at_once.begin()
    assert stepwise.begin() == []
    drawn = []
    while not stepwise.done:
        mask = stepwise.mask()
        assert mask is not None
        drawn += stepwise.take(int(np.flatnonzero(mask)[0]))
    assert b"".join(map(spell, drawn)) == b"".join(map(spell, text)) == b"abcabc![x]"
    assert stepwise.forced == len(drawn) or stepwise.forced == len(text)


@pytest.mark.parametrize("budget", [None, 3])
def test_without_a_constraint_the_answer_is_free(budget):
    made = guide((), thought=Thought("<x>", "</x>", budget=budget))
    for token in tokens_of("abc <x> ab"):
        assert made.mask() is None
        assert made.take(token) == [token]
    assert not made.done
