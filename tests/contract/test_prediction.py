"""Predicted outputs of the embedded model, through OpenAI's client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import openai

ASK: Any = [{"role": "user", "content": "Count to 30."}]
GREEDY: dict[str, Any] = {"temperature": 0, "max_tokens": 100, "messages": ASK}
"""So long an answer that guesses pay in the end, whatever a step costs here."""


def test_a_predicted_answer_is_the_same(client: openai.OpenAI, model: str) -> None:
    plain = client.chat.completions.create(model=model, **GREEDY)
    text = plain.choices[0].message.content
    assert text
    for content in (text, [{"type": "text", "text": text[:9]}, {"type": "text", "text": text[9:]}]):
        predicted: Any = {"type": "content", "content": content}
        answer = client.chat.completions.create(
            model=model, prediction=predicted, n=2, logprobs=True, **GREEDY
        )
        assert [choice.message.content for choice in answer.choices] == [text] * 2
        assert answer.usage is not None
        details = answer.usage.completion_tokens_details
        assert details is not None
        accepted, rejected = (
            details.accepted_prediction_tokens,
            details.rejected_prediction_tokens,
        )
        assert accepted is not None
        assert 0 < accepted < answer.usage.completion_tokens == 200
        assert rejected is not None
        assert rejected >= 0


def test_without_a_prediction_nothing_is_counted(client: openai.OpenAI, model: str) -> None:
    answer = client.chat.completions.create(model=model, **GREEDY)
    assert answer.usage is not None
    details = answer.usage.completion_tokens_details
    assert details is not None
    assert details.accepted_prediction_tokens == details.rejected_prediction_tokens == 0
