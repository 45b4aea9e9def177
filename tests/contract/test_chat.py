"""Chat completions through OpenAI's clients."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.shapes import check_chat_chunks, check_chat_completion, data_lines

if TYPE_CHECKING:
    import httpx
    import openai

ASK: Any = [
    {"role": "system", "content": "You are helpful."},
    {"role": "user", "content": "Hello there!"},
]
SHORT: dict[str, Any] = {"messages": ASK, "max_completion_tokens": 12, "temperature": 0}


def test_answer(client: openai.OpenAI, model: str) -> None:
    raw = client.chat.completions.with_raw_response.create(model=model, **SHORT)
    assert raw.headers["content-type"] == "application/json"
    assert raw.headers["x-request-id"].startswith("req_")
    completion = check_chat_completion(raw.http_response.json())
    assert completion == raw.parse()
    assert completion.model == model
    assert completion.choices[0].finish_reason in {"stop", "length"}
    assert completion.usage
    assert completion.usage.completion_tokens <= 12
    timings = raw.http_response.json()["timings"]
    assert timings["predicted_n"] == completion.usage.completion_tokens
    assert timings["cache_n"] + timings["prompt_n"] == completion.usage.prompt_tokens


async def test_answer_to_the_async_client(async_client: openai.AsyncOpenAI, model: str) -> None:
    completion = await async_client.chat.completions.create(model=model, **SHORT)
    stream = await async_client.chat.completions.create(model=model, stream=True, **SHORT)
    text = ""
    async for chunk in stream:
        text += chunk.choices[0].delta.content or ""
    assert text == completion.choices[0].message.content


@pytest.mark.parametrize("usage", [False, True])
@pytest.mark.parametrize("n", [1, 3])
def test_stream(http: httpx.Client, usage: bool, n: int) -> None:
    body = SHORT | {"stream": True, "n": n}
    if usage:
        body["stream_options"] = {"include_usage": True}
    with http.stream("POST", "/v1/chat/completions", json=body) as response:
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        chunks = data_lines(response.iter_lines())
    check_chat_chunks(chunks, n=n, usage=usage)
    assert "timings" in chunks[-1]
    whole = http.post("/v1/chat/completions", json=SHORT | {"n": n}).json()
    for index in range(n):
        deltas = [
            choice["delta"].get("content", "")
            for chunk in chunks
            for choice in chunk["choices"]
            if choice["index"] == index
        ]
        assert "".join(deltas) == whole["choices"][index]["message"]["content"]


def test_stream_helper_reassembles_the_answer(client: openai.OpenAI, model: str) -> None:
    text = client.chat.completions.create(model=model, **SHORT).choices[0].message.content
    assert text
    # The helper takes no answer that ends for want of tokens.
    fields: Any = SHORT | {"model": model, "n": 2, "stop": text[-3:]}
    with client.chat.completions.stream(stream_options={"include_usage": True}, **fields) as stream:
        kinds = {event.type for event in stream}
        final = stream.get_final_completion()
    assert {"chunk", "content.delta", "content.done"} <= kinds
    whole = client.chat.completions.create(**fields)
    for mine, theirs in zip(final.choices, whole.choices, strict=True):
        assert mine.message.content == theirs.message.content
        assert mine.finish_reason == theirs.finish_reason
    assert final.usage
    assert whole.usage
    assert final.usage.total_tokens == whole.usage.total_tokens


def test_logprobs(client: openai.OpenAI, model: str) -> None:
    completion = client.chat.completions.create(model=model, logprobs=True, top_logprobs=4, **SHORT)
    check_chat_completion(completion.to_dict(mode="json"))
    choice = completion.choices[0]
    assert choice.logprobs
    assert choice.logprobs.content
    text = b"".join(bytes(token.bytes or ()) for token in choice.logprobs.content)
    assert text.decode(errors="replace") == choice.message.content
    for token in choice.logprobs.content:
        assert token.logprob <= 0
        likely = token.top_logprobs
        assert len(likely) == 4
        assert [each.logprob for each in likely] == sorted(
            (each.logprob for each in likely), reverse=True
        )
        assert sum(math.exp(each.logprob) for each in likely) <= 1.001
        assert likely[0].logprob == token.logprob  # temperature 0


def test_logprobs_of_a_stream_are_those_of_the_answer(http: httpx.Client) -> None:
    body = SHORT | {"logprobs": True, "top_logprobs": 1}
    whole = http.post("/v1/chat/completions", json=body).json()
    with http.stream("POST", "/v1/chat/completions", json=body | {"stream": True}) as response:
        chunks = data_lines(response.iter_lines())
    check_chat_chunks(chunks)
    streamed = [
        token["token"]
        for chunk in chunks
        for token in (chunk["choices"][0]["logprobs"] or {"content": []})["content"]
    ]
    expected = whole["choices"][0]["logprobs"]["content"]
    assert streamed == [token["token"] for token in expected]


def test_stop_string_ends_the_answer_before_itself(client: openai.OpenAI, model: str) -> None:
    text = client.chat.completions.create(model=model, **SHORT).choices[0].message.content
    assert text
    middle = text[len(text) // 2 : len(text) // 2 + 3]
    for stop in (middle, ["\0never", middle]):
        choice = client.chat.completions.create(model=model, stop=stop, **SHORT).choices[0]
        assert choice.message.content == text[: text.index(middle)]
        assert choice.finish_reason == "stop"
        stream = client.chat.completions.create(model=model, stop=stop, stream=True, **SHORT)
        streamed = "".join(chunk.choices[0].delta.content or "" for chunk in stream)
        assert streamed == choice.message.content


def test_token_limit(client: openai.OpenAI, model: str) -> None:
    fields: Any = {"messages": ASK, "extra_body": {"ignore_eos": True}}
    limits: list[Any] = [{"max_tokens": 5}, {"max_tokens": 9, "max_completion_tokens": 5}]
    for limit in limits:
        completion = client.chat.completions.create(model=model, **limit, **fields)
        assert completion.choices[0].finish_reason == "length"
        assert completion.usage
        assert completion.usage.completion_tokens == 5


def test_seed_repeats_and_choices_differ(client: openai.OpenAI, model: str) -> None:
    def texts(seed: int) -> list[str | None]:
        completion = client.chat.completions.create(
            model=model,
            messages=ASK,
            max_tokens=60,
            n=2,
            seed=seed,
            temperature=2,
            top_p=1,
            # a model that knows what to say must be made to ramble
            extra_body={"top_k": 0, "min_p": 0, "ignore_eos": True},
        )
        return [choice.message.content for choice in completion.choices]

    texts(-3)  # so that the prompt is cached for both that are compared
    first = texts(-3)
    assert texts(-3) == first
    assert first[0] != first[1]
    assert texts(4) != first


def test_logit_bias_and_sampling_extras(client: openai.OpenAI, model: str) -> None:
    token = 300
    name = client.completions.create(model=model, prompt=[token], echo=True, max_tokens=0)
    completion = client.chat.completions.create(
        model=model,
        messages=ASK,
        max_tokens=4,
        temperature=1,
        logit_bias={str(token): 100},
        extra_body={"top_k": 1, "min_p": 0.0, "repeat_penalty": 1.0, "ignore_eos": True},
    )
    assert completion.choices[0].message.content == name.choices[0].text * 4


HISTORY: Any = [
    {"role": "developer", "content": "Be brief."},
    {"role": "user", "content": [{"type": "text", "text": "What is 2 + 2?"}], "name": "ann"},
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {
                "id": "call_1",
                "type": "function",
                "function": {"name": "add", "arguments": '{"a": 2, "b": 2}'},
            }
        ],
    },
    {"role": "tool", "tool_call_id": "call_1", "content": "4"},
    {"role": "assistant", "content": "Four.", "annotations": [], "audio": None},
    {"role": "user", "content": "And now?"},
    {"role": "user", "content": "Hello?"},
]


def test_history_as_clients_send_it(client: openai.OpenAI, model: str) -> None:
    completion = client.chat.completions.create(model=model, messages=HISTORY, max_tokens=3)
    assert completion.usage
    assert completion.usage.prompt_tokens > 20


def test_second_turn_reuses_the_first(client: openai.OpenAI, model: str) -> None:
    first = client.chat.completions.create(model=model, **SHORT)
    answer: Any = {"role": "assistant", "content": first.choices[0].message.content}
    longer = [*ASK, answer, {"role": "user", "content": "And then?"}]
    second = client.chat.completions.create(model=model, messages=longer, max_tokens=3)
    assert second.usage
    assert second.usage.prompt_tokens_details
    assert second.usage.prompt_tokens_details.cached_tokens
