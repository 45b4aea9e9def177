"""Messages: which shapes are taken, and what of them the template sees."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import httpx

    from tests.api.fakes import FakeEngine, FakeTemplate

PATH = "/v1/chat/completions"
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}

ACCEPTED: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"role": "system", "content": "s"}, {"role": "system", "content": "s"}),
    ({"role": "developer", "content": "d"}, {"role": "developer", "content": "d"}),
    (
        {"role": "user", "content": "u", "name": "ann", "extra": 1},
        {"role": "user", "content": "u", "name": "ann"},
    ),
    (
        {
            "role": "user",
            "content": [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}],
        },
        {"role": "user", "content": [{"type": "text", "text": "a"}]},
    ),
    ({"role": "assistant"}, {"role": "assistant", "content": None}),
    (
        {
            "role": "assistant",
            "content": None,
            "refusal": None,
            "annotations": [],
            "audio": None,
            "function_call": None,
            "tool_calls": None,
        },
        {"role": "assistant", "content": None},
    ),
    (
        {"role": "assistant", "content": None, "refusal": "no"},
        {"role": "assistant", "content": "no"},
    ),
    (
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]},
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]},
    ),
    (
        {"role": "assistant", "content": "a", "reasoning_content": "r"},
        {"role": "assistant", "content": "a", "reasoning_content": "r"},
    ),
    (
        {"role": "assistant", "tool_calls": [CALL]},
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
    ),
    (
        {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "f"}}]},
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"type": "function", "function": {"name": "f", "arguments": ""}}],
        },
    ),
    (
        {"role": "tool", "content": "7", "tool_call_id": "c1", "status": "success"},
        {"role": "tool", "content": "7", "tool_call_id": "c1"},
    ),
    (
        {"role": "function", "name": "f", "content": None},
        {"role": "function", "name": "f", "content": None},
    ),
]


@pytest.mark.parametrize(("given", "seen"), ACCEPTED)
async def test_message_as_the_template_sees_it(
    client: httpx.AsyncClient,
    template: FakeTemplate,
    given: dict[str, Any],
    seen: dict[str, Any],
) -> None:
    response = await client.post(PATH, json={"messages": [given]})
    assert response.status_code == 200, response.text
    messages, _ = template.rendered[-1]
    assert list(messages) == [seen]


GOOD = {"role": "user", "content": "x"}


@pytest.mark.parametrize(
    ("messages", "param", "code"),
    [
        (None, "messages", "invalid_request"),
        ([], "messages", "invalid_request"),
        ("hi", "messages", "invalid_request"),
        (["hi"], "messages[0]", "invalid_request"),
        ([{}], "messages[0].role", "invalid_request"),
        ([{"role": "robot", "content": "x"}], "messages[0].role", "invalid_request"),
        ([{"role": 1, "content": "x"}], "messages[0].role", "invalid_request"),
        ([GOOD, {"role": "user"}], "messages[1].content", "invalid_request"),
        ([GOOD, {"role": "user", "content": None}], "messages[1].content", "invalid_request"),
        ([{"role": "user", "content": 5}], "messages[0].content", "invalid_request"),
        ([{"role": "user", "content": {}}], "messages[0].content", "invalid_request"),
        ([{"role": "user", "content": [5]}], "messages[0].content[0]", "invalid_request"),
        (
            [{"role": "user", "content": [{"type": "text"}]}],
            "messages[0].content[0].text",
            "invalid_request",
        ),
        (
            [{"role": "user", "content": [{"type": "song"}]}],
            "messages[0].content[0].type",
            "invalid_request",
        ),
        (
            [{"role": "user", "content": [{"text": "x"}]}],
            "messages[0].content[0].type",
            "invalid_request",
        ),
        ([{"role": "tool", "content": 5}], "messages[0].content", "invalid_request"),
        (
            [{"role": "assistant", "tool_calls": [{"function": {}}]}],
            "messages[0].tool_calls[0].function.name",
            "invalid_request",
        ),
        (
            [GOOD, {"role": "assistant", "audio": {"id": "a"}}],
            "messages[1].audio",
            "unsupported",
        ),
        *(
            (
                [
                    GOOD,
                    {"role": "user", "content": [{"type": "text", "text": "x"}, {"type": kind}]},
                ],
                "messages[1].content[1]",
                "unsupported",
            )
            for kind in ("video_url", "input_video", "file")
        ),
    ],
)
async def test_wrong_message_is_refused_with_its_path(
    client: httpx.AsyncClient, engine: FakeEngine, messages: Any, param: str, code: str
) -> None:
    body = {} if messages is None else {"messages": messages}
    response = await client.post(PATH, json=body)
    assert response.status_code == 400, response.text
    error = response.json()["error"]
    assert (error["param"], error["code"]) == (param, code), error
    assert not engine.submitted
