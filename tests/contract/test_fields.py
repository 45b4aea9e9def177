"""The table of fields against a real server: every row behaves as it says."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from openai.types import completion_create_params
from openai.types.chat import completion_create_params as chat_create_params

from colonnade.api.fields import Endpoint, Field, Standing
from colonnade.api.fields.declared import GENERATION_FIELDS as FIELDS
from colonnade.api.fields.page import render
from colonnade.api.fields.row import BOTH
from colonnade.api.schema.chat import ChatRequest
from colonnade.api.schema.completions import CompletionRequest
from tests.contract.field_effects import EFFECTS, SHOWN_BY

if TYPE_CHECKING:
    import httpx

ROOT = Path(__file__).parents[2]

PATHS = {Endpoint.CHAT: "/v1/chat/completions", Endpoint.COMPLETIONS: "/v1/completions"}
PLAIN: dict[Endpoint, dict[str, Any]] = {
    Endpoint.CHAT: {"messages": [{"role": "user", "content": "Hello!"}]},
    Endpoint.COMPLETIONS: {"prompt": "Once upon a time"},
}
SHORT = {"max_tokens": 6, "temperature": 0}


def rows(standing: Standing) -> list[Any]:
    """The rows of a standing, one for each endpoint."""
    return [
        pytest.param(field, endpoint, id=f"{endpoint}-{field.name}")
        for field in FIELDS
        if field.standing is standing
        for endpoint in field.endpoints
    ]


def answer(http: httpx.Client, endpoint: Endpoint, **fields: Any) -> Any:
    """What a client sees of an answer, but for what differs each time."""
    response = http.post(PATHS[endpoint], json=PLAIN[endpoint] | fields)
    assert response.status_code == 200, response.text
    if fields.get("stream"):
        return response.text.count("data:")
    body = response.json()
    for name in ("id", "created", "timings"):
        del body[name]
    body["usage"].pop("prompt_tokens_details", None)
    for choice in body["choices"]:
        for call in choice.get("message", {}).get("tool_calls", ()):
            del call["id"]
    return body


@pytest.mark.parametrize(
    ("endpoint", "struct"),
    [(Endpoint.CHAT, ChatRequest), (Endpoint.COMPLETIONS, CompletionRequest)],
)
def test_the_table_and_the_bodies_know_the_same_fields(
    endpoint: Endpoint, struct: type[ChatRequest | CompletionRequest]
) -> None:
    names = [field.name for field in FIELDS if endpoint in field.endpoints]
    assert sorted(names) == sorted(struct.__struct_fields__)


@pytest.mark.parametrize(
    ("endpoint", "params"),
    [
        (Endpoint.CHAT, chat_create_params.CompletionCreateParamsBase),
        (Endpoint.COMPLETIONS, completion_create_params.CompletionCreateParamsBase),
    ],
)
def test_the_table_holds_every_field_of_openai_client(endpoint: Endpoint, params: type) -> None:
    names = {field.name for field in FIELDS if endpoint in field.endpoints}
    assert set(params.__annotations__) <= names


def test_documentation_is_up_to_date() -> None:
    page = (ROOT / "docs" / "fields.md").read_text(encoding="utf-8")
    assert page == render(), "run: python -m colonnade.api.fields > docs/fields.md"


@pytest.mark.parametrize(("field", "endpoint"), rows(Standing.REFUSED))
def test_refused(http: httpx.Client, field: Field, endpoint: Endpoint) -> None:
    body = PLAIN[endpoint] | SHORT | {field.name: field.example}
    response = http.post(PATHS[endpoint], json=body)
    assert response.status_code == 400, response.text
    error = response.json()["error"]
    assert error["param"] == field.name
    assert error["message"] == field.note


@pytest.mark.parametrize("endpoint", BOTH)
def test_what_asks_for_nothing_is_not_refused(http: httpx.Client, endpoint: Endpoint) -> None:
    refused = [
        field
        for field in FIELDS
        if field.standing is Standing.REFUSED and endpoint in field.endpoints
    ]
    plain = answer(http, endpoint, **SHORT)
    for number in range(-1, max(len(field.neutral) for field in refused)):
        fields = {
            field.name: field.neutral[number] if 0 <= number < len(field.neutral) else None
            for field in refused
        }
        assert answer(http, endpoint, **SHORT, **fields) == plain


@pytest.mark.parametrize(("field", "endpoint"), rows(Standing.WITHOUT_EFFECT))
def test_without_effect(http: httpx.Client, field: Field, endpoint: Endpoint) -> None:
    plain = answer(http, endpoint, **SHORT)
    assert answer(http, endpoint, **SHORT, **{field.name: field.example}) == plain


@pytest.mark.parametrize(("field", "endpoint"), rows(Standing.DONE))
def test_done(http: httpx.Client, field: Field, endpoint: Endpoint) -> None:
    """Either the field makes a difference here, or a test of its own is named."""
    key = f"{endpoint}.{field.name}"
    effect = EFFECTS.get(key, EFFECTS.get(field.name))
    if effect is None:
        path, _, name = SHOWN_BY.get(key, SHOWN_BY.get(field.name, "")).partition("::")
        assert f"def {name}(" in (ROOT / "tests" / path).read_text(encoding="utf-8")
        return
    without = answer(http, endpoint, **effect.beside)
    assert answer(http, endpoint, **effect.beside) == without, "it is no matter of luck"
    assert answer(http, endpoint, **effect.beside | {field.name: effect.value}) != without


VLLM_DEFAULTS: dict[str, Any] = {
    "frequency_penalty": 0.0,
    "presence_penalty": 0.0,
    "n": 1,
    "stop": [],
    "stream": False,
    "length_penalty": 1.0,
    "stop_token_ids": [],
    "include_stop_str_in_output": False,
    "ignore_eos": False,
    "min_tokens": 0,
    "skip_special_tokens": True,
    "spaces_between_special_tokens": True,
    "bad_words": [],
    "echo": False,
    "priority": 0,
    "return_token_offsets": False,
}
VLLM_CHAT_DEFAULTS: dict[str, Any] = {
    "logprobs": False,
    "top_logprobs": 0,
    "include_reasoning": True,
    "parallel_tool_calls": True,
    "add_generation_prompt": True,
    "continue_final_message": False,
    "add_special_tokens": False,
}
LLAMA_SERVER_DEFAULTS: dict[str, Any] = {
    "timings_per_token": False,
    "cache_prompt": True,
    "return_tokens": False,
    "return_progress": False,
    "n_keep": 0,
    "n_discard": 0,
    "n_cmpl": 1,
    "n_cache_reuse": 0,
    "t_max_predict_ms": -1,
    "mirostat": 0,
    "dynatemp_range": 0.0,
    "xtc_probability": 0.0,
    "dry_multiplier": 0.0,
    "adaptive_target": -1.0,
    "adaptive_decay": 0.9,
    "n_probs": 0,
    "min_keep": 0,
    "grammar": "",
    "logit_bias": [],
    "seed": -1,
    "id_slot": -1,
    "reasoning_format": "auto",
    "samplers": [
        "penalties",
        "dry",
        "top_n_sigma",
        "top_k",
        "typ_p",
        "top_p",
        "min_p",
        "xtc",
        "temperature",
    ],
}


@pytest.mark.parametrize("endpoint", BOTH)
def test_defaults_of_other_servers_change_nothing(http: httpx.Client, endpoint: Endpoint) -> None:
    plain = answer(http, endpoint, **SHORT)
    chat = VLLM_CHAT_DEFAULTS if endpoint is Endpoint.CHAT else {}
    for defaults in (VLLM_DEFAULTS | chat, LLAMA_SERVER_DEFAULTS):
        assert answer(http, endpoint, **SHORT, **defaults) == plain


def test_an_unknown_field_is_ignored(http: httpx.Client) -> None:
    for endpoint in BOTH:
        plain = answer(http, endpoint, **SHORT)
        assert answer(http, endpoint, **SHORT, made_up={"by": "someone"}) == plain


@pytest.mark.parametrize("endpoint", BOTH)
@pytest.mark.parametrize("stream", [False, True])
def test_the_answer_lists_the_fields_that_were_ignored(
    http: httpx.Client, endpoint: Endpoint, stream: bool
) -> None:
    body = PLAIN[endpoint] | SHORT | {"stream": stream}
    plain = http.post(PATHS[endpoint], json=body)
    assert "x-colonnade-ignored" not in plain.headers
    more = body | {"top_kk": 3, "made\nup": {"top_k": 1}, "ü": None}
    found = http.post(PATHS[endpoint], json=more)
    assert found.status_code == 200
    assert found.headers["x-colonnade-ignored"] == '"made%0Aup", "top_kk", "%C3%BC"'
    many = body | {f"field_{number}": 1 for number in range(1000)}
    listed = http.post(PATHS[endpoint], json=many).headers["x-colonnade-ignored"]
    assert len(listed) < 2100
    assert listed.endswith(' more"')
