"""Thoughts and tool calls in what the engine says, as the door hands them on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

import httpx
import pytest

from colonnade.api.options import ApiOptions
from colonnade.app import create_app
from colonnade.generation import Generator, Models, ServedModel
from colonnade.messages import FinishReason, TokenLogprob
from colonnade.prompt import ChatTemplate
from colonnade.web.access import Access
from demo_model.render import TEMPLATE_PATH
from tests.api.fakes import FakeEngine, HereTemplate, Submitted, events, model_info

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.anyio

PATH = "/v1/chat/completions"
ASK = {"messages": [{"role": "user", "content": "Hello"}]}
TOOL = {"type": "function", "function": {"name": "look_up", "parameters": {"type": "object"}}}
CUSTOM = {"type": "custom", "custom": {"name": "run"}}
TOKENS = {5: "<think>", 6: "</think>", 7: "<tool_call>", 8: "</tool_call>", 9: "<|im_end|>"}
CALL = '<tool_call>\n{"name": "look_up", "arguments": {"a": "é"}}\n</tool_call>'


@pytest.fixture
def engine() -> FakeEngine:
    names = {name: token for token, name in TOKENS.items()}
    return FakeEngine(
        model_info(special_tokens=TOKENS, control_tokens=(7, 8, 9), grammar_tokens=names)
    )


@pytest.fixture
async def client(engine: FakeEngine) -> AsyncIterator[httpx.AsyncClient]:
    template = ChatTemplate(TEMPLATE_PATH.read_text(encoding="utf-8"), name="model")
    models = Models()
    models.add(
        ServedModel("fake", 1700000000, cast("Any", engine), HereTemplate(template, engine.info))
    )
    app = create_app(Generator(models), models, ApiOptions(), Access.for_anyone())
    transport = httpx.ASGITransport(cast("Any", app))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client


def saying(*texts: str, reason: FinishReason = FinishReason.STOP) -> Any:
    """A script in which every choice says the same."""

    def script(submitted: Submitted) -> None:
        for choice in range(submitted.decoding.n):
            for text in texts:
                submitted.say(text, choice)
            submitted.end(choice, reason)

    return script


async def ask(client: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    response = await client.post(PATH, json=ASK | fields)
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    return body


async def deltas(client: httpx.AsyncClient, **fields: Any) -> list[dict[str, Any]]:
    response = await client.post(PATH, json=ASK | fields | {"stream": True})
    return [c for event in events(response.text)[:-1] for c in event["choices"]]


async def test_a_call_in_pieces(client: httpx.AsyncClient, engine: FakeEngine) -> None:
    engine.script = saying("Let me see.\n", *CALL, "\n")
    (choice,) = (await ask(client, tools=[TOOL]))["choices"]
    message = choice["message"]
    (call,) = message["tool_calls"]
    assert call["function"] == {"name": "look_up", "arguments": '{"a": "é"}'}
    assert call["id"].startswith("call_")
    assert "index" not in call
    assert message["content"] == "Let me see."
    assert choice["finish_reason"] == "tool_calls"


async def test_a_streamed_call(client: httpx.AsyncClient, engine: FakeEngine) -> None:
    engine.script = saying(*CALL, "\n", *CALL)
    found = await deltas(client, tools=[TOOL])
    calls = [call for choice in found for call in choice["delta"].get("tool_calls", ())]
    heads = [call for call in calls if "id" in call]
    assert [call["index"] for call in heads] == [0, 1]
    assert [call["function"] for call in heads] == [{"name": "look_up", "arguments": ""}] * 2
    for index in (0, 1):
        pieces = [c["function"]["arguments"] for c in calls if c["index"] == index]
        assert "".join(pieces) == '{"a": "é"}'
    assert found[-1]["finish_reason"] == "tool_calls"
    assert not any(choice["delta"].get("content") for choice in found)


async def test_cut_off_calls_end_by_length(client: httpx.AsyncClient, engine: FakeEngine) -> None:
    engine.script = saying(CALL[:50], reason=FinishReason.LENGTH)
    (choice,) = (await ask(client, tools=[TOOL]))["choices"]
    assert choice["finish_reason"] == "length"
    assert choice["message"]["tool_calls"][0]["function"]["name"] == "look_up"


async def test_a_custom_call(client: httpx.AsyncClient, engine: FakeEngine) -> None:
    engine.script = saying(
        '<tool_call>\n{"name": "run", "arguments": {"input": "a \\"b\\"\\n"}}\n</tool_call>'
    )
    (choice,) = (await ask(client, tools=[CUSTOM]))["choices"]
    (call,) = choice["message"]["tool_calls"]
    assert call["type"] == "custom"
    assert call["custom"] == {"name": "run", "input": 'a "b"\n'}
    found = await deltas(client, tools=[CUSTOM])
    calls = [call for choice in found for call in choice["delta"].get("tool_calls", ())]
    assert "".join(call["custom"]["input"] for call in calls) == 'a "b"\n'
    assert calls[0]["type"] == "custom"


async def test_the_oldest_form(client: httpx.AsyncClient, engine: FakeEngine) -> None:
    engine.script = saying(CALL)
    (choice,) = (await ask(client, functions=[TOOL["function"]]))["choices"]
    assert choice["finish_reason"] == "function_call"
    call = {"name": "look_up", "arguments": '{"a": "é"}'}
    assert choice["message"]["function_call"] == call
    assert "tool_calls" not in choice["message"]
    found = await deltas(client, functions=[TOOL["function"]])
    pieces = [c["delta"]["function_call"] for c in found if "function_call" in c["delta"]]
    assert pieces[0]["name"] == "look_up"
    assert "".join(piece["arguments"] for piece in pieces) == call["arguments"]


async def test_without_tools_a_call_is_text(client: httpx.AsyncClient, engine: FakeEngine) -> None:
    engine.script = saying(CALL)
    (choice,) = (await ask(client))["choices"]
    assert choice["message"]["content"] == CALL
    assert choice["finish_reason"] == "stop"


async def test_a_thought(client: httpx.AsyncClient, engine: FakeEngine) -> None:
    engine.script = saying("<thi", "nk>\nLet me", " think.\n</think>\n\n", "Yes.")
    body = await ask(client)
    message = body["choices"][0]["message"]
    assert message["content"] == "Yes."
    assert message["reasoning_content"] == message["reasoning"] == "Let me think."
    found = await deltas(client)
    thought = [c["delta"]["reasoning_content"] for c in found if "reasoning_content" in c["delta"]]
    assert "".join(thought) == "Let me think."
    hidden = (await ask(client, include_reasoning=False))["choices"][0]["message"]
    assert hidden["content"] == "Yes."
    assert "reasoning" not in hidden
    whole = (await ask(client, reasoning_format="none"))["choices"][0]["message"]
    assert whole["content"] == "<think>\nLet me think.\n</think>\n\nYes."


async def test_log_probabilities_are_not_lost(
    client: httpx.AsyncClient, engine: FakeEngine
) -> None:
    pieces = ["<think>", "\nhm", "\n</think>", "\n\n", "Yes", "."]

    def script(submitted: Submitted) -> None:
        for number, piece in enumerate(pieces):
            submitted.say(piece, 0, (TokenLogprob(number, piece.encode(), -1.0),))
        submitted.end()

    engine.script = script
    (choice,) = (await ask(client, logprobs=True))["choices"]
    assert [entry["token"] for entry in choice["logprobs"]["content"]] == pieces
    found = await deltas(client, logprobs=True)
    entries = [e for c in found if c["logprobs"] for e in c["logprobs"]["content"]]
    assert [entry["token"] for entry in entries] == pieces


async def test_choices_are_read_apart(client: httpx.AsyncClient, engine: FakeEngine) -> None:
    def script(submitted: Submitted) -> None:
        submitted.say("<tool_", 0)
        submitted.say("Text", 1)
        submitted.say(CALL.removeprefix("<tool_"), 0)
        submitted.say(" and more.", 1)
        submitted.end(1)
        submitted.end(0)

    engine.script = script
    first, second = (await ask(client, tools=[TOOL], n=2))["choices"]
    assert first["finish_reason"] == "tool_calls"
    assert (second["finish_reason"], second["message"]["content"]) == ("stop", "Text and more.")


async def test_what_the_engine_is_told(client: httpx.AsyncClient, engine: FakeEngine) -> None:
    engine.script = saying("Yes.")
    await ask(client, tools=[TOOL])
    auto = engine.last.decoding
    assert auto.constraint
    assert auto.constraint.triggers == ("<tool_call>",)
    assert set(auto.shown) == {7, 8}, "markers that are control tokens"
    await ask(client, tools=[TOOL], tool_choice="required")
    required = engine.last.decoding.constraint
    assert required
    assert required.triggers == ()
    assert "<[7]>" in required.grammar
    await ask(client, tools=[TOOL], tool_choice="none")
    assert engine.last.decoding.constraint is None
    thinking = {"chat_template_kwargs": {"enable_thinking": True}}
    await ask(client, thinking_budget=7, regex="a+", **thinking)
    told = engine.last.decoding
    assert told.thought
    assert (told.thought.opening, told.thought.closing) == ("<think>", "</think>")
    assert told.thought.budget == 7
    assert "</think>" in told.thought.ending
    await ask(client, regex="a+")
    assert engine.last.decoding.thought is None, "this template has to be asked for thoughts"


async def test_equal_wishes_are_made_a_grammar_of_once(
    client: httpx.AsyncClient, engine: FakeEngine
) -> None:
    engine.script = saying("1")
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    for _ in range(2):
        form = {"type": "json_schema", "json_schema": {"schema": json.loads(json.dumps(schema))}}
        await ask(client, response_format=form)
    first, second = (each.decoding.constraint for each in engine.submitted)
    assert first is second
