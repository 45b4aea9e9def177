"""Errors as OpenAI's clients raise them, and bad input of every kind."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import openai
import pytest

from tests.contract.shapes import check_error

if TYPE_CHECKING:
    import httpx

ASK: Any = [{"role": "user", "content": "Hello there!"}]
CHAT = "/v1/chat/completions"
COMPLETIONS = "/v1/completions"


def test_unknown_model(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        client.chat.completions.create(model="no-such-model", messages=ASK)
    assert caught.value.code == "model_not_found"
    assert caught.value.param == "model"
    assert caught.value.request_id
    assert caught.value.request_id.startswith("req_")


@pytest.mark.parametrize("stream", [False, True])
def test_prompt_longer_than_the_context(client: openai.OpenAI, model: str, stream: bool) -> None:
    long: Any = [{"role": "user", "content": "word " * 20_000}]
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model=model, messages=long, stream=stream)
    assert caught.value.code == "context_length_exceeded"
    assert caught.value.param == "messages"
    with pytest.raises(openai.BadRequestError) as caught:
        client.completions.create(model=model, prompt="word " * 20_000, stream=stream)
    assert caught.value.code == "context_length_exceeded"
    assert caught.value.param == "prompt"


BAD: list[tuple[str, str, bytes | dict[str, Any], int, str | None]] = [
    ("POST", CHAT, b"", 400, None),
    ("POST", CHAT, b"{", 400, None),
    ("POST", CHAT, b"\xff\xfe\x00", 400, None),
    ("POST", CHAT, b"[" * 100_000, 400, None),
    ("POST", CHAT, b'{"messages": [{"role": "user", "content": NaN}]}', 400, None),
    ("POST", CHAT, b'{"messages": [{"role": "user", "content": "\\ud800"}]}', 400, None),
    ("POST", CHAT, b'{"messages": [{"role": "user", "content": "\xff"}]}', 400, None),
    ("POST", CHAT, b'{"x": ' + b"[" * 9999 + b"]" * 9999 + b"}", 400, None),
    ("POST", CHAT, b'{"temperature": -Infinity}', 400, None),
    ("POST", CHAT, b'{"temperature": 1e999}', 400, "temperature"),
    ("POST", CHAT, b'{"max_tokens": ' + b"9" * 9999 + b"}", 400, "max_tokens"),
    ("POST", CHAT, b'{"messages": 5, "messages": []}', 400, "messages"),
    ("POST", CHAT, b'{"messages": [{"role": "user", "content": ""}]} {}', 400, None),
    ("POST", CHAT, b"a=b&c=d", 400, None),
    ("POST", CHAT, {}, 400, "messages"),
    ("POST", CHAT, {"messages": []}, 400, "messages"),
    ("POST", CHAT, {"messages": [{"role": "robot", "content": "x"}]}, 400, "messages[0].role"),
    ("POST", CHAT, {"messages": ASK, "n": 0}, 400, "n"),
    ("POST", CHAT, {"messages": ASK, "n": 10**9}, 400, "n"),
    ("POST", CHAT, {"messages": ASK, "temperature": -1}, 400, "temperature"),
    ("POST", CHAT, {"messages": ASK, "logit_bias": {"99999999": 1}}, 400, "logit_bias"),
    ("POST", CHAT, {"messages": ASK, "logit_bias": {"1e1": 1}}, 400, "logit_bias"),
    ("POST", CHAT, {"messages": ASK, "top_k": 10**20}, 400, "top_k"),
    ("POST", CHAT, {"messages": ASK, "model": "nobody's"}, 404, "model"),
    (
        "POST",
        CHAT,
        {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
        400,
        "messages[0].content[0].image_url",
    ),
    ("POST", COMPLETIONS, {"prompt": []}, 400, "prompt"),
    ("POST", COMPLETIONS, {"prompt": [-1]}, 400, "prompt"),
    ("POST", COMPLETIONS, {"prompt": [2**31]}, 400, "prompt"),
    ("POST", COMPLETIONS, {"prompt": [[1], "a"]}, 400, "prompt"),
    ("POST", COMPLETIONS, {"prompt": "a", "best_of": 2, "stream": True}, 400, "best_of"),
    ("POST", "/v1/nowhere", {}, 404, None),
    ("GET", CHAT, b"", 405, None),
    ("DELETE", "/v1/models", b"", 405, None),
]


@pytest.mark.parametrize(("method", "path", "body", "status", "param"), BAD)
def test_bad_input_is_refused_and_the_next_request_served(
    http: httpx.Client,
    method: str,
    path: str,
    body: bytes | dict[str, Any],
    status: int,
    param: str | None,
) -> None:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    response = http.request(method, path, content=content)
    assert response.status_code == status
    assert response.headers["x-request-id"]
    assert check_error(response.json())["param"] == param
    after = http.post(COMPLETIONS, json={"prompt": "a", "max_tokens": 1})
    assert after.status_code == 200


def test_body_over_the_limit(http: httpx.Client) -> None:
    response = http.post(CHAT, content=b" " * (33 * 2**20))
    assert response.status_code == 413
    assert check_error(response.json())["code"] == "request_too_large"


@pytest.mark.parametrize("path", [CHAT, COMPLETIONS])
def test_a_prompt_that_is_too_long_says_so_in_all_dialects(http: httpx.Client, path: str) -> None:
    """What clients look for in the messages of OpenAI, vLLM, llama-server and others. LiteLLM, too
    heavy to be installed for this, looks for each of the three and takes one for enough (1.110).
    """
    words = "word " * 20_000
    body = {"prompt": words, "messages": [{"role": "user", "content": words}]}
    response = http.post(path, json=body)
    assert response.status_code == 400
    message = response.json()["error"]["message"]
    assert re.match(
        r"This model's maximum context length is 2048 tokens\. "
        r"However, your prompt resulted in \d{5} tokens: ",
        message,
    )
    assert "the prompt is too long" in message
    assert "exceeds the available context size" in message


def test_deep_schemas_are_refused_and_hold_up_nobody(http: httpx.Client) -> None:
    def refused(depth: int) -> None:
        deep: Any = {"type": "string"}
        for _ in range(depth):
            deep = {"type": "array", "items": deep}
        form = {"type": "json_schema", "json_schema": {"name": "deep", "schema": deep}}
        tool = {"type": "function", "function": {"name": "f", "parameters": deep}}
        for wish in ({"response_format": form}, {"tools": [tool], "tool_choice": "required"}):
            response = http.post(CHAT, json={"messages": ASK, "max_tokens": 1, **wish})
            assert response.status_code in {200, 400}, response.text
            assert depth < 200 or response.status_code == 400

    for depth in (50, 200, 300, 400, 480, 900):
        refused(depth)
    flat = {"type": "json_object"}
    body = {"messages": ASK, "max_tokens": 1, "response_format": flat}
    assert http.post(CHAT, json=body).status_code == 200


def test_a_long_name_of_a_model_is_not_sent_back(http: httpx.Client) -> None:
    response = http.post(CHAT, json={"messages": ASK, "model": "m" * 100_000})
    assert response.status_code == 404
    assert len(response.content) < 1000
