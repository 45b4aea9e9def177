"""Answers of the embedded model that go on with the last message."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.shapes import data_lines

if TYPE_CHECKING:
    import httpx
    import openai

PATH = "/v1/chat/completions"
NAME: Any = [
    {"role": "user", "content": "My name is Alice. What is my name?"},
    {"role": "assistant", "content": "Your name is"},
]
GO_ON: dict[str, Any] = {"continue_final_message": True, "add_generation_prompt": False}
SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string", "maxLength": 12}, "age": {"type": "integer"}},
    "required": ["name", "age"],
    "additionalProperties": False,
}


NAMES = {
    "type": "array",
    "items": {"type": "string", "maxLength": 5},
    "minItems": 3,
    "maxItems": 3,
    "uniqueItems": True,
}


def anna(beginning: str, schema: Any = SCHEMA, **fields: Any) -> dict[str, Any]:
    form = {"type": "json_schema", "json_schema": {"name": "person", "schema": schema}}
    messages = [
        {"role": "user", "content": "Anna is 31 years old."},
        {"role": "assistant", "content": beginning},
    ]
    return {"messages": messages, "temperature": 0, "response_format": form, **GO_ON, **fields}


def test_the_model_goes_on_as_behind_a_prompt_made_by_hand(
    client: openai.OpenAI, model: str, http: httpx.Client
) -> None:
    chat = client.chat.completions.create(
        model=model, messages=NAME, temperature=0, extra_body=GO_ON
    )
    prompt = (
        "<|im_start|>user\nMy name is Alice. What is my name?<|im_end|>\n"
        "<|im_start|>assistant\nYour name is"
    )
    plain = client.completions.create(model=model, prompt=prompt, temperature=0, max_tokens=20)
    assert chat.choices[0].message.content == plain.choices[0].text == " Alice."
    assert chat.usage is not None
    assert plain.usage is not None
    assert chat.usage.prompt_tokens == plain.usage.prompt_tokens
    body = {"messages": NAME, "temperature": 0, "stream": True, "echo": True, "n": 2, **GO_ON}
    texts = ["", ""]
    for event in data_lines(http.post(PATH, json=body).text.splitlines()):
        for choice in event["choices"]:
            texts[choice["index"]] += choice["delta"].get("content", "")
    assert texts == ["Your name is Alice."] * 2


@pytest.mark.parametrize("beginning", ['{"name": "', '{"name": "An', '{"name": "Anna", "age": 31}'])
def test_a_form_is_that_of_the_whole_message(http: httpx.Client, beginning: str) -> None:
    response = http.post(PATH, json=anna(beginning, echo=True, n=2)).json()
    for choice in response["choices"]:
        text = choice["message"]["content"]
        assert text.startswith(beginning)
        person = json.loads(text)
        assert set(person) == {"name", "age"}
        assert person["age"] == 31


def test_items_differ_from_those_before(http: httpx.Client) -> None:
    response = http.post(PATH, json=anna('["Anna", "', NAMES, echo=True)).json()
    names = json.loads(response["choices"][0]["message"]["content"])
    assert names[0] == "Anna"
    assert len(set(names)) == 3


@pytest.mark.parametrize(
    ("beginning", "schema"), [('{"nane', SCHEMA), ('["Anna", "Anna", "', NAMES)]
)
def test_a_beginning_of_another_form_is_refused(
    http: httpx.Client, beginning: str, schema: Any
) -> None:
    error = http.post(PATH, json=anna(beginning, schema)).json()["error"]
    assert error["param"] == "response_format.json_schema.schema"
    assert "does not begin" in error["message"]
