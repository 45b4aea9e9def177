"""Whatever the body: a turn comes of it, or a failure that names what is wrong."""

from __future__ import annotations

import json
import time
from typing import Any, cast

import msgspec
from hypothesis import example, given
from hypothesis import strategies as st

from colonnade.api.chat_turn import chat_turn
from colonnade.api.completion_turns import completion_job
from colonnade.api.options import ApiOptions
from colonnade.api.schema.chat import ChatRequest
from colonnade.api.schema.completions import CompletionRequest
from colonnade.generation import ServedModel
from colonnade.messages import Failure, FailureKind, Submit
from colonnade.web.body import decode, shape_failure
from tests.api.fakes import FakeEngine, FakeTemplate, HereTemplate

MODEL = ServedModel("fake", 0, cast("Any", FakeEngine()), HereTemplate(FakeTemplate()))
OPTIONS = ApiOptions()
REFUSALS = {FailureKind.INVALID_REQUEST, FailureKind.UNSUPPORTED}

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)
words = st.sampled_from(["user", "assistant", "tool", "text", "none", "auto", "5", "a"])
likely = words | st.integers(-1, 3) | st.floats(0, 1) | st.booleans()
parts = st.dictionaries(st.sampled_from(["type", "text"]), words | values, max_size=2)
messages = st.dictionaries(
    st.sampled_from(["role", "content", "tool_calls", "tool_call_id", "name"]),
    words | values | st.lists(parts, max_size=2),
    max_size=4,
)
good_messages = st.just([{"role": "user", "content": "hi"}])


def bodies(request: type[msgspec.Struct]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(
        st.sampled_from(request.__struct_fields__),
        likely | values | st.dictionaries(words, likely, max_size=2),
        max_size=4,
    )


def check(request: type[msgspec.Struct], body: Any, make: Any) -> None:
    failure = None
    turns: tuple[Any, ...] = ()
    try:
        made = make(decode(json.dumps(body).encode(), request), MODEL, OPTIONS)
        turns = getattr(made, "turns", (made,))
    except Failure as refused:
        failure = refused
    if failure is not None:
        assert failure.kind in REFUSALS
        assert failure.message
    for turn in turns:
        # What is accepted must fit through the pipe to the worker.
        msgspec.msgpack.encode(Submit(1, (), turn.decoding))


@given(bodies(ChatRequest), good_messages | st.lists(messages, max_size=2) | values)
@example({"n_predict": -(2**70), "seed": -(2**70)}, [{"role": "user", "content": ""}])
def test_chat(body: dict[str, Any], messages: Any) -> None:
    check(ChatRequest, {**body, "messages": messages}, chat_turn)


@given(bodies(CompletionRequest), values | st.lists(values | st.integers(0, 9), max_size=3))
def test_completion(body: dict[str, Any], prompt: Any) -> None:
    check(CompletionRequest, {**body, "prompt": prompt}, completion_job)


@given(values)
def test_no_object_at_all(body: Any) -> None:
    check(ChatRequest, body, chat_turn)


def test_a_complaint_that_repeats_what_was_sent() -> None:
    """It may look like a place, and be as long as a body."""
    began = time.process_time()
    failure = shape_failure("Invalid enum value '" + " - at `$" * 20_000 + "'")
    assert time.process_time() - began < 2
    assert failure.param is None
    assert len(failure.message) < 600
    failure = shape_failure("Invalid enum value ' - at `$.no`' - at `$.yes`")
    assert failure.param == "yes"
    assert shape_failure("Expected `str`, got `int` - at key in `$.yes`").param == "yes"
