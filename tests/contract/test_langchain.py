"""LangChain, which sends more nulls, names and odd histories than OpenAI's own clients do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from langchain_core.exceptions import ContextOverflowError
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_openai import ChatOpenAI

if TYPE_CHECKING:
    from tests.running import RunningServer

HISTORY: list[Any] = [
    SystemMessage("Be brief."),
    SystemMessage("And friendly."),
    HumanMessage([{"type": "text", "text": "2 + 2?", "cache_control": {"type": "ephemeral"}}]),
    AIMessage(
        "", tool_calls=[{"name": "add", "args": {"a": 2, "b": 2}, "id": "call_1"}], name="helper"
    ),
    ToolMessage("4", tool_call_id="call_1", status="success"),
    AIMessage([{"type": "text", "text": "Four."}]),
    HumanMessage("Hello!"),
]


@pytest.fixture
def chat(server: RunningServer, model: str) -> ChatOpenAI:
    settings: dict[str, Any] = {
        "base_url": server.base_url,
        "api_key": "unused",
        "max_retries": 0,
        "max_tokens": 8,
        "temperature": 0,
    }
    return ChatOpenAI(model=model, **settings)


def test_history(chat: ChatOpenAI) -> None:
    answer = chat.invoke(HISTORY)
    assert answer.usage_metadata
    assert answer.usage_metadata["output_tokens"] <= 8
    assert answer.response_metadata["finish_reason"] in {"stop", "length"}


def test_stream_counts_its_tokens_once(chat: ChatOpenAI) -> None:
    pieces = list(chat.stream(HISTORY, stream_usage=True))
    assert "".join(piece.text for piece in pieces) == chat.invoke(HISTORY).text
    assert sum(piece.usage_metadata is not None for piece in pieces) == 1


async def test_batch(chat: ChatOpenAI) -> None:
    answers = await chat.abatch([[HumanMessage(f"Say {number}.")] for number in range(8)])
    assert all(answer.usage_metadata for answer in answers)


@pytest.mark.parametrize("stream", [False, True])
def test_a_prompt_that_is_too_long_is_langchains_own_error(chat: ChatOpenAI, stream: bool) -> None:
    """Its fall-backs and its summarizing start at this one."""
    with pytest.raises(ContextOverflowError):
        list(chat.stream("word " * 20_000)) if stream else chat.invoke("word " * 20_000)
