"""Gemma 3 270M, a base model, through ``/v1/completions``: a large vocabulary, a short window."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import openai

pytestmark = pytest.mark.real_models

GREEDY: dict[str, Any] = {"model": "gemma", "temperature": 0}
WRITING = "naïve – Ελλάδα, 東京, العربية, 🐟🚀"


def test_text_goes_on(gemma: openai.OpenAI) -> None:
    answer = gemma.completions.create(**GREEDY, prompt="1, 2, 3, 4, 5, 6,", max_tokens=12)
    assert answer.choices[0].text.startswith(" 7, 8, 9")


def test_all_scripts_come_back_as_they_were(gemma: openai.OpenAI) -> None:
    answer = gemma.completions.create(**GREEDY, prompt=WRITING, echo=True, logprobs=0, max_tokens=1)
    (choice,) = answer.choices
    assert choice.text.startswith(WRITING)
    assert choice.logprobs is not None
    assert choice.logprobs.token_logprobs is not None
    assert all(logprob < 0 for logprob in choice.logprobs.token_logprobs[1:] if logprob)


def test_other_scripts_are_written(gemma: openai.OpenAI) -> None:
    """Characters of several tokens come whole."""
    prompt = "Greek: Α Β Γ Δ Ε\nJapanese: あ い う え お\nRussian: А Б В Г Д\nGreek: Α Β Γ"
    chunks = gemma.completions.create(**GREEDY, prompt=prompt, max_tokens=8, stream=True)
    text = "".join(chunk.choices[0].text for chunk in chunks if chunk.choices)
    assert text.startswith(" Δ Ε")
    assert "\ufffd" not in text


def test_a_grammar_over_the_whole_vocabulary(gemma: openai.OpenAI) -> None:
    answer = gemma.completions.create(
        **GREEDY,
        prompt="The capital of France is",
        max_tokens=8,
        extra_body={"regex": " (Athens|Paris|Rome)"},
    )
    assert answer.choices[0].text == " Paris"


def test_chat_is_possible_with_a_template_of_ours(gemma: openai.OpenAI) -> None:
    answer = gemma.chat.completions.create(
        **GREEDY, messages=[{"role": "user", "content": "Say a word."}], max_tokens=4
    )
    assert answer.usage is not None
    assert answer.usage.completion_tokens <= 4
