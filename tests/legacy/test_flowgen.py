"""FlowGen: its options, its two forms of calls, its streams; loading is in test_loading."""

from __future__ import annotations

import json
import re
from pathlib import Path

import httpx
import pytest

from colonnade.legacy import chat_options, load_options
from colonnade.legacy.option_table import Fate, page

ASK = [{"role": "user", "content": "Count from 1 to 3"}]
LISTED = '[calculate_sum(a=15, b=25), get_weather(location="Paris")]'
CALLS = [
    {"name": "calculate_sum", "arguments": {"a": 15, "b": 25}},
    {"name": "get_weather", "arguments": {"location": "Paris"}},
]
DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture
def ask(at):
    http = at("flowgen")

    def ask(messages=ASK, status=200, **fields):
        answer = http.post("/chat", json={"messages": messages, **fields})
        assert answer.status_code == status, answer.text
        return answer.json() if status == 200 else answer.json()["error"]

    return ask


def content(answer) -> str:
    return answer["choices"][0]["message"]["content"]


def test_the_answer(ask):
    answer = ask(options={"temperature": 0})
    assert content(answer) == "1, 2, 3"
    assert answer["choices"][0]["finish_reason"] == "stop"
    assert answer["tool_calls"] == []
    assert "warnings" not in answer


def test_max_tokens(ask):
    assert (
        ask(options={"max_tokens": 2, "temperature": 0})["choices"][0]["finish_reason"] == "length"
    )
    for unlimited in (0, -1):
        answer = ask(options={"max_tokens": unlimited, "temperature": 0})
        assert content(answer) == "1, 2, 3"


def test_a_suffix_and_an_echo(ask):
    assert content(ask(options={"suffix": " done", "temperature": 0})) == "1, 2, 3 done"
    echoed = content(ask(options={"echo": True, "temperature": 0}))
    assert echoed.endswith("1, 2, 3")
    assert "Count from 1 to 3" in echoed


def test_log_probabilities(ask):
    found = ask(options={"logprobs": 2, "temperature": 0})["choices"][0]["logprobs"]
    assert found.keys() == {"tokens", "token_logprobs", "top_logprobs", "text_offset"}
    assert "".join(found["tokens"]).startswith("1, 2, 3")
    assert all(len(top) >= 2 for top in found["top_logprobs"])


def test_stop_model_and_bias(ask):
    assert content(ask(options={"stop": "2", "temperature": 0})) == "1, "
    assert content(ask(options={"stop": ["3", ", 2"], "temperature": 0})) == "1"
    assert ask(options={"model": "mine"})["model"] == "mine"
    assert ask(options={"logit_bias": {"5": -1}})["choices"]


def test_a_grammar(ask):
    assert content(ask(options={"grammar": 'root ::= "yes" | "no"'})) in ("yes", "no")


def test_samplers_change_what_comes(ask):
    hot = {"temperature": 2, "top_k": 0, "top_p": 1, "min_p": 0, "max_tokens": 12}
    one = content(ask(options={**hot, "seed": 1}))
    assert content(ask(options={**hot, "seed": 1})) == one
    assert any(content(ask(options={**hot, "seed": seed})) != one for seed in range(2, 8))
    for more in (
        {"mirostat_mode": 2, "mirostat_tau": 3},
        {"typical_p": 0.5},
        {"frequency_penalty": 1},
    ):
        assert ask(options={**hot, **more})["choices"]


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"tfs_z": 0.5}, "tfs_z"),
        ({"prompt": "x"}, "prompt"),
        ({"stopping_criteria": []}, "stopping_criteria"),
        ({"logits_processor": {}}, "logits_processor"),
        ({"temperature": "hot"}, "temperature"),
        ({"temperature": -1}, "temperature"),
        ({"top_p": 7}, "top_p"),
        ({"max_tokens": "many"}, "max_tokens"),
        ({"logit_bias": {"x": 1}}, "logit_bias"),
        ({"logprobs": 50}, "logprobs"),
        ({"grammar": "root :::"}, "grammar"),
        ({"mirostat_mode": 5}, "mirostat"),
    ],
)
def test_wrong_options_are_named(ask, options, name):
    assert name in ask(options=options, status=400)


def test_what_asks_for_nothing_passes(ask):
    given = {"tfs_z": 1.0, "stopping_criteria": None, "seed": None, "stop": [], "logprobs": None}
    assert "warnings" not in ask(options=given)


def test_options_of_the_other_route_and_unknown_ones_are_named(ask):
    warnings = ask(options={"n_ctx": 512, "sparkle": True})["warnings"]
    assert re.search("n_ctx.*sparkle", " ".join(warnings))


@pytest.mark.parametrize(
    "fields",
    [
        {"messages": []},
        {"messages": "Hello"},
        {"messages": [{"role": "nobody", "content": "x"}]},
        {"messages": ASK, "tools": [{"type": "function"}]},
        {
            "messages": ASK,
            "response_format": {"type": "json_object", "schema": {"type": "nothing"}},
        },
        {"messages": ASK, "options": []},
    ],
)
def test_wrong_bodies(at, fields):
    answer = at("flowgen").post("/chat", json=fields)
    assert answer.status_code == 400
    assert answer.json().keys() == {"error"}


def test_calls_in_the_list_form_are_understood(ask):
    forced = "root ::= " + json.dumps(LISTED)
    answer = ask(options={"grammar": forced})
    assert answer["tool_calls"] == CALLS
    assert content(answer) == ""


def test_calls_in_tags_are_understood(ask):
    text = "".join(f"<tool_call>{json.dumps(call)}</tool_call>" for call in CALLS)
    answer = ask(options={"grammar": "root ::= " + json.dumps(text), "max_tokens": 200})
    assert answer["tool_calls"] == CALLS


def test_a_named_tool_has_an_object_for_arguments(ask):
    parameters = {
        "type": "object",
        "properties": {"city": {"enum": ["Paris"]}},
        "required": ["city"],
        "additionalProperties": False,
    }
    tools = [{"type": "function", "function": {"name": "weather", "parameters": parameters}}]
    message = [{"role": "user", "content": "What's the weather in Paris?"}]
    for call in ask(message, tools=tools)["tool_calls"]:
        assert call == {"name": "weather", "arguments": {"city": "Paris"}}


def test_a_stream(at):
    body = {
        "messages": ASK,
        "options": {"stream": True, "temperature": 0, "suffix": "!", "echo": True},
    }
    answer = at("flowgen").post("/chat", json=body)
    assert answer.headers["content-type"].startswith("text/event-stream")
    lines = [line.removeprefix("data: ") for line in answer.text.split("\n") if line]
    assert lines[-1] == "[DONE]"
    *pieces, completion = map(json.loads, lines[:-1])
    assert "".join(piece["content"] for piece in pieces) == content(completion["completion"])
    assert completion["completion"]["tool_calls"] == []


def test_a_stream_fails_before_its_headers(at):
    body = {"messages": [{"role": "user", "content": "word " * 5000}], "options": {"stream": True}}
    answer = at("flowgen").post("/chat", json=body)
    assert answer.status_code == 400
    assert "2048" in answer.json()["error"]


def test_no_other_route_on_its_port(legacy):
    assert httpx.get(legacy.services["FlowGen"] + "/health").status_code == 404


@pytest.mark.parametrize("options", [chat_options.OPTIONS, load_options.OPTIONS])
def test_every_option_is_in_the_page(options):
    text = (DOCS / "flowgen-options.md").read_text()
    assert "\n".join(page(options)) in text, (
        "run: python -m colonnade.legacy > docs/flowgen-options.md"
    )
    assert len({option.name for option in options}) == len(options)
    for option in options:
        assert option.note or option.fate is Fate.HONOURED
