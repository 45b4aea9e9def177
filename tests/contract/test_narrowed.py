"""Answers whose schema could only be narrowed say so, as a header and beside ``timings``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import openai
    from openai.types.chat import ChatCompletion

HEADER = "x-colonnade-narrowed"
ASK: Any = [{"role": "user", "content": "A number, please."}]
GREEDY: dict[str, Any] = {"temperature": 0, "max_tokens": 200}
# What is no multiple of seven cannot be said in a grammar.
NUMBER = {"type": "integer", "if": {"multipleOf": 7}, "then": {"minimum": 70, "maximum": 100}}
SCHEMA = {
    "type": "object",
    "properties": {"größe": NUMBER},
    "required": ["größe"],
    "additionalProperties": False,
}
FORM: Any = {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}}
PLACE = "response_format.json_schema.schema#/properties/größe/if"
TOLD = [{"keyword": "if", "place": PLACE, "what": "values that do not satisfy 'if'"}]
AS_HEADER = f'"{PLACE}: {TOLD[0]["what"]}"'.replace("ö", "%C3%B6").replace("ß", "%C3%9F")


def narrowed(answer: Any) -> Any:
    return (answer.model_extra or {}).get("narrowed")


def test_a_chat_answer_tells(client: openai.OpenAI, model: str) -> None:
    raw = client.chat.completions.with_raw_response.create(
        model=model, messages=ASK, response_format=FORM, **GREEDY
    )
    assert raw.headers[HEADER] == AS_HEADER
    answer: ChatCompletion = raw.parse()
    assert narrowed(answer) == TOLD
    number = json.loads(answer.choices[0].message.content or "")["größe"]
    assert number in (70, 77, 84, 91, 98)


@pytest.mark.parametrize("usage", [False, True])
def test_a_stream_tells_first_and_last(client: openai.OpenAI, model: str, usage: bool) -> None:
    options: Any = {"stream_options": {"include_usage": True}} if usage else {}
    raw = client.chat.completions.with_raw_response.create(
        model=model, messages=ASK, response_format=FORM, stream=True, **GREEDY, **options
    )
    assert raw.headers[HEADER] == AS_HEADER
    *others, last = list(raw.parse())
    assert narrowed(last) == TOLD
    assert not any(map(narrowed, others))


@pytest.mark.parametrize("stream", [False, True])
def test_completions_tell(client: openai.OpenAI, model: str, stream: bool) -> None:
    raw: Any = client.completions.with_raw_response.create(
        model=model,
        prompt=["One:", "Two:"],
        stream=stream,
        extra_body={"json_schema": SCHEMA},
        **GREEDY,
    )
    place = PLACE.replace("response_format.json_schema.schema", "json_schema")
    assert raw.headers[HEADER].startswith('"json_schema#/')
    last = list(raw.parse())[-1] if stream else raw.parse()
    assert narrowed(last) == [{**TOLD[0], "place": place}]


def test_tools_tell_which_one(client: openai.OpenAI, model: str) -> None:
    plain = {"type": "function", "function": {"name": "other", "parameters": {"type": "object"}}}
    tool = {"type": "function", "function": {"name": "size", "parameters": SCHEMA}}
    choice = {"type": "function", "function": {"name": "size"}}
    answer: Any = client.chat.completions.create(
        model=model,
        messages=ASK,
        tools=[plain, tool],  # type: ignore[list-item]
        tool_choice=choice,  # type: ignore[arg-type]
        **GREEDY,
    )
    assert [each["place"] for each in narrowed(answer)] == [
        "tools[1].function.parameters#/properties/größe/if"
    ]


def test_nothing_is_told_where_nothing_is_lost(client: openai.OpenAI, model: str) -> None:
    kinds = {"oneOf": [{"type": "integer", "minimum": 1}, {"enum": ["none", "all"]}]}
    schema = {**SCHEMA, "properties": {"größe": kinds}}
    form: Any = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
    raw = client.chat.completions.with_raw_response.create(
        model=model, messages=ASK, response_format=form, **GREEDY
    )
    assert HEADER not in raw.headers
    assert narrowed(raw.parse()) is None
