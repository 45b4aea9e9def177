"""Predicted outputs of the embedded model, through OpenAI's client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import openai

ASK: Any = [{"role": "user", "content": "Count to 30."}]
GREEDY: dict[str, Any] = {"temperature": 0, "max_tokens": 100, "messages": ASK}

MOST_TRIES = 20
"""One bad moment may make guesses look dear for some hundred steps."""


def test_a_predicted_answer_is_the_same(client: openai.OpenAI, model: str) -> None:
    plain = client.chat.completions.create(model=model, **GREEDY)
    text = plain.choices[0].message.content
    assert text
    parts = [{"type": "text", "text": text[:9]}, {"type": "text", "text": text[9:]}]
    accepted = 0
    for number in range(MOST_TRIES):
        predicted: Any = {"type": "content", "content": parts if number % 2 else text}
        answer = client.chat.completions.create(
            model=model, prediction=predicted, n=1 + number % 2, **GREEDY
        )
        assert {choice.message.content for choice in answer.choices} == {text}
        assert answer.usage is not None
        details = answer.usage.completion_tokens_details
        assert details is not None
        assert details.accepted_prediction_tokens is not None
        assert details.rejected_prediction_tokens is not None
        assert details.accepted_prediction_tokens < answer.usage.completion_tokens
        accepted += details.accepted_prediction_tokens
        if accepted and number:
            break
    assert accepted > 0


def test_beside_log_probabilities_nothing_is_guessed(client: openai.OpenAI, model: str) -> None:
    """Guesses would move them."""
    predicted: Any = {"type": "content", "content": "1, 2, 3, 4, 5, 6, 7, 8, 9, 10"}
    answer = client.chat.completions.create(
        model=model, prediction=predicted, logprobs=True, **GREEDY
    )
    assert answer.usage is not None
    details = answer.usage.completion_tokens_details
    assert details is not None
    assert details.accepted_prediction_tokens == details.rejected_prediction_tokens == 0


def test_without_a_prediction_nothing_is_counted(client: openai.OpenAI, model: str) -> None:
    answer = client.chat.completions.create(model=model, **GREEDY)
    assert answer.usage is not None
    details = answer.usage.completion_tokens_details
    assert details is not None
    assert details.accepted_prediction_tokens == details.rejected_prediction_tokens == 0
