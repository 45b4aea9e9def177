"""What compiled grammars hold is measured and bounded, in real ones of the embedded vocabulary."""

from __future__ import annotations

import random
from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np
import pytest

from colonnade.messages import Constraint, Failure, FailureKind, LoadModel
from colonnade.worker.grammar import Bounds, GrammarCompiler
from colonnade.worker.grammar.heap import bytes_in_use
from colonnade.worker.grammar.known_ways import Ways
from colonnade.worker.grammar.usage import Usage
from colonnade.worker.llama import LlamaModel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from colonnade.worker.ports import Matcher

needs_figures = pytest.mark.skipif(bytes_in_use() is None, reason="the C library does not tell")


@pytest.fixture(scope="module")
def demo() -> Iterator[LlamaModel]:
    path = files("colonnade") / "demo" / "demo.gguf"
    model = LlamaModel(LoadModel(str(path), slots=1, threads=1, ctx_size=64), lambda _: True)
    yield model
    model.close()


def _grammars(demo: LlamaModel, bounds: Bounds) -> GrammarCompiler:
    grammars = GrammarCompiler(demo.token_table, bounds)
    _ = grammars.tokenizer
    return grammars


def _word(number: int) -> Constraint:
    return Constraint(f"start: /[a-z]{{1,40}}-{number}/\n")


def _hostile(number: int) -> Constraint:
    return Constraint(f"start: /([a-z]*[aeiou][a-z]{{{number}}})*/\n")


def _say(matcher: Matcher, tokens: int, ends: frozenset[int]) -> None:
    chance = random.Random(3)
    for _ in range(tokens):
        allowed = set(np.flatnonzero(matcher.mask()).tolist()) - ends
        matcher.consume([chance.choice(sorted(allowed))])


def test_no_more_than_a_number_is_kept_and_the_last_used_are(demo: LlamaModel) -> None:
    grammars = _grammars(demo, Bounds(kept_number=8))
    for number in range(20):
        grammars.matcher(_word(0))
        grammars.matcher(_word(number))
    assert grammars.kept[0] == 8
    assert grammars.has(_word(0))
    assert grammars.has(_word(19))
    assert not grammars.has(_word(1))


@needs_figures
def test_what_is_kept_is_bounded_in_bytes_and_what_is_dropped_is_given_back(
    demo: LlamaModel,
) -> None:
    one = _grammars(demo, Bounds())
    one.matcher(_word(0))
    size = one.kept[1]
    assert size > len(_word(0).grammar)
    grammars = _grammars(demo, Bounds(kept=size * 5))
    before = bytes_in_use() or 0
    for number in range(200):
        grammars.matcher(_word(number))
    number, kept = grammars.kept
    assert 1 < number < 10
    assert kept <= size * 5
    assert (bytes_in_use() or 0) - before < size * 40


@needs_figures
def test_a_grammar_that_grows_while_it_is_used_counts_as_much_as_it_takes(
    demo: LlamaModel,
) -> None:
    grammars = _grammars(demo, Bounds())
    matcher = grammars.matcher(_hostile(14))
    before, compiled = bytes_in_use() or 0, grammars.bytes
    _say(matcher, 120, demo.ends)
    grown = (bytes_in_use() or 0) - before
    assert grown > 10 * compiled
    assert grown / 3 < grammars.bytes - compiled < grown * 3


@needs_figures
def test_one_that_grows_beyond_what_may_be_kept_is_not_kept(demo: LlamaModel) -> None:
    grammars = _grammars(demo, Bounds(kept=1 << 20))
    matcher = grammars.matcher(_hostile(14))
    grammars.matcher(_word(1))
    assert grammars.kept[0] == 2
    _say(matcher, 120, demo.ends)
    assert not grammars.has(_hostile(14))
    assert grammars.has(_word(1))
    assert grammars.bytes > 1 << 20  # the request goes on with it
    del matcher
    assert grammars.bytes < 1 << 20


@needs_figures
def test_nothing_more_is_compiled_while_requests_hold_too_much(demo: LlamaModel) -> None:
    grammars = _grammars(demo, Bounds(in_use=1 << 20))
    held = [grammars.matcher(_hostile(14))]
    _say(held[0], 120, demo.ends)
    with pytest.raises(Failure) as caught:
        grammars.matcher(_word(1))
    assert caught.value.kind is FailureKind.QUEUE_FULL
    held.clear()
    grammars.matcher(_word(1))


def test_a_grammar_is_quick_once_some_masks_were_and_slow_after_one_that_was() -> None:
    usage = Usage()
    assert not usage.quick
    for _ in range(8):
        usage.note(1e-5)
    assert usage.quick
    assert not usage.slow
    usage.note(0.03)
    assert usage.slow
    assert not usage.quick
    for _ in range(64):
        usage.note(1e-5)
    assert usage.quick
    assert not usage.slow


def test_known_ways_are_bounded_in_bytes() -> None:
    ways = Ways()
    for number in range(40):
        ways.end(b"%d" % number * 500_000)
    assert ways.of(b"0" * 500_000) is False
    assert ways.of(b"%d" % 39 * 500_000) is None
