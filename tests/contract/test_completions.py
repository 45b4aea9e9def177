"""Completions through OpenAI's client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.contract.shapes import check_completion, check_completion_chunks, data_lines

if TYPE_CHECKING:
    import httpx
    import openai

SHORT: dict[str, Any] = {"max_tokens": 8, "temperature": 0}
PROMPT = "Once upon a time"
IDS = [300, 301, 302, 303]
"""Tokens of plain text in any vocabulary of bytes and their pairs."""


def test_one_prompt(client: openai.OpenAI, model: str) -> None:
    raw = client.completions.with_raw_response.create(model=model, prompt=PROMPT, **SHORT)
    completion = check_completion(raw.http_response.json())
    assert completion.choices[0].logprobs is None
    assert completion.usage
    assert completion.usage.completion_tokens <= 8


def test_no_limit_but_the_context(client: openai.OpenAI, model: str) -> None:
    completion = client.completions.create(
        model=model, prompt=PROMPT, temperature=0, logit_bias={"300": 100}, stop="\0never"
    )
    assert completion.usage
    assert completion.usage.completion_tokens > 16


def test_several_prompts_and_choices(client: openai.OpenAI, model: str, http: httpx.Client) -> None:
    for prompts in ([PROMPT, "The sun"], [IDS, IDS[:2]]):
        alone = [
            client.completions.create(model=model, prompt=prompt, **SHORT).choices[0].text
            for prompt in prompts
        ]
        fields = {"prompt": prompts, "n": 2, **SHORT}
        body = http.post("/v1/completions", json=fields).json()
        check_completion(body)
        texts = [choice["text"] for choice in body["choices"]]
        assert texts == [alone[0], alone[0], alone[1], alone[1]]
        with http.stream("POST", "/v1/completions", json=fields | {"stream": True}) as response:
            chunks = data_lines(response.iter_lines())
        check_completion_chunks(chunks, choices=4)
        for index in range(4):
            pieces = [chunk["choices"][0] for chunk in chunks]
            mine = [piece["text"] for piece in pieces if piece["index"] == index]
            assert "".join(mine) == texts[index]


def test_echo_with_logprobs(client: openai.OpenAI, model: str, http: httpx.Client) -> None:
    fields = {"prompt": PROMPT, "echo": True, "logprobs": 3, **SHORT}
    body = http.post("/v1/completions", json=fields).json()
    completion = check_completion(body)
    choice = completion.choices[0]
    plain = client.completions.create(model=model, prompt=PROMPT, **SHORT)
    assert choice.text == PROMPT + plain.choices[0].text
    logprobs = body["choices"][0]["logprobs"]
    assert logprobs["token_logprobs"][0] is None or logprobs["token_logprobs"][0] <= 0
    check_logprobs(logprobs, choice.text)
    with http.stream("POST", "/v1/completions", json=fields | {"stream": True}) as response:
        chunks = data_lines(response.iter_lines())
    check_completion_chunks(chunks)
    told = [chunk["choices"][0]["logprobs"] for chunk in chunks]
    for name in ("tokens", "text_offset"):
        assert [x for part in told if part for x in part[name]] == logprobs[name]


def check_logprobs(logprobs: dict[str, Any], text: str) -> None:
    assert logprobs.keys() == {"tokens", "token_logprobs", "top_logprobs", "text_offset"}
    assert len({len(each) for each in logprobs.values()}) == 1
    for token, logprob, top, offset in zip(
        logprobs["tokens"],
        logprobs["token_logprobs"],
        logprobs["top_logprobs"],
        logprobs["text_offset"],
        strict=True,
    ):
        if not token.startswith("bytes:"):
            assert text[offset : offset + len(token)] == token
        if logprob is not None:
            assert top[token] == logprob
            assert len(top) in {3, 4}


def test_echo_of_the_prompt_alone(client: openai.OpenAI, model: str) -> None:
    text = client.completions.create(model=model, prompt=PROMPT, echo=True, max_tokens=0)
    assert text.choices[0].text == PROMPT
    assert text.choices[0].finish_reason == "length"
    assert text.usage
    assert text.usage.completion_tokens == 0
    tokens = client.completions.create(model=model, prompt=IDS, echo=True, max_tokens=0, n=2)
    parts = [
        client.completions.create(model=model, prompt=[token], echo=True, max_tokens=0)
        for token in IDS
    ]
    joined = "".join(part.choices[0].text for part in parts)
    assert [choice.text for choice in tokens.choices] == [joined, joined]


def test_best_of(client: openai.OpenAI, model: str) -> None:
    completion = client.completions.create(
        model=model, prompt=PROMPT, best_of=4, n=2, max_tokens=6, seed=5, logprobs=0, temperature=1
    )
    assert [choice.index for choice in completion.choices] == [0, 1]
    means = []
    for choice in completion.choices:
        assert choice.logprobs
        assert choice.logprobs.token_logprobs
        means.append(sum(choice.logprobs.token_logprobs) / len(choice.logprobs.token_logprobs))
    assert means[0] >= means[1]
    assert completion.usage
    assert completion.usage.completion_tokens > 12


def test_usage_of_a_stream(http: httpx.Client) -> None:
    fields: dict[str, Any] = {"prompt": [PROMPT, "The sun"], "stream": True, **SHORT}
    fields["stream_options"] = {"include_usage": True}
    with http.stream("POST", "/v1/completions", json=fields) as response:
        chunks = data_lines(response.iter_lines())
    check_completion_chunks(chunks, choices=2, usage=True)


def test_empty_prompt(client: openai.OpenAI, model: str) -> None:
    completion = client.completions.create(model=model, prompt="", **SHORT)
    assert completion.usage
    assert completion.usage.prompt_tokens == 1


def test_more_prompts_than_the_queue_holds(client: openai.OpenAI, model: str) -> None:
    prompts = [f"Number {number}" for number in range(100)]
    answer = client.completions.create(model=model, prompt=prompts, max_tokens=1)
    assert [choice.index for choice in answer.choices] == list(range(100))
