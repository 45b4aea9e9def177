"""SmolLM2-135M-Instruct through OpenAI's client: what a model of real weights does here."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import openai
import pytest
from pydantic import BaseModel

if TYPE_CHECKING:
    from tests.running import RunningServer

pytestmark = pytest.mark.real_models

MODEL = "SmolLM2-135M-Instruct.Q4_1"
GREEDY: dict[str, Any] = {"model": MODEL, "temperature": 0}
TOOLS: Any = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "The weather of a city.",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string", "maxLength": 30}},
                "required": ["city"],
                "additionalProperties": False,
            },
        },
    }
]


class Person(BaseModel):
    name: str
    age: int


def user(text: str) -> Any:
    return [{"role": "user", "content": text}]


def test_the_package_names_the_model(smol: openai.OpenAI) -> None:
    assert [model.id for model in smol.models.list()] == [MODEL]


def test_chat(smol: openai.OpenAI) -> None:
    messages = user("Write one sentence about the sea.")
    answer = smol.chat.completions.create(**GREEDY, messages=messages, max_tokens=40)
    assert re.search(r"\b(sea|ocean|water)\b", answer.choices[0].message.content or "")
    usage = answer.usage
    assert usage is not None
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens


def test_stream(smol: openai.OpenAI) -> None:
    chunks = list(
        smol.chat.completions.create(
            **GREEDY,
            messages=user("Count from 1 to 10, separated by commas."),
            max_tokens=40,
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    parts = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert "1, 2, 3, 4, 5, 6, 7, 8, 9, 10" in "".join(parts)
    assert len([part for part in parts if part]) > 3
    ends = [c.choices[0].finish_reason for c in chunks if c.choices if c.choices[0].finish_reason]
    assert len(ends) == 1
    assert chunks[-1].usage is not None


@pytest.mark.parametrize("choice", ["required", "auto"])
def test_tools(smol: openai.OpenAI, choice: Any) -> None:
    """``auto`` leaves it to a small model, which may answer in words: markup is no such answer."""
    answer = smol.chat.completions.create(
        **GREEDY,
        messages=user("What is the weather in Paris?"),
        tools=TOOLS,
        tool_choice=choice,
        parallel_tool_calls=False,
        max_tokens=60,
    )
    message = answer.choices[0].message
    calls = message.tool_calls or []
    if choice == "auto" and not calls:
        assert answer.choices[0].finish_reason in {"stop", "length"}
        assert message.content
        assert "tool_call" not in message.content
        return
    assert answer.choices[0].finish_reason == "tool_calls"
    assert [call.function.name for call in calls if call.type == "function"] == ["get_weather"]
    (call,) = calls
    assert call.type == "function"
    assert json.loads(call.function.arguments)["city"] == "Paris"


def test_json(smol: openai.OpenAI) -> None:
    text = "Anna is 31 years old. Give me her name and age as JSON."
    answer = smol.chat.completions.parse(
        **GREEDY, messages=user(text), response_format=Person, max_tokens=60
    )
    assert answer.choices[0].message.parsed == Person(name="Anna", age=31)


def test_several_choices(smol: openai.OpenAI) -> None:
    answer = smol.chat.completions.create(
        model=MODEL, messages=user("Tell me a story."), n=3, seed=1, max_tokens=16, temperature=1
    )
    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    assert len({choice.message.content for choice in answer.choices}) == 3
    assert answer.usage is not None
    assert answer.usage.prompt_tokens < 60  # read once, counted once


def test_the_next_turn_finds_the_last_one(smol: openai.OpenAI) -> None:
    messages = user("What is a lighthouse? Answer in one sentence.")
    first = smol.chat.completions.create(**GREEDY, messages=messages, max_tokens=30)
    said = first.choices[0].message.content
    messages = [*messages, {"role": "assistant", "content": said}, *user("Where do they stand?")]
    second = smol.chat.completions.create(**GREEDY, messages=messages, max_tokens=1)
    assert first.usage is not None
    assert second.usage is not None
    assert second.usage.prompt_tokens_details is not None
    cached = second.usage.prompt_tokens_details.cached_tokens or 0
    # The answer may be spelled in other tokens when it comes back as text; what was asked is not.
    assert cached >= first.usage.prompt_tokens
    assert second.usage.prompt_tokens > cached


def test_text_that_repeats_itself_is_guessed(smol: openai.OpenAI) -> None:
    """Whether a guess pays is measured as steps go by, so a busy machine may need some of them."""
    text = "The days pass and the sea is blue. " * 6
    accepted = 0
    for _ in range(4):
        answer = smol.completions.create(
            **GREEDY, prompt=text, max_tokens=96, extra_body={"ignore_eos": True}
        )
        assert answer.choices[0].text.count("the sea is blue.") > 5
        accepted += (answer.model_extra or {})["timings"]["draft_n_accepted"]
        if accepted:
            break
    assert accepted > 0


def test_who_leaves_frees_a_slot(smol: openai.OpenAI, smol_server: RunningServer) -> None:
    """All slots are taken by long answers that nobody reads on; had they gone on, they would have
    written thousands of tokens before others got their turn."""
    slots = int(metric(smol_server, "slots"))
    before = metric(smol_server, "generated_tokens_total")
    long: dict[str, Any] = {"max_tokens": 1500, "extra_body": {"ignore_eos": True}}

    def leave(_: int) -> None:
        stream = smol.completions.create(**GREEDY, prompt="Once", stream=True, **long)
        next(iter(stream))
        stream.close()

    def ask(_: int) -> Any:
        return smol.completions.create(**GREEDY, prompt="Once", max_tokens=2)

    with ThreadPoolExecutor(slots) as threads:
        list(threads.map(leave, range(slots)))
        answers = list(threads.map(ask, range(slots)))
    assert all(answer.usage.completion_tokens == 2 for answer in answers)
    assert metric(smol_server, "generated_tokens_total") - before < 1500


def test_infill_is_refused_by_name(smol: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        smol.completions.create(**GREEDY, prompt="def f():", suffix="return x", max_tokens=4)
    assert caught.value.param == "suffix"
    assert MODEL in str(caught.value)


def metric(server: RunningServer, name: str) -> float:
    with server.client() as http:
        text = http.get("/metrics").text
    found = re.search(rf"^colonnade_{name}\{{.*\}} (\S+)$", text, re.MULTILINE)
    assert found is not None
    return float(found[1])
