"""Response formats and thoughts through OpenAI's clients and LangChain."""

from __future__ import annotations

import asyncio
import json
import re
import time
from enum import Enum
from typing import TYPE_CHECKING, Any

import httpx
import jsonschema
import openai
import pytest
from langchain_openai import ChatOpenAI
from pydantic import BaseModel, Field

from tests.contract.shapes import data_lines

if TYPE_CHECKING:
    from tests.running import RunningServer

ASK: Any = [{"role": "user", "content": "Anna is 31 years old and lives in Paris."}]
GREEDY: dict[str, Any] = {"temperature": 0, "max_tokens": 300}
THINK: dict[str, Any] = {"chat_template_kwargs": {"enable_thinking": True}}
PATH = "/v1/chat/completions"


class Kind(Enum):
    PERSON = "person"
    TOWN = "town"


class Place(BaseModel):
    name: str = Field(max_length=12)
    kind: Kind


class Person(BaseModel):
    name: str = Field(max_length=12)
    age: int = Field(ge=0, le=150)
    lives: Place
    nickname: str | None = Field(max_length=8)


class Tree(BaseModel):
    value: int = Field(ge=0, le=9)
    branches: list[Tree] = Field(max_length=2)


def schema_format(schema: Any, **more: Any) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, **more}}


def test_parse(client: openai.OpenAI, model: str) -> None:
    completion = client.chat.completions.parse(
        model=model, messages=ASK, response_format=Person, **GREEDY
    )
    assert isinstance(completion.choices[0].message.parsed, Person)


async def test_parse_with_the_async_client(async_client: openai.AsyncOpenAI, model: str) -> None:
    completion = await async_client.chat.completions.parse(
        model=model, messages=ASK, response_format=Person, temperature=1.5, seed=4, max_tokens=400
    )
    if completion.choices[0].finish_reason == "stop":
        assert isinstance(completion.choices[0].message.parsed, Person)


def test_parse_a_recursive_model(client: openai.OpenAI, model: str) -> None:
    try:
        completion = client.chat.completions.parse(
            model=model, messages=ASK, response_format=Tree, **GREEDY
        )
    except openai.LengthFinishReasonError:
        return  # a tree may grow for ever
    assert isinstance(completion.choices[0].message.parsed, Tree)


def test_the_stream_helper(client: openai.OpenAI, model: str) -> None:
    with client.chat.completions.stream(
        model=model, messages=ASK, response_format=Person, **GREEDY
    ) as stream:
        parsed = [event.parsed for event in stream if event.type == "content.done"]
    assert isinstance(parsed[0], Person)


AI_SDK = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "properties": {
        "count": {"type": "integer", "minimum": -9007199254740991, "maximum": 9007199254740991},
        "note": {"type": "string", "maxLength": 10},
        "link": {"type": "string", "format": "uri-reference", "maxLength": 10},
    },
    "required": ["count"],
    "additionalProperties": False,
}
MAP = {
    "type": "object",
    "additionalProperties": {"type": "integer", "maximum": 9},
    "maxProperties": 2,
}


@pytest.mark.parametrize(
    "form",
    [
        schema_format(AI_SDK, strict=True),
        schema_format(AI_SDK, strict=False),
        schema_format(AI_SDK),
        schema_format(MAP),
        {"type": "json_schema", "schema": AI_SDK},
        {"type": "json_object", "schema": AI_SDK},
    ],
)
@pytest.mark.parametrize("temperature", [0, 1.5])
def test_json_of_a_schema(http: httpx.Client, model: str, form: Any, temperature: float) -> None:
    body = {"model": model, "messages": ASK, "response_format": form, "max_tokens": 400, "seed": 2}
    response = http.post(PATH, json={**body, "temperature": temperature})
    assert response.status_code == 200, response.text
    (choice,) = response.json()["choices"]
    if choice["finish_reason"] == "stop":
        schema = form.get("schema") or form["json_schema"]["schema"]
        jsonschema.validate(json.loads(choice["message"]["content"]), schema)


def test_any_json_object(client: openai.OpenAI, model: str) -> None:
    completion = client.chat.completions.create(
        model=model, messages=ASK, response_format={"type": "json_object"}, **GREEDY
    )
    (choice,) = completion.choices
    text = choice.message.content or ""
    assert text.startswith("{")
    if choice.finish_reason == "stop":
        assert isinstance(json.loads(text), dict)


GBNF = 'root ::= "yes " ("sir" | "madam")'
LARK = 'start: "yes " ("sir" | "madam")'
SCHEMA = {"enum": ["yes sir", "yes madam"]}


@pytest.mark.parametrize(
    ("fields", "pattern"),
    [
        ({"grammar": GBNF}, "yes (sir|madam)"),
        ({"grammar": LARK}, "yes (sir|madam)"),
        ({"guided_grammar": GBNF}, "yes (sir|madam)"),
        ({"structured_outputs": {"grammar": LARK}}, "yes (sir|madam)"),
        ({"regex": "yes (sir|madam)"}, "yes (sir|madam)"),
        ({"guided_regex": "[a-c]{3}"}, "[a-c]{3}"),
        ({"structured_outputs": {"regex": "[a-c]{3}"}}, "[a-c]{3}"),
        ({"guided_choice": ["yes sir", 'no\n"sir"']}, 'yes sir|no\n"sir"'),
        ({"structured_outputs": {"choice": ["one", "two"]}}, "one|two"),
        ({"json_schema": SCHEMA}, '"yes (sir|madam)"'),
        ({"guided_json": json.dumps(SCHEMA)}, '"yes (sir|madam)"'),
        ({"structured_outputs": {"json": SCHEMA}}, '"yes (sir|madam)"'),
    ],
)
@pytest.mark.parametrize("endpoint", ["chat/completions", "completions"])
def test_forms_under_every_name(
    http: httpx.Client, model: str, fields: dict[str, Any], pattern: str, endpoint: str
) -> None:
    chat = endpoint.startswith("chat")
    prompt = {"messages": ASK} if chat else {"prompt": "Hello"}
    response = http.post(f"/v1/{endpoint}", json={"model": model, **prompt, **fields, "n": 2})
    assert response.status_code == 200, response.text
    for choice in response.json()["choices"]:
        text = choice["message"]["content"] if chat else choice["text"]
        assert re.fullmatch(pattern, text), text
        assert choice["finish_reason"] == "stop"


def test_thoughts(client: openai.OpenAI, http: httpx.Client, model: str) -> None:
    question: Any = [{"role": "user", "content": "What is 15 + 25?"}]
    body = {"model": model, "messages": question, **GREEDY, **THINK}
    message = http.post(PATH, json=body).json()
    answer = message["choices"][0]["message"]
    assert answer["reasoning_content"]
    assert answer["reasoning"] == answer["reasoning_content"]
    assert "think>" not in answer["content"]
    details = message["usage"]["completion_tokens_details"]
    assert 0 < details["reasoning_tokens"] < message["usage"]["completion_tokens"]
    stream = client.chat.completions.create(
        model=model, messages=question, stream=True, extra_body=THINK, **GREEDY
    )
    deltas = [chunk.choices[0].delta for chunk in stream]
    thought = "".join(getattr(delta, "reasoning_content", None) or "" for delta in deltas)
    assert thought == answer["reasoning_content"]
    assert "".join(delta.content or "" for delta in deltas) == answer["content"]
    hidden = http.post(PATH, json={**body, "include_reasoning": False}).json()
    assert "reasoning_content" not in hidden["choices"][0]["message"]
    whole = http.post(PATH, json={**body, "reasoning_format": "none"}).json()
    assert whole["choices"][0]["message"]["content"].startswith("<think>")


@pytest.mark.parametrize("budget", [0, 5])
def test_a_thinking_budget(http: httpx.Client, model: str, budget: int) -> None:
    body = {"model": model, "messages": ASK, **GREEDY, **THINK, "thinking_budget": budget}
    answer = http.post(PATH, json={**body, "response_format": schema_format(AI_SDK)}).json()
    message = answer["choices"][0]["message"]
    assert answer["usage"]["completion_tokens_details"]["reasoning_tokens"] <= budget + 8
    if answer["choices"][0]["finish_reason"] == "stop":
        jsonschema.validate(json.loads(message["content"]), AI_SDK)


def test_a_format_beside_tools(http: httpx.Client, model: str) -> None:
    tool = {"type": "function", "function": {"name": "get_weather", "parameters": {}}}
    body = {"model": model, "messages": ASK, "tools": [tool], **GREEDY}
    answer = http.post(
        PATH, json={**body, "response_format": schema_format(Place.model_json_schema())}
    )
    (choice,) = answer.json()["choices"]
    if choice["finish_reason"] == "tool_calls":
        assert choice["message"]["tool_calls"][0]["function"]["name"] == "get_weather"
    elif choice["finish_reason"] == "stop":
        Place.model_validate_json(choice["message"]["content"])


async def test_many_schemas_at_once(server: RunningServer, model: str) -> None:
    def schema(number: int) -> dict[str, Any]:
        values = [f"{number}-{i}" for i in range(3)]
        return {
            "type": "object",
            "properties": {f"field_{number}": {"enum": values}, "more": {"type": "boolean"}},
            "required": [f"field_{number}", "more"],
            "additionalProperties": False,
        }

    async with httpx.AsyncClient(base_url=server.root_url, timeout=60) as http:

        async def ask(number: int) -> None:
            body = {"model": model, "messages": ASK, "temperature": 1.2}
            form = schema_format(schema(number))
            response = await http.post(PATH, json={**body, "response_format": form})
            content = response.json()["choices"][0]["message"]["content"]
            jsonschema.validate(json.loads(content), schema(number))

        await asyncio.gather(*map(ask, range(20)))


def _deep(levels: int) -> Any:
    return '{"items":' * levels + "{}" + "}" * levels


BAD: dict[str, tuple[Any, str]] = {
    "reference to nowhere": (schema_format({"$ref": "#/$defs/a"}), "schema"),
    "reference to a URL": (schema_format({"$ref": "https://elsewhere.example/a"}), "schema"),
    "contradiction": (schema_format({"type": "integer", "minimum": 3, "maximum": 1}), "schema"),
    "unknown type": (schema_format({"type": "text"}), "schema"),
    "reference back": (schema_format({"type": "string", "pattern": r"(a)\1"}), "schema"),
    "no schema": ({"type": "json_schema", "json_schema": {"name": "x"}}, "schema"),
    "no form": ({"type": "yaml"}, "response_format.type"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_format_is_refused_where_it_is_wrong(
    http: httpx.Client, model: str, name: str
) -> None:
    form, param = BAD[name]
    begun = time.monotonic()
    response = http.post(PATH, json={"model": model, "messages": ASK, "response_format": form})
    assert response.status_code == 400, response.text
    assert (response.json()["error"]["param"] or "").endswith(param)
    assert time.monotonic() - begun < 2


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"grammar": "root ::= ("}, "grammar"),
        ({"grammar": "root ::= " + "(" * 20_000}, "grammar"),
        ({"regex": "("}, "regex"),
        ({"regex": "(" * 20_000}, "regex"),
        ({"structured_outputs": {"structural_tag": {}}}, "structured_outputs.structural_tag"),
        ({"guided_choice": []}, "guided_choice"),
        ({"guided_json": "{"}, "guided_json"),
        ({"regex": "a", "grammar": 'root ::= "a"'}, "grammar"),
    ],
)
def test_a_bad_grammar_is_refused_by_name(
    http: httpx.Client, model: str, fields: dict[str, Any], param: str
) -> None:
    begun = time.monotonic()
    response = http.post(PATH, json={"model": model, "messages": ASK, **fields})
    assert response.status_code == 400, response.text
    assert response.json()["error"]["param"] == param
    assert time.monotonic() - begun < 2


def test_20000_brackets(http: httpx.Client, model: str) -> None:
    start, end = json.dumps(
        {"model": model, "messages": ASK, "response_format": schema_format("HERE")}
    ).split('"HERE"')
    response = http.post(PATH, content=start + _deep(20_000) + end)
    assert response.status_code == 400
    assert "deep" in response.json()["error"]["message"]


def test_a_pattern_that_explodes_holds_nobody_up(http: httpx.Client, model: str) -> None:
    pattern = r"((a|b)*c.{40}){40}((d|e)*f.{40}){40}"
    begun = time.monotonic()
    body = {"model": model, "messages": ASK, "regex": pattern, "max_tokens": 20}
    response = http.post(PATH, json=body)
    assert response.status_code in (200, 400)
    assert time.monotonic() - begun < 10
    after = http.post(PATH, json={"model": model, "messages": ASK, "max_tokens": 5})
    assert after.status_code == 200


def test_langchain(server: RunningServer, model: str) -> None:
    settings: dict[str, Any] = {"base_url": server.base_url, "api_key": "unused", "max_retries": 0}
    chat = ChatOpenAI(model=model, temperature=0, **settings)
    for method in ("json_schema", "function_calling"):
        found = chat.with_structured_output(Place, method=method).invoke("The town of Paris.")
        assert isinstance(found, Place)
    called = chat.bind_tools([Place], tool_choice="any").invoke("The town of Paris.")
    assert called.tool_calls[0]["name"] == "Place"
    Place.model_validate(called.tool_calls[0]["args"])


def test_a_stream_says_what_the_whole_answer_says(http: httpx.Client, model: str) -> None:
    body = {"model": model, "messages": ASK, "response_format": schema_format(AI_SDK), **GREEDY}
    whole = http.post(PATH, json={**body, "logprobs": True}).json()["choices"][0]
    chunks = data_lines(http.post(PATH, json={**body, "stream": True}).text.splitlines())
    text = "".join(
        choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"]
    )
    assert text == whole["message"]["content"]
    assert "".join(entry["token"] for entry in whole["logprobs"]["content"]) == text
