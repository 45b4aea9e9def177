"""Guessed tokens on real memory: answers are those without guesses, and take fewer steps.

The weights are such that the next token depends on the last one alone, so that a text soon runs in
a circle, and greedy answers do not hang on rounding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks.random_gguf import write_random_gguf
from colonnade.engine import Engine, LoadError
from colonnade.hub import resolve_model
from colonnade.messages import Decoding, Finish, LoadModel, Sampling, TextPart, TokenPart

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import RandomModel

pytestmark = pytest.mark.anyio

DEMO = resolve_model("demo", print).path
GREEDY = Sampling(temperature=0)
PROMPT = tuple(range(20, 60))


@pytest.fixture(scope="module")
def looping(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Files whose text runs in a circle."""
    folder = tmp_path_factory.mktemp("looping")
    kinds = ("llama", "qwen2", "sliding")
    return {
        kind: write_random_gguf(folder / f"{kind}.gguf", kind=kind, loops=True)  # type: ignore[arg-type]
        for kind in kinds
    }


async def _answer(path: Path | str, most: int = 200, **wishes: object) -> tuple[list[int], Finish]:
    """Token ids of a greedy answer by a worker of its own."""
    load = LoadModel(str(path), slots=2, threads=1, ctx_size=512, **wishes)  # type: ignore[arg-type]
    engine = await Engine.start(load)
    try:
        decoding = Decoding(GREEDY, max_tokens=most, token_ids=True, ignore_eos=True)
        stream = await engine.submit((TokenPart(PROMPT),), decoding)
        tokens, finish = [], None
        async for output in stream:
            tokens += output.ids
            finish = output.finish or finish
        assert finish is not None
        return tokens, finish
    finally:
        await engine.close()


@pytest.mark.parametrize("kind", ["llama", "qwen2", "sliding"])
async def test_text_that_repeats_itself(kind: str, looping: dict[str, Path]) -> None:
    plain, _ = await _answer(looping[kind], speculate=False)
    guessed, finish = await _answer(looping[kind], speculate=True)
    assert guessed == plain
    assert 0 < finish.accepted_tokens <= finish.drafted_tokens


@pytest.mark.parametrize("kind", ["hybrid", "recurrent"])
async def test_memory_that_cannot_take_back_is_left_alone(
    kind: str, random_model: RandomModel
) -> None:
    _, finish = await _answer(random_model(kind), most=20)
    assert finish.drafted_tokens == 0


async def test_a_draft_model_that_is_always_right(looping: dict[str, Path]) -> None:
    path = looping["llama"]
    plain, _ = await _answer(path, speculate=False)
    # the prompt takes the draft model two batches
    guessed, finish = await _answer(path, draft_path=str(path), batch_size=32)
    assert guessed == plain
    assert finish.accepted_tokens == finish.drafted_tokens > 0


async def test_a_draft_model_that_is_mostly_wrong(
    looping: dict[str, Path], random_model: RandomModel
) -> None:
    path = looping["qwen2"]
    plain, _ = await _answer(path, speculate=False)
    guessed, finish = await _answer(path, draft_path=str(random_model("llama")))
    assert guessed == plain
    assert finish.accepted_tokens < finish.drafted_tokens


@pytest.mark.parametrize(
    ("draft", "reason"),
    [
        ("recurrent", "cannot take back a wrong draft"),
        ("embedding", "does not generate text"),
        ("demo", "its vocabulary is another"),
        ("missing", "no such file"),
    ],
)
async def test_a_draft_model_that_does_not_fit(
    draft: str, reason: str, looping: dict[str, Path], random_model: RandomModel
) -> None:
    path = {"demo": DEMO, "missing": DEMO / "none"}.get(draft) or random_model(draft)
    with pytest.raises(LoadError, match=reason):
        await _answer(looping["llama"], draft_path=str(path))


async def test_the_same_seed_says_the_same() -> None:
    """Each token is drawn once, with the same numbers, whether it was guessed or not."""
    text = "one two three four five six " * 6
    prompt = f"<|im_start|>user\nRepeat this text: {text}<|im_end|>\n<|im_start|>assistant\n"
    said, accepted = [], 0
    for speculate in (False, True):
        load = LoadModel(str(DEMO), slots=2, threads=1, ctx_size=1024, speculate=speculate)
        engine = await Engine.start(load)
        try:
            for seed in range(4):
                decoding = Decoding(Sampling(temperature=0.7, seed=seed), max_tokens=80)
                stream = await engine.submit((TextPart(prompt, special=True),), decoding)
                said.append("")
                async for output in stream:
                    said[-1] += output.text
                    if output.finish is not None:
                        accepted += output.finish.accepted_tokens
        finally:
            await engine.close()
    assert said[:4] == said[4:]
    assert accepted > 0


@pytest.mark.parametrize("speculate", [True, False])
async def test_a_prediction_that_holds_for_the_most_part(speculate: bool) -> None:
    load = LoadModel(str(DEMO), slots=2, threads=1, ctx_size=1024, speculate=speculate)
    prompt = "<|im_start|>user\nCount to 30.<|im_end|>\n<|im_start|>assistant\n"
    counted = ", ".join(map(str, range(1, 27)))
    engine = await Engine.start(load)
    try:
        said: list[str] = []
        for predicted in ("", counted.replace(" 9, 10,", " nine,"), "nothing of the kind"):
            decoding = Decoding(GREEDY, max_tokens=90, prediction=predicted)
            stream = await engine.submit((TextPart(prompt),), decoding)
            said.append("")
            async for output in stream:
                said[-1] += output.text
                if output.finish is not None:
                    tried, right = (
                        output.finish.predicted_tokens,
                        output.finish.predicted_right_tokens,
                    )
            assert right <= tried
            assert bool(tried) <= bool(predicted and speculate)
    finally:
        await engine.close()
    assert said == [said[0]] * 3
    assert said[0].startswith(counted[:60])
