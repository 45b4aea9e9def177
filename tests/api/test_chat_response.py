"""The shape of chat answers, whole and streamed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from colonnade.messages import Alternative, FinishReason, TokenLogprob
from tests.api.fakes import FakeEngine, Submitted, events

if TYPE_CHECKING:
    import httpx

PATH = "/v1/chat/completions"
CHAT: dict[str, Any] = {"messages": [{"role": "user", "content": "hi"}]}
USAGE = {
    "prompt_tokens": 7,
    "completion_tokens": 6,
    "total_tokens": 13,
    "prompt_tokens_details": {"cached_tokens": 2, "audio_tokens": 0, "image_tokens": 0},
    "completion_tokens_details": {
        "reasoning_tokens": 0,
        "audio_tokens": 0,
        "accepted_prediction_tokens": 0,
        "rejected_prediction_tokens": 0,
    },
}
TIMINGS = {
    "cache_n": 2,
    "queue_ms": 1.0,
    "prompt_n": 5,
    "prompt_ms": 10.0,
    "prompt_per_token_ms": 2.0,
    "prompt_per_second": 500.0,
    "predicted_n": 6,
    "forced_n": 0,
    "draft_n": 0,
    "draft_n_accepted": 0,
    "predicted_ms": 20.0,
    "predicted_per_token_ms": 20 / 6,
    "predicted_per_second": 300.0,
}


async def test_whole_answer(client: httpx.AsyncClient) -> None:
    body = (await client.post(PATH, json=CHAT | {"n": 2})).json()
    assert body.pop("id").startswith("chatcmpl-")
    assert body.pop("created") > 1.7e9
    assert body.pop("system_fingerprint").startswith("colonnade-")
    assert body == {
        "object": "chat.completion",
        "model": "fake/model",
        "choices": [
            {
                "index": index,
                "message": {"role": "assistant", "content": "Hello", "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
            for index in range(2)
        ],
        "usage": USAGE,
        "timings": TIMINGS,
    }


def chunk_choice(
    index: int, delta: dict[str, Any], finish_reason: str | None = None
) -> dict[str, Any]:
    return {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish_reason}


async def test_streamed_answer(client: httpx.AsyncClient) -> None:
    body = CHAT | {"n": 2, "stream": True, "stream_options": {"include_usage": True}}
    *chunks, done = events((await client.post(PATH, json=body)).text)
    assert done == "[DONE]"
    role = {"role": "assistant", "content": "", "refusal": None}
    assert [chunk.pop("choices") for chunk in chunks] == [
        [chunk_choice(0, role)],
        [chunk_choice(1, role)],
        *(
            [choice]
            for index in range(2)
            for choice in (
                chunk_choice(index, {"content": "Hel"}),
                chunk_choice(index, {"content": "lo"}),
                chunk_choice(index, {}, "stop"),
            )
        ),
        [],
    ]
    assert [chunk.pop("usage") for chunk in chunks] == [None] * 8 + [USAGE]
    assert chunks[-1].pop("timings") == TIMINGS
    first = chunks[0]
    assert first.keys() == {"id", "object", "created", "model", "system_fingerprint"}
    assert first["object"] == "chat.completion.chunk"
    assert all(chunk == first for chunk in chunks)


async def test_stream_has_no_usage_unasked(client: httpx.AsyncClient) -> None:
    for options in ({}, {"stream_options": {"include_usage": False}}, {"stream_options": None}):
        response = await client.post(PATH, json=CHAT | {"stream": True, **options})
        *chunks, done = events(response.text)
        assert done == "[DONE]"
        assert all("usage" not in chunk and chunk["choices"] for chunk in chunks)
        assert chunks[-1]["timings"] == TIMINGS | {
            "predicted_n": 3,
            "forced_n": 0,
            "draft_n": 0,
            "draft_n_accepted": 0,
            "predicted_per_token_ms": 20 / 3,
            "predicted_per_second": 150.0,
        }
        assert all("timings" not in chunk for chunk in chunks[:-1])


def tell(submitted: Submitted) -> None:
    euro = TokenLogprob(1, b"\xe2\x82", -0.5, (Alternative(2, b"x", float("-inf")),))
    submitted.say("€", 0, (euro, TokenLogprob(2, b"\xac", -0.25)))
    submitted.end(0, FinishReason.LENGTH)


LOGPROBS = [
    {
        "token": "�",
        "logprob": -0.5,
        "bytes": [0xE2, 0x82],
        "top_logprobs": [{"token": "x", "logprob": -9999.0, "bytes": [120]}],
    },
    {"token": "�", "logprob": -0.25, "bytes": [0xAC], "top_logprobs": []},
]


async def test_logprobs(client: httpx.AsyncClient, engine: FakeEngine) -> None:
    engine.script = tell
    body = CHAT | {"logprobs": True, "top_logprobs": 1}
    choice = (await client.post(PATH, json=body)).json()["choices"][0]
    assert choice["finish_reason"] == "length"
    assert choice["logprobs"] == {"content": LOGPROBS, "refusal": None}
    *chunks, _ = events((await client.post(PATH, json=body | {"stream": True})).text)
    told = [chunk["choices"][0]["logprobs"] for chunk in chunks]
    assert told == [None, {"content": LOGPROBS, "refusal": None}, None]
