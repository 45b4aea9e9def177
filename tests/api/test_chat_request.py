"""What of a chat request reaches the engine and the template, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_type_hints

import pytest
from openai.types.chat import completion_create_params as sdk

from colonnade.api.schema.chat import ChatRequest
from colonnade.messages import Decoding, Sampling
from tests.api.fakes import VOCAB_SIZE, FakeEngine, FakeTemplate

if TYPE_CHECKING:
    import httpx

MESSAGES = [{"role": "user", "content": "hi"}]
PATH = "/v1/chat/completions"
PARTS = [{"type": "text", "text": "a\n"}, {"type": "text", "text": "b"}]


async def decoding_of(client: httpx.AsyncClient, engine: FakeEngine, **fields: Any) -> Decoding:
    response = await client.post(PATH, json={"messages": MESSAGES, **fields})
    assert response.status_code == 200, response.text
    return engine.last.decoding


def test_every_documented_field_is_declared() -> None:
    documented = set(get_type_hints(sdk.CompletionCreateParamsStreaming))
    assert documented <= set(ChatRequest.__struct_fields__)


async def test_bare_request_takes_the_server_s_defaults(
    client: httpx.AsyncClient, engine: FakeEngine
) -> None:
    assert await decoding_of(client, engine) == Decoding()


SAMPLING: dict[str, Any] = {
    "temperature": 0.5,
    "dynatemp_range": 0.1,
    "dynatemp_exponent": 1.5,
    "top_k": 7,
    "top_p": 0.0,
    "min_p": 0.25,
    "typical_p": 0.75,
    "top_n_sigma": 1.5,
    "xtc_probability": 0.5,
    "xtc_threshold": 0.2,
    "dry_multiplier": 0.8,
    "dry_base": 2.0,
    "dry_allowed_length": 3,
    "dry_penalty_last_n": 64,
    "repeat_penalty": 1.25,
    "repeat_last_n": -1,
    "frequency_penalty": -2,
    "presence_penalty": 2.0,
    "mirostat": 2,
    "mirostat_tau": 4.0,
    "mirostat_eta": 0.25,
    "min_keep": 3,
    "adaptive_target": 0.5,
    "adaptive_decay": 0.75,
}


async def test_sampling_fields_reach_the_engine(
    client: httpx.AsyncClient, engine: FakeEngine
) -> None:
    got = await decoding_of(
        client,
        engine,
        **SAMPLING,
        dry_sequence_breakers=["\n", "."],
        seed=42,
        logit_bias=[[5, -100], [0, 1.5], ["a", False]],
        samplers="kt",
    )
    assert got.sampling == Sampling(
        **SAMPLING,
        dry_sequence_breakers=("\n", "."),
        seed=42,
        logit_bias=((5, -100.0), (0, 1.5)),
        biased_texts=(("a", -100.0),),
        samplers=("top_k", "temperature"),
    )
    others = {"dry_sequence_breakers", "seed", "logit_bias", "biased_texts", "samplers"}
    tested = {*SAMPLING, *others}
    assert tested == set(Sampling.__struct_fields__)


async def test_explicit_null_is_the_same_as_absent(
    client: httpx.AsyncClient, engine: FakeEngine
) -> None:
    optional = [name for name in ChatRequest.__struct_fields__ if name != "messages"]
    assert await decoding_of(client, engine, **dict.fromkeys(optional)) == Decoding()


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"max_tokens": 5}, {"max_tokens": 5}),
        ({"max_completion_tokens": 6, "max_tokens": 5}, {"max_tokens": 6}),
        ({"n_predict": 7}, {"max_tokens": 7}),
        ({"n_predict": -1}, {"max_tokens": None}),
        ({"max_tokens": 10**30}, {"max_tokens": 2**31 - 1}),
        ({"n": 8}, {"n": 8}),
        ({"stop": "end"}, {"stop": ("end",)}),
        ({"stop": ["a", "b"]}, {"stop": ("a", "b")}),
        ({"stop": []}, {"stop": ()}),
        ({"stop": ""}, {"stop": ()}),
        ({"stop": ["a", ""]}, {"stop": ("a",)}),
        ({"stream_options": {"include_usage": True}}, {}),
        ({"max_tokens": 2.0}, {"max_tokens": 2}),
        ({"n_cmpl": 2}, {"n": 2}),
        ({"n_probs": 2}, {"logprobs": 2}),
        ({"logprobs": True, "top_logprobs": 1, "n_probs": 3}, {"logprobs": 3}),
        ({"min_tokens": 3}, {"min_tokens": 3}),
        ({"stop_token_ids": [1, 2]}, {"stop_tokens": (1, 2)}),
        ({"include_stop_str_in_output": True}, {"show_stop": True}),
        ({"bad_words": ["a"]}, {"bad_words": ("a",)}),
        ({"allowed_token_ids": [1]}, {"allowed_tokens": (1,)}),
        ({"skip_special_tokens": False}, {"show_special": True}),
        ({"t_max_predict_ms": 5}, {"predict_ms": 5}),
        ({"t_max_predict_ms": -1}, {}),
        ({"truncate_prompt_tokens": 7}, {"most_prompt": 7}),
        (
            {"truncate_prompt_tokens": 7, "truncation_side": "right"},
            {"most_prompt": 7, "first_of_prompt": True},
        ),
        ({"return_tokens": True}, {"token_ids": True}),
        ({"cache_prompt": False}, {"reuse": False}),
        ({"cache_salt": "s"}, {"reuse": False, "share": False}),
        ({"logprobs": True, "logprob_token_ids": [4]}, {"logprobs": 0, "logprob_tokens": (4,)}),
        ({"logprobs": True}, {"logprobs": 0}),
        ({"logprobs": True, "top_logprobs": 20}, {"logprobs": 20}),
        ({"logprobs": False}, {"logprobs": None}),
        ({"logprobs": False, "top_logprobs": 0}, {"logprobs": None}),
        ({"ignore_eos": True}, {"ignore_eos": True}),
        ({"prediction": {"type": "content", "content": "a b"}}, {"prediction": "a b"}),
        ({"prediction": {"type": "content", "content": PARTS}}, {"prediction": "a\nb"}),
        ({"seed": -1}, {"sampling": Sampling()}),
        ({"seed": -2}, {"sampling": Sampling(seed=2**31 - 2)}),
        ({"max_tokens": -1}, {"max_tokens": None}),
        ({"seed": 2**70 + 3}, {"sampling": Sampling(seed=3)}),
        ({"repetition_penalty": 1.5}, {"sampling": Sampling(repeat_penalty=1.5)}),
        ({"temperature": 0}, {"sampling": Sampling(temperature=0)}),
    ],
)
async def test_fields_and_what_becomes_of_them(
    client: httpx.AsyncClient,
    engine: FakeEngine,
    fields: dict[str, Any],
    expected: dict[str, Any],
) -> None:
    assert await decoding_of(client, engine, **fields) == Decoding(**expected)


HARMLESS = {
    "store": True,
    "metadata": {"a": "b"},
    "user": "me",
    "service_tier": "priority",
    "prompt_cache_key": "k",
    "prompt_cache_retention": "24h",
    "prompt_cache_options": {"mode": "implicit"},
    "safety_identifier": "s",
    "verbosity": "low",
    "modalities": ["text"],
    "response_format": {"type": "text"},
    "parallel_tool_calls": False,
    "tools": [],
    "tool_choice": "none",
    "functions": [],
    "function_call": "auto",
    "grammar": "",
    "made_up": {"by": "someone"},
}


@pytest.mark.parametrize("field", HARMLESS)
async def test_harmless_wish_is_accepted(
    client: httpx.AsyncClient, engine: FakeEngine, field: str
) -> None:
    assert await decoding_of(client, engine, **{field: HARMLESS[field]}) == Decoding()


TOOL = {"type": "function", "function": {"name": "f", "parameters": {}}}


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({"tool_choice": "required"}, "tool_choice", "invalid_request"),
        ({"tool_choice": TOOL}, "tool_choice", "invalid_request"),
        ({"function_call": {"name": "f"}}, "function_call", "invalid_request"),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "x"}}},
            "response_format.json_schema.schema",
            "invalid_request",
        ),
        ({"modalities": ["text", "audio"]}, "modalities", "unsupported"),
        ({"audio": {"voice": "ash", "format": "wav"}}, "audio", "unsupported"),
        ({"web_search_options": {}}, "web_search_options", "unsupported"),
        ({"moderation": {"model": "m"}}, "moderation", "unsupported"),
        ({"top_logprobs": 1}, "top_logprobs", "invalid_request"),
        ({"max_tokens": 0}, "max_tokens", "invalid_request"),
        ({"n_predict": 0}, "max_tokens", "invalid_request"),
        ({"max_tokens": -2}, "max_tokens", "invalid_request"),
        ({"max_completion_tokens": 0}, "max_completion_tokens", "invalid_request"),
        ({"max_tokens": 1.5}, "max_tokens", "invalid_request"),
        ({"max_tokens": "5"}, "max_tokens", "invalid_request"),
        ({"max_tokens": True}, "max_tokens", "invalid_request"),
        ({"n": 0}, "n", "invalid_request"),
        ({"n": 9}, "n", "invalid_request"),
        ({"temperature": -0.1}, "temperature", "invalid_request"),
        ({"temperature": "hot"}, "temperature", "invalid_request"),
        ({"top_p": 1.1}, "top_p", "invalid_request"),
        ({"frequency_penalty": 2.1}, "frequency_penalty", "invalid_request"),
        ({"presence_penalty": -2.1}, "presence_penalty", "invalid_request"),
        ({"logprobs": 1}, "logprobs", "invalid_request"),
        ({"logprobs": True, "top_logprobs": 21}, "top_logprobs", "invalid_request"),
        ({"stop": ["a"] * 17}, "stop", "invalid_request"),
        ({"stop": [1]}, "stop[0]", "invalid_request"),
        ({"seed": 1.5}, "seed", "invalid_request"),
        ({"logit_bias": {"x": 1}}, "logit_bias", "invalid_request"),
        ({"logit_bias": {str(VOCAB_SIZE): 1}}, "logit_bias", "invalid_request"),
        ({"logit_bias": {"-1": 1}}, "logit_bias", "invalid_request"),
        ({"logit_bias": {"1": 101}}, "logit_bias", "invalid_request"),
        ({"logit_bias": [1]}, "logit_bias[0]", "invalid_request"),
        ({"logit_bias": [["a", True]]}, "logit_bias", "invalid_request"),
        ({"logit_bias": [[VOCAB_SIZE, 1]]}, "logit_bias", "invalid_request"),
        ({"min_tokens": 3, "max_tokens": 2}, "min_tokens", "invalid_request"),
        ({"min_tokens": -1}, "min_tokens", "invalid_request"),
        ({"allowed_token_ids": []}, "allowed_token_ids", "invalid_request"),
        ({"truncation_side": "up"}, "truncation_side", "invalid_request"),
        ({"samplers": ["nothing"]}, "samplers", "invalid_request"),
        ({"adaptive_decay": 1}, "adaptive_decay", "invalid_request"),
        ({"n_probs": 21}, "n_probs", "invalid_request"),
        ({"prediction": {"content": "a"}}, "prediction.type", "invalid_request"),
        (
            {"prediction": {"type": "content", "content": [{"text": "a"}]}},
            "prediction.content[0].type",
            "invalid_request",
        ),
        ({"prediction": {"type": "content"}}, "prediction.content", "invalid_request"),
        ({"prediction": {"type": "tokens", "content": "a"}}, "prediction.type", "invalid_request"),
        ({"prediction": "a"}, "prediction", "invalid_request"),
        ({"top_k": 2**31}, "top_k", "invalid_request"),
        ({"mirostat": 3}, "mirostat", "invalid_request"),
        ({"stream": "yes"}, "stream", "invalid_request"),
        ({"model": 1}, "model", "invalid_request"),
        ({"chat_template_kwargs": []}, "chat_template_kwargs", "invalid_request"),
    ],
)
async def test_wrong_or_impossible_wish_is_refused_by_name(
    client: httpx.AsyncClient,
    engine: FakeEngine,
    fields: dict[str, Any],
    param: str,
    code: str,
) -> None:
    response = await client.post(PATH, json={"messages": MESSAGES, **fields})
    assert response.status_code == 400, response.text
    error = response.json()["error"]
    assert (error["param"], error["code"]) == (param, code), error
    assert not engine.submitted


async def test_tools_that_may_not_be_called_are_not_in_the_way(
    client: httpx.AsyncClient, engine: FakeEngine
) -> None:
    assert await decoding_of(client, engine, tools=[TOOL], tool_choice="none") == Decoding()


async def test_template_gets_its_arguments(
    client: httpx.AsyncClient, engine: FakeEngine, template: FakeTemplate
) -> None:
    await decoding_of(
        client,
        engine,
        chat_template_kwargs={"enable_thinking": False},
        reasoning_effort="low",
        add_generation_prompt=False,
        verbosity="low",
        documents=[{"title": "a", "text": "b"}],
    )
    _, kwargs = template.rendered[-1]
    assert kwargs == {
        "enable_thinking": False,
        "reasoning_effort": "low",
        "add_generation_prompt": False,
        "verbosity": "low",
        "documents": [{"title": "a", "text": "b"}],
    }


async def test_model_by_name_by_default_and_unknown(
    client: httpx.AsyncClient, engine: FakeEngine
) -> None:
    for named in ({}, {"model": None}, {"model": ""}, {"model": "fake/model"}):
        response = await client.post(PATH, json={"messages": MESSAGES, **named})
        assert response.json()["model"] == "fake/model"
    response = await client.post(PATH, json={"messages": MESSAGES, "model": "other"})
    assert response.status_code == 404
    assert response.json()["error"]["code"] == "model_not_found"
    assert response.json()["error"]["param"] == "model"
    assert len(engine.submitted) == 4


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"nonsense",
        b"[]",
        b"null",
        b'{"messages": [], "temperature": NaN}',
        b'{"messages": [{"role": "user", "content": "x"}], "temperature": 1e400}',
        b'{"messages": [{"role": "user", "content": "x"}], "temperature": Infinity}',
        b'{"messages": [{"role": "user", "content": "\\ud800"}]}',
        b'{"messages": [{"role": "user", "content": "\xff"}]}',
        b'{"messages": ' + b"[" * 50_000,
        b'{"tools": ' + b"[" * 20_000 + b"]" * 20_000 + b', "messages": []}',
        b'{"messages": [{"role": "user", "content": "x"}]} and more',
    ],
)
async def test_what_is_not_the_right_json_is_refused(
    client: httpx.AsyncClient, body: bytes
) -> None:
    response = await client.post(PATH, content=body)
    assert response.status_code == 400, response.text
    assert response.json()["error"]["code"] == "invalid_request"


async def test_content_type_does_not_matter(client: httpx.AsyncClient) -> None:
    content = b'{"messages": [{"role": "user", "content": "x"}]}'
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""):
        response = await client.post(PATH, content=content, headers={"content-type": kind})
        assert response.status_code == 200, (kind, response.text)
