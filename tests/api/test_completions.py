"""The completions endpoint: its prompts, its own shape of log probabilities, echo and best_of."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, get_type_hints

import pytest
from openai.types import completion_create_params as sdk

from colonnade.api.schema.completions import CompletionRequest
from colonnade.messages import (
    Alternative,
    Decoding,
    FinishReason,
    TextPart,
    TokenLogprob,
    TokenPart,
)
from tests.api.fakes import VOCAB_SIZE, Exchange, FakeEngine, Submitted, events, model_info

if TYPE_CHECKING:
    import httpx

PATH = "/v1/completions"


def test_every_documented_field_is_declared() -> None:
    documented = set(get_type_hints(sdk.CompletionCreateParamsStreaming))
    assert documented <= set(CompletionRequest.__struct_fields__)


@pytest.mark.parametrize(
    ("prompt", "parts"),
    [
        ("a", [TextPart("a")]),
        ("", [TextPart("")]),
        (None, [TextPart("")]),
        (["a", "b"], [TextPart("a"), TextPart("b")]),
        ([1, 2], [TokenPart((1, 2))]),
        ([[1], [2, 3]], [TokenPart((1,)), TokenPart((2, 3))]),
    ],
)
async def test_forms_of_a_prompt(
    client: httpx.AsyncClient, engine: FakeEngine, prompt: Any, parts: list[Any]
) -> None:
    response = await client.post(PATH, json={"prompt": prompt, "n": 2})
    assert response.status_code == 200, response.text
    assert [each.prompt for each in engine.submitted] == [(part,) for part in parts]
    choices = response.json()["choices"]
    assert [choice["index"] for choice in choices] == list(range(2 * len(parts)))
    assert {choice["text"] for choice in choices} == {"Hello"}
    usage = response.json()["usage"]
    assert usage["prompt_tokens"] == 7 * len(parts)
    assert usage["completion_tokens"] == 6 * len(parts)
    assert usage["prompt_tokens_details"]["cached_tokens"] == 2 * len(parts)


@pytest.mark.parametrize(
    ("count", "fields", "param"),
    [
        (2048, {}, None),
        (256, {"n": 8}, None),
        (2049, {}, "prompt"),
        (257, {"n": 8}, "n"),
        (257, {"best_of": 8}, "best_of"),
        (1025, {"n": 1, "best_of": 2}, "best_of"),
    ],
)
async def test_answers_of_all_prompts_are_bounded_together(
    client: httpx.AsyncClient, count: int, fields: dict[str, Any], param: str | None
) -> None:
    response = await client.post(PATH, json={"prompt": ["a"] * count, **fields})
    assert response.status_code == (200 if param is None else 400)
    assert param is None or response.json()["error"]["param"] == param


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"prompt": []}, "prompt"),
        ({"prompt": [[]]}, "prompt"),
        ({"prompt": ["a", 1]}, "prompt"),
        ({"prompt": [1, "a"]}, "prompt"),
        ({"prompt": [[1], "a"]}, "prompt"),
        ({"prompt": [[1], 2]}, "prompt"),
        ({"prompt": [VOCAB_SIZE]}, "prompt"),
        ({"prompt": [-1]}, "prompt"),
        ({"prompt": [[10**30]]}, "prompt"),
        ({"prompt": [True]}, "prompt[0]"),
        ({"prompt": ["a"] * 2049}, "prompt"),
        ({"prompt": {}}, "prompt"),
        ({"prompt": "a", "max_tokens": 0}, "max_tokens"),
        ({"prompt": "a", "best_of": 1, "n": 2}, "best_of"),
        ({"prompt": "a", "best_of": 9}, "best_of"),
        ({"prompt": "a", "best_of": 2, "stream": True}, "best_of"),
        ({"prompt": "a", "logprobs": 21}, "logprobs"),
        ({"prompt": "a", "logprobs": True}, "logprobs"),
        ({"prompt": "a", "suffix": "b", "echo": True}, "echo"),
        ({"prompt": "a", "prompt_logprobs": 1, "stream": True}, "prompt_logprobs"),
        ({"prompt": "a", "suffix": "b", "truncate_prompt_tokens": 4}, "truncate_prompt_tokens"),
    ],
)
async def test_wrong_wish_is_refused_by_name(
    client: httpx.AsyncClient, engine: FakeEngine, fields: dict[str, Any], param: str
) -> None:
    response = await client.post(PATH, json=fields)
    assert response.status_code == 400, response.text
    assert response.json()["error"]["param"] == param, response.text
    assert not engine.submitted


async def test_suffix_goes_along(client: httpx.AsyncClient, engine: FakeEngine) -> None:
    for suffix in ("z", ""):
        await client.post(PATH, json={"prompt": "a", "suffix": suffix})
    assert [each.infill_suffix for each in engine.submitted] == ["z", None]
    engine.info = model_info(infill=False)
    response = await client.post(PATH, json={"prompt": "a", "suffix": "z"})
    assert response.status_code == 400
    assert response.json()["error"]["param"] == "suffix"


def token(text: str | bytes, logprob: float | None, **top: float) -> TokenLogprob:
    name = text.encode() if isinstance(text, str) else text
    alternatives = tuple(Alternative(1, word.encode(), value) for word, value in top.items())
    return TokenLogprob(1, name, logprob, alternatives)


PROMPT = (token("Once", None), token(" upon", -2.0, a=-1.0))


def tell(submitted: Submitted) -> None:
    """A text with a character in two tokens, and a token that cannot be."""
    submitted.stream.prompt_logprobs = PROMPT
    for choice in range(submitted.decoding.n):
        if submitted.decoding.max_tokens != 0:
            euro = (token(b"\xe2\x82", -0.5, x=-0.25, y=-3.0), token(b"\xac", -1.0))
            submitted.say("€", choice, euro)
            submitted.say("!", choice, (token("!", float("-inf")),))
        submitted.end(choice, FinishReason.LENGTH)


LOGPROBS: dict[str, Any] = {
    "tokens": ["bytes:\\xe2\\x82", "bytes:\\xac", "!"],
    "token_logprobs": [-0.5, -1.0, -9999.0],
    "top_logprobs": [
        {"x": -0.25, "y": -3.0, "bytes:\\xe2\\x82": -0.5},
        {"bytes:\\xac": -1.0},
        {"!": -9999.0},
    ],
    "text_offset": [0, 0, 1],
}
ECHOED = {
    "tokens": ["Once", " upon", *LOGPROBS["tokens"]],
    "token_logprobs": [None, -2.0, *LOGPROBS["token_logprobs"]],
    "top_logprobs": [None, {"a": -1.0, " upon": -2.0}, *LOGPROBS["top_logprobs"]],
    "text_offset": [0, 4, 9, 9, 10],
}


@pytest.mark.parametrize(
    ("fields", "text", "logprobs"),
    [
        ({"prompt": "Once upon"}, "€!", None),
        ({"prompt": "Once upon", "logprobs": 2}, "€!", LOGPROBS),
        ({"prompt": "Once upon", "echo": True}, "Once upon€!", None),
        ({"prompt": [5, 6], "echo": True}, "Once upon€!", None),
        ({"prompt": "Once upon", "echo": True, "logprobs": 2}, "Once upon€!", ECHOED),
        ({"prompt": [5, 6], "echo": True, "logprobs": 2}, "Once upon€!", ECHOED),
        ({"prompt": "Once upon", "echo": True, "max_tokens": 0}, "Once upon", None),
    ],
)
async def test_echo_and_logprobs(
    client: httpx.AsyncClient,
    engine: FakeEngine,
    fields: dict[str, Any],
    text: str,
    logprobs: dict[str, Any] | None,
) -> None:
    engine.script = tell
    whole = (await client.post(PATH, json=fields)).json()["choices"][0]
    assert whole == {
        "index": 0,
        "text": text,
        "logprobs": logprobs,
        "finish_reason": "length",
    }
    response = await client.post(PATH, json=fields | {"stream": True, "n": 2})
    *chunks, done = events(response.text)
    assert done == "[DONE]"
    for index in range(2):
        pieces = [chunk["choices"][0] for chunk in chunks]
        mine = [piece for piece in pieces if piece["index"] == index]
        assert "".join(piece["text"] for piece in mine) == text
        assert [piece["finish_reason"] for piece in mine].count("length") == 1
        told = [piece["logprobs"] for piece in mine if piece["logprobs"] is not None]
        if logprobs is None:
            assert not told
        else:
            assert {name: [x for part in told for x in part[name]] for name in logprobs} == logprobs


async def test_what_the_engine_is_asked_for_an_echo(
    client: httpx.AsyncClient, engine: FakeEngine
) -> None:
    engine.script = tell
    for fields, expected in (
        ({"prompt": "a", "echo": True}, Decoding()),
        ({"prompt": ["a", "b"], "echo": True}, Decoding()),
        ({"prompt": [1], "echo": True}, Decoding(prompt_logprobs=0)),
        (
            {"prompt": [1], "echo": True, "logprobs": 3},
            Decoding(prompt_logprobs=3, logprobs=3, logprob_of_end=True),
        ),
        (
            {"prompt": "a", "echo": True, "truncate_prompt_tokens": 5},
            Decoding(prompt_logprobs=0, most_prompt=5),
        ),
        ({"prompt": "a", "prompt_logprobs": 2}, Decoding(prompt_logprobs=2)),
        ({"prompt": "a", "echo": True, "max_tokens": 0}, Decoding(max_tokens=0)),
    ):
        await client.post(PATH, json=fields)
        assert engine.last.decoding == expected


@pytest.mark.parametrize("lead", ["<s>", " ", "<s> "])
async def test_what_the_tokenizer_puts_before_a_text_is_not_echoed(
    client: httpx.AsyncClient, engine: FakeEngine, lead: str
) -> None:
    engine.info = model_info(add_bos=True)

    def tell_with_lead(submitted: Submitted) -> None:
        bos = (token("<s>", None),) if lead.startswith("<s>") else ()
        space = " " if lead.endswith(" ") else ""
        submitted.stream.prompt_logprobs = (*bos, token(f"{space}Once", -1.0), token(" upon", -2.0))
        submitted.end()

    engine.script = tell_with_lead
    fields = {"prompt": "Once upon", "echo": True, "logprobs": 0, "max_tokens": 0}
    choice = (await client.post(PATH, json=fields)).json()["choices"][0]
    assert choice["text"] == "Once upon"
    assert choice["logprobs"]["tokens"] == ["Once", " upon"]
    assert choice["logprobs"]["text_offset"] == [0, 4]


async def test_the_best_of_several(client: httpx.AsyncClient, engine: FakeEngine) -> None:
    likelihood = [-2.0, -0.5, -3.0, -1.0]

    def compete(submitted: Submitted) -> None:
        for choice, logprob in enumerate(likelihood):
            submitted.say(f"{logprob} ", choice, (token("x", logprob),))
            if choice == 1:  # longer, and still the likeliest a token
                submitted.say("more", choice, (token("y", logprob),) * 4)
            submitted.end(choice)

    engine.script = compete
    response = await client.post(PATH, json={"prompt": "a", "best_of": 4, "n": 2})
    choices = response.json()["choices"]
    assert engine.last.decoding == Decoding(n=4, logprobs=0, logprob_of_end=True)
    assert [(choice["index"], choice["text"]) for choice in choices] == [
        (0, "-0.5 more"),
        (1, "-1.0 "),
    ]
    assert all(choice["logprobs"] is None for choice in choices)
    assert response.json()["usage"]["completion_tokens"] == 12


def said_by(exchange: Exchange, text: str) -> bool:
    return f'"{text}"'.encode() in exchange.body


async def test_prompts_are_streamed_side_by_side(app: Any, engine: FakeEngine) -> None:
    engine.script = lambda _: None
    exchange = Exchange(app, PATH, {"prompt": ["a", "b"], "n": 2, "stream": True})
    await exchange.until(lambda: len(engine.submitted) == 2)
    first, second = engine.submitted
    for submitted, choice, text in (
        (second, 1, "w"),
        (first, 0, "x"),
        (second, 0, "y"),
        (first, 1, "z"),
    ):
        submitted.say(text, choice)
        await exchange.until(partial(said_by, exchange, text))
    for submitted in engine.submitted:
        submitted.end(0)
        submitted.end(1)
    await exchange.done
    chunks = events(exchange.body)[:-1]
    said = [
        (chunk["choices"][0]["index"], chunk["choices"][0]["text"])
        for chunk in chunks
        if chunk["choices"][0]["finish_reason"] is None
    ]
    assert said == [(3, "w"), (0, "x"), (2, "y"), (1, "z")]


async def test_usage_comes_last_and_alone_when_asked_for(client: httpx.AsyncClient) -> None:
    body: dict[str, Any] = {"prompt": ["a", "b"], "stream": True}
    *chunks, last, done = events((await client.post(PATH, json=body)).text)
    assert done == "[DONE]"
    assert all("usage" not in chunk for chunk in (*chunks, last))
    assert [("timings" in chunk) for chunk in (*chunks, last)] == [False] * len(chunks) + [True]
    body["stream_options"] = {"include_usage": True}
    *chunks, last, done = events((await client.post(PATH, json=body)).text)
    assert all(chunk["usage"] is None and "timings" not in chunk for chunk in chunks)
    assert last["choices"] == []
    assert last["usage"]["total_tokens"] == 20
    assert last["timings"]["predicted_n"] == 6
