"""Greedy answers of real weights, token for token against llama-cpp-python's own ``Llama``.

Where batches have other shapes, kernels round in another way, so that log probabilities move a
little and near ties may fall otherwise: up to the first of those, the tokens must be the same.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.real.conftest import LONG

if TYPE_CHECKING:
    import openai

pytestmark = pytest.mark.real_models

TOKENS = 48 if LONG else 16
PROMPTS = [
    "1, 2, 3, 4, 5, 6, 7, 8,",
    "a b c d e f g h i j",
    "The capital of France is",
    "def add(a, b):\n    return a + b\n\ndef subtract(a, b):\n    return a -",
    "Question: What is 3 + 3?\nAnswer: 6\nQuestion: What is 4 + 4?\nAnswer:",
    # the same beginning, so that its end is read on top of what a slot remembers
    "Question: What is 3 + 3?\nAnswer: 6\nQuestion: What is 5 + 5?\nAnswer:",
]
BEYOND_THE_WINDOW = " ".join(f"{n} is followed by {n + 1}." for n in range(60))
"""About 580 tokens."""
NEAR_TIE = 0.7
"""Two tokens whose log probabilities differ by less may change places."""
MOVED = 0.5
"""By how much a log probability may be another one."""


def _reference(path: Path, prompts: list[str]) -> list[dict[str, Any]]:
    job = json.dumps({"path": str(path), "prompts": prompts, "tokens": TOKENS})
    script = Path(__file__).with_name("reference.py")
    done = subprocess.run(
        [sys.executable, str(script)],
        input=job,
        env=os.environ | {"OMP_WAIT_POLICY": "PASSIVE"},  # it may not have the cores for itself
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def _followed(client: openai.OpenAI, prompt: str, reference: dict[str, Any]) -> int:
    """How many tokens of the reference our answer repeats, up to a near tie that fell otherwise."""
    model = client.models.list().data[0].id
    answer = client.completions.create(
        model=model, prompt=prompt, max_tokens=TOKENS, temperature=0, logprobs=1
    )
    assert answer.usage is not None
    assert answer.usage.prompt_tokens == reference["prompt_tokens"]
    logprobs = answer.choices[0].logprobs
    assert logprobs is not None
    assert logprobs.tokens is not None
    assert logprobs.token_logprobs is not None
    ours = list(zip(logprobs.tokens, logprobs.token_logprobs, strict=True))
    for place, (text, logprob, gap) in enumerate(reference["entries"]):
        if place == len(ours) or ours[place][0] != text:
            assert gap < NEAR_TIE, f"{text!r} was expected at {place} of {ours}"
            return place
        assert ours[place][1] == pytest.approx(logprob, abs=MOVED), f"{text!r} at {place}"
    assert len(ours) == len(reference["entries"])
    return len(ours)


def _check(client: openai.OpenAI, path: Path, prompts: list[str]) -> None:
    references = _reference(path, prompts)
    pairs = zip(prompts, references, strict=True)
    followed = sum(_followed(client, prompt, reference) for prompt, reference in pairs)
    # Of a few answers a near tie may cut off the rest; most of it has been compared all the same.
    assert followed > 0.7 * sum(len(reference["entries"]) for reference in references)


def test_smol(smol: openai.OpenAI, smol_path: Path) -> None:
    _check(smol, smol_path, [*PROMPTS, *([BEYOND_THE_WINDOW] if LONG else [])])


def test_gemma(gemma: openai.OpenAI, gemma_path: Path) -> None:
    _check(gemma, gemma_path, [*PROMPTS, BEYOND_THE_WINDOW])
