"""Drawing for many sequences: one thread or two, a block of rows or row by row."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, NamedTuple
from unittest.mock import patch

import numpy as np
import pytest

from colonnade.messages import Decoding, LoadModel, Sampling, Tuning
from colonnade.worker.llama import LlamaModel
from colonnade.worker.llama.sampler import ChainSampler
from colonnade.worker.ports import Chunk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from colonnade.worker.ports import Sampler
    from tests.conftest import RandomModel

PROMPTS = np.random.default_rng(3).integers(10, 4000, (4, 9)).tolist()
GREEDY = Decoding(sampling=Sampling(temperature=0))
BIASED = Decoding(sampling=Sampling(temperature=0, logit_bias=((5, 100.0),)))
LIKELIEST = Decoding(sampling=Sampling(top_k=1, repeat_penalty=1.01))
"""A chain of llama.cpp's, by the penalty, that can draw one token only."""


class _Draw(NamedTuple):
    sampler: Sampler
    row: int
    mask: NDArray[np.uint8] | None = None
    apart: NDArray[np.float32] | None = None


@pytest.fixture(scope="module", params=[None, 1], ids=["one pass", "a pass a token"])
def model(request: pytest.FixtureRequest, random_model: RandomModel) -> Iterator[LlamaModel]:
    load = LoadModel(
        str(random_model("recurrent")),
        ctx_size=64,
        slots=4,
        batch_size=64,
        threads=1,
        flash_attention="off",
        tuning=Tuning(ubatch_size=request.param),
    )
    model = LlamaModel(load, lambda _: True)
    yield model
    model.close()


@pytest.fixture
def logits(model: LlamaModel) -> NDArray[np.float32]:
    """A row for each of four prompts."""
    for slot in range(4):
        model.keep(slot, 0)
    return model.decode([Chunk(slot, 0, tokens, 1) for slot, tokens in enumerate(PROMPTS)])


def _draws(model: LlamaModel, decoding: Decoding, *rows: int) -> list[_Draw]:
    return [_Draw(model.samplers(decoding)(0, []), row) for row in rows]


@pytest.mark.parametrize("rows", [(0, 1, 2, 3), (2, 3), (0, 3), (1,), ()])
@pytest.mark.parametrize("decoding", [GREEDY, LIKELIEST], ids=["greedy", "chain"])
def test_each_draws_from_its_own_row(
    model: LlamaModel, logits: NDArray[np.float32], decoding: Decoding, rows: tuple[int, ...]
) -> None:
    likeliest = [int(row.argmax()) for row in logits]
    assert len(set(likeliest)) == 4
    assert model.draw(_draws(model, decoding, *rows)) == [likeliest[row] for row in rows]


def test_two_threads_draw_in_order(model: LlamaModel, logits: NDArray[np.float32]) -> None:
    likeliest = [int(row.argmax()) for row in logits]
    with patch("colonnade.worker.llama.drawing._WORTH", 1):
        for _ in range(3):
            assert model.draw(_draws(model, LIKELIEST, 0, 1, 2, 3)) == likeliest
            mixed = _draws(model, LIKELIEST, 0, 1) + _draws(model, GREEDY, 2, 3)
            assert model.draw(mixed) == likeliest


@pytest.mark.parametrize("bad", [0, 3], ids=["first half", "second half"])
def test_what_fails_in_either_thread_is_raised_and_leaves_nothing(
    model: LlamaModel, logits: NDArray[np.float32], bad: int
) -> None:
    likeliest = [int(row.argmax()) for row in logits]
    draws = _draws(model, LIKELIEST, 0, 1, 2, 3)

    class Broken(ChainSampler):
        def sample(self, *_: object) -> int:
            raise ZeroDivisionError

    broken = [*draws]
    broken[bad] = _Draw(Broken(None, None, None), bad)
    with patch("colonnade.worker.llama.drawing._WORTH", 1):
        with pytest.raises(ZeroDivisionError):
            model.draw(broken)
        assert model.draw(_draws(model, LIKELIEST, 0, 1, 2, 3)) == likeliest


def test_a_mask_or_a_bias_among_greedy_ones(model: LlamaModel, logits: NDArray[np.float32]) -> None:
    likeliest = [int(row.argmax()) for row in logits]
    mask = np.ones(logits.shape[1], dtype=np.uint8)
    mask[likeliest[1]] = 0
    second = int(np.where(mask, logits[1], -np.inf).argmax())
    first, *others = _draws(model, GREEDY, 0, 1, 2, 3)
    masked = _Draw(others[0].sampler, 1, mask)
    biased = _draws(model, BIASED, 3)
    assert model.draw([first, masked, others[1], *biased]) == [
        likeliest[0],
        second,
        likeliest[2],
        5,
    ]


SAMPLED = Decoding(sampling=Sampling(seed=11, top_k=0, top_p=1.0, min_p=0.0, temperature=2.0))
FILTERED = Decoding(
    sampling=Sampling(seed=11, top_k=40, top_p=0.9, repeat_penalty=1.1, logit_bias=((5, 1.0),))
)


@pytest.mark.parametrize("share", [1.0, 0.5, 0.01], ids=["all", "half", "few"])
@pytest.mark.parametrize("decoding", [GREEDY, BIASED, SAMPLED, FILTERED])
def test_a_row_that_was_kept_is_drawn_from_as_from_the_batch(
    model: LlamaModel, logits: NDArray[np.float32], decoding: Decoding, share: float
) -> None:
    mask = (np.random.default_rng(1).random(logits.shape[1]) < share).astype(np.uint8)
    kept = logits.copy()
    at_once = [model.samplers(decoding)(0, []) for _ in range(4)]
    later = [model.samplers(decoding)(0, []) for _ in range(4)]
    drawn = model.draw([_Draw(sampler, row, mask) for row, sampler in enumerate(at_once)])
    model.decode([Chunk(0, len(PROMPTS[0]), [7], 1)])
    for _ in range(3):
        again = [_Draw(sampler, 0, mask, kept[row].copy()) for row, sampler in enumerate(later)]
        assert model.draw(again) == drawn
        later = [model.samplers(decoding)(0, []) for _ in range(4)]


def test_names_from_many_threads(model: LlamaModel) -> None:
    """A grammar is compiled beside the loop, and asks for all of them."""
    vocabulary = model.vocabulary
    expected = vocabulary.names()
    found: list[list[bytes]] = []
    others = [threading.Thread(target=lambda: found.append(vocabulary.names())) for _ in range(8)]
    for other in others:
        other.start()
    mine = [vocabulary.name(token) for token in range(vocabulary.size)]
    for other in others:
        other.join()
    assert mine == expected
    assert found == [expected] * len(others)
    assert vocabulary.pieces[300] == expected[300]
