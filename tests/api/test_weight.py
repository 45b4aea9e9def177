"""Bodies are weighed before they are decoded, and what they hold is counted before it is used."""

from __future__ import annotations

import json
from typing import Any, cast

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from colonnade.app import create_app
from colonnade.generation import Generator, Models
from colonnade.messages import Failure
from colonnade.web import weight
from colonnade.web.access import Access
from tests.api.test_any_body import MODEL
from tests.api.test_limits import OPTIONS, turn_of

texts = st.text(alphabet='a{[:,"\\é\n', max_size=12)
values = st.recursive(
    st.none() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=20,
)


def weighed(value: Any) -> int:
    """What a value weighs, by itself and with the commas in it."""
    if isinstance(value, dict):
        inner = sum(10 + weighed(each) for each in value.values())
    elif isinstance(value, list):
        inner = sum(map(weighed, value))
    else:
        return 0
    return 10 + inner + max(0, len(value) - 1)


@given(values, st.integers(1, 9), st.booleans())
def test_what_stands_in_texts_weighs_nothing(value: Any, size: int, escaped: bool) -> None:
    body = json.dumps(value, ensure_ascii=escaped).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(weight, "_SLICE", size)
        assert sum(weight._exact(body)) == weighed(value)
        assert sum(weight._rough(body)) >= weighed(value)


@given(st.binary(max_size=50), st.integers(1, 9))
def test_what_is_no_json_can_be_weighed(body: bytes, size: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(weight, "_SLICE", size)
        assert sum(weight._exact(body)) <= sum(weight._rough(body))


async def test_a_heavy_body_is_refused_and_a_long_text_is_not() -> None:
    await weight.check_weight(json.dumps({"a": '{"a": [1, 2, 3]}' * 99}).encode(), 50)
    with pytest.raises(Failure, match="too many objects"):
        await weight.check_weight(json.dumps([{}] * 5).encode(), 50)


USER = {"role": "user", "content": "a"}
CALL = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
MANY = 10_001


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        ("messages", {"messages": [USER] * MANY}),
        ("messages", {"messages": [{**USER, "content": [{"type": "text", "text": ""}] * MANY}]}),
        ("messages", {"messages": [USER, {"role": "assistant", "tool_calls": [CALL] * MANY}]}),
        ("tools", {"tools": [{"type": "function", "function": {"name": "f"}}] * 1025}),
        ("functions", {"functions": [{"name": "f"}] * 1025}),
        ("documents", {"documents": [{}] * MANY}),
    ],
)
def test_what_a_request_may_hold(field: str, fields: dict[str, Any]) -> None:
    with pytest.raises(Failure, match="are allowed") as raised:
        turn_of(MODEL, **fields)
    assert raised.value.param == field
    assert OPTIONS.max_messages < MANY


def test_what_a_request_may_just_hold() -> None:
    turn_of(MODEL, messages=[USER] * (MANY - 1))


async def test_every_route_weighs_its_body(models: Models) -> None:
    app = create_app(Generator(models), models, OPTIONS, Access.for_anyone())
    transport = httpx.ASGITransport(cast("Any", app))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        for path in ("/v1/chat/completions", "/v1/completions"):
            answer = await client.post(path, content=b"[" + b"[]," * 200_000 + b"[]]")
            assert answer.status_code == 400
            assert "too many objects" in answer.json()["error"]["message"]
