"""Wishes about a prompt's beginning and a stream's silence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import msgspec
import pytest

from colonnade.api.answer_stream import keep_alive
from colonnade.api.chat_turn import chat_turn
from colonnade.api.completion_turns import completion_job
from colonnade.api.options import ApiOptions
from colonnade.api.schema.chat import ChatRequest
from colonnade.api.schema.completions import CompletionRequest
from colonnade.generation import ServedModel
from colonnade.generation.builders import shared_builders
from colonnade.generation.preparation import prepare
from tests.api.fakes import FakeEngine, FakeTemplate, HereTemplate, model_info

if TYPE_CHECKING:
    from colonnade.generation import Turn

OPTIONS = ApiOptions()


def turn_of(model: ServedModel, **fields: Any) -> Turn:
    if "prompt" in fields:
        return completion_job(msgspec.convert(fields, CompletionRequest), model, OPTIONS).turns[0]
    messages = [{"role": "user", "content": "a"}]
    return chat_turn(msgspec.convert({"messages": messages, **fields}, ChatRequest), model, OPTIONS)


@pytest.mark.parametrize("fields", [{}, {"prompt": "a"}])
async def test_special_tokens_may_be_left_out(fields: dict[str, Any]) -> None:
    engine = FakeEngine(model_info(add_bos=True))
    model = ServedModel("fake", 0, cast("Any", engine), HereTemplate(FakeTemplate()))
    for wish, expected in (
        ({}, True),
        ({"add_special_tokens": None}, True),
        ({"add_special_tokens": True}, True),
        ({"add_special_tokens": False}, False),
    ):
        turn = turn_of(model, **fields, **wish)
        prepared = await prepare(turn, model, shared_builders(), "")
        assert prepared.add_bos is expected


def test_how_often_a_silent_stream_says_that_it_lives() -> None:
    options = ApiOptions(keep_alive_seconds=7)
    for wish, seconds in ((None, 7), (3, 3)):
        assert keep_alive(CompletionRequest(sse_ping_interval=wish), options) == seconds
    for never in (-1, 0):
        assert keep_alive(CompletionRequest(sse_ping_interval=never), options) > 86400
