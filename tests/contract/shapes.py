"""OpenAI's documented shapes, stricter than its clients are: what they fill in must be there."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from openai.types import Completion, CompletionUsage
from openai.types.chat import ChatCompletion, ChatCompletionChunk

if TYPE_CHECKING:
    from collections.abc import Iterable

_TOP = {"id", "object", "created", "model", "choices"}


def check_chat_completion(body: dict[str, Any]) -> ChatCompletion:
    assert body.keys() >= {*_TOP, "usage"}
    assert body["object"] == "chat.completion"
    for index, choice in enumerate(body["choices"]):
        assert choice.keys() == {"index", "message", "logprobs", "finish_reason"}
        assert choice["index"] == index
        assert choice["message"].keys() >= {"role", "content", "refusal"}
    check_usage(body["usage"])
    return ChatCompletion.model_validate_json(json.dumps(body), strict=True)


def check_chat_chunks(
    chunks: list[dict[str, Any]], *, n: int = 1, usage: bool = False
) -> list[ChatCompletionChunk]:
    """A whole stream: its chunks, and what they are together."""
    assert len({(chunk["id"], chunk["created"], chunk["model"]) for chunk in chunks}) == 1
    pieces = _pieces(chunks, usage=usage)
    for piece in pieces:
        assert piece.keys() == {"index", "delta", "logprobs", "finish_reason"}
    assert list(dict.fromkeys(piece["index"] for piece in pieces)) == list(range(n))
    for index in range(n):
        mine = [piece for piece in pieces if piece["index"] == index]
        assert ["role" in piece["delta"] for piece in mine] == [True] + [False] * (len(mine) - 1)
        ends = [piece["finish_reason"] for piece in mine]
        assert ends[-1] in {"stop", "length"}
        assert set(ends[:-1]) == {None}
    return [
        ChatCompletionChunk.model_validate_json(json.dumps(chunk), strict=True) for chunk in chunks
    ]


def check_completion(body: dict[str, Any]) -> Completion:
    assert body.keys() >= {*_TOP, "usage"}
    assert body["object"] == "text_completion"
    for index, choice in enumerate(body["choices"]):
        assert choice.keys() == {"index", "text", "logprobs", "finish_reason"}
        assert choice["index"] == index
    check_usage(body["usage"])
    # The SDK's type has no null in its lists, which OpenAI sends for a prompt's first token.
    return Completion.model_validate_json(json.dumps(_without_nulls(body)), strict=True)


def check_completion_chunks(
    chunks: list[dict[str, Any]], *, choices: int = 1, usage: bool = False
) -> None:
    pieces = _pieces(chunks, usage=usage)
    for piece in pieces:
        assert piece.keys() == {"index", "text", "logprobs", "finish_reason"}
    for index in range(choices):
        ends = [piece["finish_reason"] for piece in pieces if piece["index"] == index]
        assert ends[-1] in {"stop", "length"}
        assert set(ends[:-1]) <= {None}
    assert {piece["index"] for piece in pieces} == set(range(choices))


def check_usage(usage: dict[str, Any]) -> None:
    CompletionUsage.model_validate_json(json.dumps(usage), strict=True)
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert 0 <= usage["prompt_tokens_details"]["cached_tokens"] < usage["prompt_tokens"]
    assert usage["completion_tokens_details"]["reasoning_tokens"] == 0


def check_error(body: dict[str, Any]) -> dict[str, Any]:
    assert body.keys() == {"error"}
    error: dict[str, Any] = body["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    assert error["message"]
    assert isinstance(error["type"], str)
    return error


def data_lines(lines: Iterable[str]) -> list[dict[str, Any]]:
    """The events of a stream, which must end in [DONE] and hold nothing but data and comments."""
    given = [line for line in lines if line and not line.startswith(":")]
    assert given[-1] == "data: [DONE]"
    assert all(line.startswith("data: ") for line in given)
    return [json.loads(line.removeprefix("data: ")) for line in given[:-1]]


def _pieces(chunks: list[dict[str, Any]], *, usage: bool) -> list[dict[str, Any]]:
    """The choices of all chunks; the usage stands in a last chunk of its own, or nowhere."""
    for chunk in chunks:
        assert chunk.keys() >= _TOP
    body = chunks
    if usage:
        *body, last = chunks
        assert last["choices"] == []
        check_usage(last["usage"])
        assert {chunk["usage"] for chunk in body} == {None}
    else:
        assert not any("usage" in chunk for chunk in chunks)
    assert all(len(chunk["choices"]) == 1 for chunk in body)
    return [chunk["choices"][0] for chunk in body]


def _without_nulls(body: dict[str, Any]) -> dict[str, Any]:
    copy: dict[str, Any] = json.loads(json.dumps(body))
    for choice in copy["choices"]:
        for name, values in (choice["logprobs"] or {}).items():
            choice["logprobs"][name] = [value for value in values if value is not None]
    return copy
