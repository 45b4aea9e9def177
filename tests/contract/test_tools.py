"""Tools through OpenAI's clients: the constraint guarantees what a call looks like, not whether
the small model makes one of its own accord."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, cast

import jsonschema
import openai
import pytest
from pydantic import BaseModel

from tests.contract.shapes import data_lines

if TYPE_CHECKING:
    import httpx

WEATHER: dict[str, Any] = {
    "type": "object",
    "properties": {
        "location": {"type": "string", "maxLength": 20},
        "unit": {"enum": ["celsius", "fahrenheit"]},
    },
    "required": ["location"],
    "additionalProperties": False,
}
SUM: dict[str, Any] = {
    "type": "object",
    "properties": {
        "a": {"type": "integer", "maximum": 99},
        "b": {"type": "integer", "maximum": 99},
    },
    "required": ["a", "b"],
}
TOOLS: Any = [
    {"type": "function", "function": {"name": "get_weather", "parameters": WEATHER}},
    {"type": "function", "function": {"name": "calculate_sum", "parameters": SUM}},
]
CONTRARY: Any = {
    "type": "function",
    "function": {
        "name": "contradict",
        "parameters": {
            "type": "object",
            "properties": {
                "a": {"allOf": [{"format": "date"}, {"format": "uuid"}], "type": "string"}
            },
            "required": ["a"],
        },
    },
}
"""What the compiler of grammars finds out."""
SCHEMAS = {"get_weather": WEATHER, "calculate_sum": SUM}
ASK: Any = [{"role": "user", "content": "What's the weather in Paris?"}]
NAMED: Any = {"type": "function", "function": {"name": "calculate_sum"}}
ALLOWED: Any = {
    "type": "allowed_tools",
    "allowed_tools": {"mode": "required", "tools": [NAMED]},
}
GREEDY: dict[str, Any] = {"temperature": 0, "max_tokens": 200}


def check_calls(calls: Any) -> list[str]:
    """Each call has a name that exists and arguments of its schema; returns the names."""
    assert calls
    for call in calls:
        assert call.id
        assert call.type == "function"
        jsonschema.validate(json.loads(call.function.arguments), SCHEMAS[call.function.name])
    return [call.function.name for call in calls]


@pytest.mark.parametrize(
    ("choice", "names"),
    [
        ("required", {"get_weather", "calculate_sum"}),
        (NAMED, {"calculate_sum"}),
        (ALLOWED, {"calculate_sum"}),
    ],
)
@pytest.mark.parametrize("temperature", [0, 1.5])
def test_a_call_that_is_asked_for_comes(
    client: openai.OpenAI, model: str, choice: Any, names: set[str], temperature: float
) -> None:
    wishes = {**GREEDY, "temperature": temperature, "seed": 1}
    completion = client.chat.completions.create(
        model=model, messages=ASK, tools=TOOLS, tool_choice=choice, **wishes
    )
    (answer,) = completion.choices
    assert answer.finish_reason == "tool_calls"
    assert answer.message.content is None
    assert set(check_calls(answer.message.tool_calls)) <= names


def test_a_named_tool_is_called_once(client: openai.OpenAI, model: str) -> None:
    completion = client.chat.completions.create(
        model=model, messages=ASK, tools=TOOLS, tool_choice=NAMED, **GREEDY
    )
    assert check_calls(completion.choices[0].message.tool_calls) == ["calculate_sum"]


def test_with_auto_it_calls_or_answers(client: openai.OpenAI, model: str) -> None:
    for question in ("What's the weather in London?", "Hello!", "What is 15 + 25?"):
        message = client.chat.completions.create(
            model=model,
            messages=[{"role": "user", "content": question}],
            tools=TOOLS,
            parallel_tool_calls=False,
            **GREEDY,
        ).choices[0]
        if message.message.tool_calls:
            assert message.finish_reason == "tool_calls"
            assert len(check_calls(message.message.tool_calls)) == 1
        else:
            assert message.finish_reason == "stop"
            assert message.message.content


def test_it_calls_a_tool_that_it_has_never_seen(client: openai.OpenAI, model: str) -> None:
    """Of its own accord: its name and parameter were in no training."""
    completion = client.chat.completions.create(
        model=model,
        messages=[{"role": "user", "content": "What's the weather in London?"}],
        tools=TOOLS[:1],
        **GREEDY,
    )
    assert completion.choices[0].finish_reason == "tool_calls"
    (call,) = completion.choices[0].message.tool_calls or ()
    assert isinstance(call, openai.types.chat.ChatCompletionMessageFunctionToolCall)
    assert json.loads(call.function.arguments) == {"location": "London"}


def test_with_none_there_is_no_call(client: openai.OpenAI, model: str) -> None:
    plain = client.chat.completions.create(model=model, messages=ASK, **GREEDY)
    completion = client.chat.completions.create(
        model=model, messages=ASK, tools=TOOLS, tool_choice="none", **GREEDY
    )
    assert completion.choices[0].message.tool_calls is None
    assert completion.choices[0].message.content == plain.choices[0].message.content


@pytest.mark.parametrize("n", [1, 2])
def test_streamed_calls(http: httpx.Client, client: openai.OpenAI, model: str, n: int) -> None:
    body = {"model": model, "messages": ASK, "tools": TOOLS, "tool_choice": "required"}
    wishes = {**body, **GREEDY, "n": n, "temperature": 1, "seed": 5}
    response = http.post("/v1/chat/completions", json={**wishes, "stream": True})
    texts: dict[tuple[int, int], str] = {}
    heads: dict[tuple[int, int], dict[str, Any]] = {}
    for chunk in data_lines(response.text.splitlines()):
        for choice in chunk["choices"]:
            for call in choice["delta"].get("tool_calls", ()):
                key = choice["index"], call["index"]
                if "id" in call:
                    assert key not in heads, "id, type and name come once"
                    assert call["type"] == "function"
                    heads[key] = call
                else:
                    assert "name" not in call["function"]
                texts[key] = texts.get(key, "") + call["function"]["arguments"]
    for key, head in heads.items():
        jsonschema.validate(json.loads(texts[key]), SCHEMAS[head["function"]["name"]])
    whole = client.chat.completions.create(**cast("Any", wishes))
    for choice in whole.choices:
        for number, call in enumerate(choice.message.tool_calls or ()):
            assert cast("Any", call).function.arguments == texts[choice.index, number]


def test_the_stream_helper(client: openai.OpenAI, model: str) -> None:
    kinds = set()
    with client.chat.completions.stream(
        model=model, messages=ASK, tools=TOOLS, tool_choice="required", **GREEDY
    ) as stream:
        for event in stream:
            kinds.add(event.type)
        final = stream.get_final_completion()
    assert {"tool_calls.function.arguments.delta", "tool_calls.function.arguments.done"} <= kinds
    check_calls(final.choices[0].message.tool_calls)


class Search(BaseModel):
    """Search for something."""

    words: list[str]
    most: int


def test_tools_of_pydantic_models(client: openai.OpenAI, model: str) -> None:
    tool = openai.pydantic_function_tool(Search)
    completion = client.chat.completions.parse(
        model=model,
        messages=ASK,
        tools=[tool],
        tool_choice="required",
        parallel_tool_calls=False,
        seed=3,
        max_tokens=400,
    )
    if completion.choices[0].finish_reason == "tool_calls":
        (call,) = completion.choices[0].message.tool_calls or ()
        assert isinstance(call.function.parsed_arguments, Search)


@pytest.mark.parametrize(
    ("form", "pattern"),
    [
        (None, r"[\s\S]*"),
        ({"type": "text"}, r"[\s\S]*"),
        (
            {"type": "grammar", "grammar": {"syntax": "regex", "definition": '[a-c]{3}"\n'}},
            '[a-c]{3}"\n',
        ),
        (
            {
                "type": "grammar",
                "grammar": {"syntax": "lark", "definition": 'start: "go \\"" /[a-z]{2}/'},
            },
            'go "[a-z]{2}',
        ),
    ],
)
def test_custom_tools(client: openai.OpenAI, model: str, form: Any, pattern: str) -> None:
    custom: dict[str, Any] = {"name": "run_code", "description": "Runs code."}
    tool: Any = {"type": "custom", "custom": {**custom, **({"format": form} if form else {})}}
    choice: Any = {"type": "custom", "custom": {"name": "run_code"}}
    wishes: Any = {"model": model, "messages": ASK, "tools": [tool], "tool_choice": choice}
    completion = client.chat.completions.create(**wishes, **GREEDY)
    (call,) = completion.choices[0].message.tool_calls or ()
    assert isinstance(call, openai.types.chat.ChatCompletionMessageCustomToolCall)
    assert call.custom.name == "run_code"
    assert re.fullmatch(pattern, call.custom.input)


def test_the_oldest_form(client: openai.OpenAI, model: str) -> None:
    functions: Any = [tool["function"] for tool in TOOLS]
    completion = client.chat.completions.create(
        model=model,
        messages=ASK,
        functions=functions,
        function_call={"name": "get_weather"},
        **GREEDY,
    )
    (answer,) = completion.choices
    assert answer.finish_reason == "function_call"
    assert answer.message.function_call
    assert answer.message.function_call.name == "get_weather"
    jsonschema.validate(json.loads(answer.message.function_call.arguments), WEATHER)


def test_a_round_with_results(client: openai.OpenAI, model: str) -> None:
    history: Any = [
        *ASK,
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": "call_1",
                    "type": "function",
                    "function": {"name": "get_weather", "arguments": '{"location": "Paris"}'},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": '{"temperature": 21}'},
    ]
    completion = client.chat.completions.create(
        model=model, messages=history, tools=TOOLS, **GREEDY
    )
    assert "21" in (completion.choices[0].message.content or "")


@pytest.mark.parametrize("arguments", ['{"cut', "", "[1]", "null", None, {"location": "Paris"}])
def test_malformed_calls_in_the_history(http: httpx.Client, model: str, arguments: Any) -> None:
    call = {"type": "function", "function": {"name": "get_weather", "arguments": arguments}}
    history = [*ASK, {"role": "assistant", "tool_calls": [call]}, {"role": "tool", "content": "x"}]
    body = {"model": model, "messages": history, "tools": TOOLS, **GREEDY}
    response = http.post("/v1/chat/completions", json=body)
    assert response.status_code == 200, response.text


def test_500_tools(http: httpx.Client, model: str) -> None:
    many = [
        {"type": "function", "function": {"name": f"tool_{i}", "parameters": {"type": "object"}}}
        for i in range(500)
    ]
    body: dict[str, Any] = {"model": model, "messages": ASK, "tools": many, **GREEDY}
    named = {"type": "function", "function": {"name": "tool_321"}}
    response = http.post("/v1/chat/completions", json={**body, "tool_choice": named})
    if response.status_code == 400:  # the small model's context does not hold them
        assert response.json()["error"]["code"] == "context_length_exceeded"
    else:
        call = response.json()["choices"][0]["message"]["tool_calls"][0]
        assert call["function"]["name"] == "tool_321"


def _same(tool: Any) -> Any:
    return {"tools": [tool, tool]}


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        (_same(TOOLS[0]), "tools[1].function.name"),
        ({"tools": TOOLS, "tool_choice": {**NAMED, "function": {"name": "other"}}}, "tool_choice"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"tools": TOOLS, "tool_choice": "perhaps"}, "tool_choice"),
        (
            {"tools": [{"type": "function", "function": {"name": "no name"}}]},
            "tools[0].function.name",
        ),
        ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
        (
            {"tools": TOOLS, "functions": [{"name": "f"}]},
            "functions",
        ),
        (
            {
                "tools": [
                    {"type": "function", "function": {"name": "f", "parameters": {"type": "x"}}}
                ],
                "tool_choice": "required",
            },
            "tools[0].function.parameters",
        ),
        (
            {"tools": [TOOLS[0], CONTRARY, *TOOLS[1:]], "tool_choice": "required"},
            "tools[1].function.parameters",
        ),
        (
            {
                "tools": TOOLS,
                "tool_choice": {
                    "type": "allowed_tools",
                    "allowed_tools": {
                        "mode": "auto",
                        "tools": [{"type": "function", "function": {"name": "nobody"}}],
                    },
                },
            },
            "tool_choice.allowed_tools.tools",
        ),
    ],
)
def test_bad_tools_are_refused_by_name(
    http: httpx.Client, model: str, fields: dict[str, Any], param: str
) -> None:
    body = {"model": model, "messages": ASK, **fields}
    response = http.post("/v1/chat/completions", json=body)
    assert response.status_code == 400, response.text
    assert response.json()["error"]["param"] == param
