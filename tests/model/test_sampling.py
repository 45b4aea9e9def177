"""What the sampling settings do, on a real model with a known distribution."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import llama_cpp
import numpy as np
import pytest

from colonnade.engine import Engine
from colonnade.messages import Decoding, Finish, FinishReason, LoadModel, Sampling, TokenPart

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.conftest import RandomModel

pytestmark = pytest.mark.anyio

PROMPT = (100, 200, 300, 400, 500)


@pytest.fixture(scope="module")
async def engine(random_model: RandomModel) -> AsyncIterator[Engine]:
    load = LoadModel(
        str(random_model("llama")), ctx_size=512, slots=3, threads=1, flash_attention="off"
    )
    engine = await Engine.start(load)
    yield engine
    await engine.close()


async def _generate(
    engine: Engine, length: int = 16, *, prompt: tuple[int, ...] = PROMPT, n: int = 1, **how: object
) -> list[list[int]]:
    """The tokens of each choice."""
    decoding = Decoding(
        sampling=Sampling(**how),  # type: ignore[arg-type]
        max_tokens=length,
        ignore_eos=True,
        logprobs=0,
        n=n,
    )
    choices: list[list[int]] = [[] for _ in range(n)]
    async for output in await engine.submit((TokenPart(prompt),), decoding):
        choices[output.choice] += [entry.id for entry in output.logprobs]
    return choices


def _logits(path: Path, tokens: tuple[int, ...]) -> np.ndarray:
    """Logits after each token, (tokens, vocab_size), by ``Llama`` itself."""
    llama = llama_cpp.Llama(
        str(path), n_ctx=512, n_threads=1, n_threads_batch=1, logits_all=True, verbose=False
    )
    llama.eval(list(tokens))
    rows = np.array(llama.scores[: len(tokens)], dtype=np.float64)
    llama.close()
    return rows


async def test_a_seed_gives_the_same_tokens_alone_and_beside_others(engine: Engine) -> None:
    (alone,) = await _generate(engine, temperature=1.0, seed=7)
    together = await _generate(engine, n=3, temperature=1.0, seed=7)
    assert together[0] == alone
    assert together[1] != alone, "each choice draws for itself"
    (second,) = await _generate(engine, temperature=1.0, seed=8)
    assert together[1] == second, "choice i uses seed + i"


async def test_without_a_seed_each_request_differs(engine: Engine) -> None:
    first = await _generate(engine, temperature=1.5, top_k=0)
    assert first != await _generate(engine, temperature=1.5, top_k=0)


@pytest.mark.parametrize(
    "how",
    [
        {"top_k": 1, "temperature": 1.0},
        {"top_p": 0.0, "temperature": 1.0},
        {"min_p": 1.0, "temperature": 1.0},
        {"temperature": 0.0, "top_k": 0},
        {"temperature": 1.0, "top_k": 0, "top_p": 1.0, "min_p": 0.0, "typical_p": 1.0,
         "top_n_sigma": 1e-6},
    ],
)  # fmt: skip
async def test_settings_that_leave_one_token_are_greedy(
    how: dict[str, float], engine: Engine
) -> None:
    assert await _generate(engine, **how) == await _generate(engine, temperature=0)


@pytest.mark.parametrize(
    "how",
    [
        {"typical_p": 0.5},
        {"xtc_probability": 1.0, "xtc_threshold": 0.01},
        {"dynatemp_range": 0.9, "temperature": 1.0},
        {"mirostat": 1},
        {"mirostat": 2},
        {"top_n_sigma": 1.0},
        {"top_k": 2},
        {"temperature": 3.0},
    ],
)
async def test_every_sampler_changes_what_is_drawn(how: dict[str, float], engine: Engine) -> None:
    plain = await _generate(engine, 40, seed=3)
    assert await _generate(engine, 40, seed=3, **how) != plain


async def test_penalties_look_at_the_prompt_too(engine: Engine) -> None:
    for penalty in ({"repeat_penalty": 5.0}, {"presence_penalty": 2.0}, {"frequency_penalty": 2.0}):
        for last in (64, -1, 1 << 40):
            (found,) = await _generate(
                engine, 30, prompt=(*PROMPT, *PROMPT), temperature=0, repeat_last_n=last,
                **{name: value * 20 for name, value in penalty.items()}
            )  # fmt: skip
            assert not set(found) & set(PROMPT)
            assert len(set(found)) == len(found), "nothing twice under so strong a penalty"


async def test_dry_breaks_a_repetition(engine: Engine) -> None:
    (free,) = await _generate(engine, 12, temperature=0)
    prompt = (*PROMPT, *free, *PROMPT)
    (repeated,) = await _generate(engine, 12, prompt=prompt, temperature=0)
    (broken,) = await _generate(
        engine, 12, prompt=prompt, temperature=0, dry_multiplier=50.0, dry_allowed_length=1
    )
    assert broken != repeated


async def test_logit_bias_forces_and_forbids(engine: Engine) -> None:
    (forced,) = await _generate(engine, 5, temperature=1.0, logit_bias=((777, 100.0),))
    assert forced == [777] * 5
    (greedy,) = await _generate(engine, 5, temperature=0)
    forbidden = tuple((token, -100.0) for token in greedy)
    (other,) = await _generate(engine, 5, temperature=0, logit_bias=forbidden)
    assert not set(other) & set(greedy)


async def test_logprobs_are_of_the_unmodified_distribution(
    engine: Engine, random_model: RandomModel
) -> None:
    decoding = Decoding(
        sampling=Sampling(temperature=0.3, top_k=1, logit_bias=((777, 100.0),)),
        max_tokens=3,
        logprobs=4,
    )
    stream = await engine.submit((TokenPart(PROMPT),), decoding)
    entries = [entry async for output in stream for entry in output.logprobs]
    rows = _logits(random_model("llama"), (*PROMPT, 777, 777))[len(PROMPT) - 1 :]
    assert [entry.id for entry in entries] == [777] * 3
    for entry, row in zip(entries, rows, strict=True):
        logprobs = row - np.log(np.exp(row - row.max()).sum()) - row.max()
        assert entry.logprob == pytest.approx(logprobs[777], abs=2e-3)
        best = np.argsort(-logprobs)[:4]
        assert [other.id for other in entry.top] == best.tolist()
        assert [o.logprob for o in entry.top] == pytest.approx(logprobs[best], abs=2e-3)


async def test_prompt_logprobs(engine: Engine, random_model: RandomModel) -> None:
    prompt = tuple(int(t) for t in np.random.default_rng(0).integers(10, 4000, 200))
    decoding = Decoding(max_tokens=0, prompt_logprobs=2)
    stream = await engine.submit((TokenPart(prompt),), decoding)
    finishes = [output.finish async for output in stream]
    assert isinstance(finishes[-1], Finish)
    assert finishes[-1].reason is FinishReason.LENGTH
    assert finishes[-1].completion_tokens == 0
    entries = stream.prompt_logprobs
    assert [entry.id for entry in entries] == list(prompt)
    assert entries[0].logprob is None
    rows = _logits(random_model("llama"), prompt)
    for entry, row in zip(entries[1:], rows, strict=False):
        expected = row[entry.id] - row.max() - math.log(np.exp(row - row.max()).sum())
        assert entry.logprob == pytest.approx(expected, abs=0.1)
        assert len(entry.top) == 2


@pytest.mark.parametrize(
    "how",
    [
        {"temperature": 9e-6},
        {"temperature": 1e-40},
        {"temperature": 5e-324},
        {"temperature": 1e-40, "mirostat": 2},
        {"temperature": 1e-9, "dynatemp_range": 0.0, "repeat_penalty": 1.0001},
        {"temperature": 1e-9, "adaptive_target": 0.5},
        {"temperature": 1e-9, "samplers": ("temperature",)},
        {"temperature": 1.0, "dynatemp_range": 1.0, "dynatemp_exponent": 900.0},
        {"temperature": 1e-4, "dynatemp_range": 1e-4 - 1e-20, "dynatemp_exponent": 900.0},
    ],
)
async def test_temperatures_that_cannot_be_divided_by_are_greedy(
    engine: Engine, how: dict[str, object]
) -> None:
    """Their logits were infinite, and what was drawn was noise."""
    (greedy,) = await _generate(engine, temperature=0.0)
    assert [greedy] * 2 == await _generate(engine, n=2, **how)
