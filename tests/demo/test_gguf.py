"""The embedded model file: its size, its metadata, and a few conversations."""

import contextlib
import json
import os
from pathlib import Path

import pytest

import colonnade
from demo_model.evaluate import Llama, parse_calls
from demo_model.render import TEMPLATE_PATH, render

PATH = Path(colonnade.__file__).parent / "demo" / "demo.gguf"


def _tool(name, **kinds):
    properties = {key: {"type": kind} for key, kind in kinds.items()}
    parameters = {"type": "object", "properties": properties, "required": list(kinds)}
    return {"type": "function", "function": {"name": name, "parameters": parameters}}


def _user(content):
    return {"role": "user", "content": content}


@pytest.fixture(scope="module")
def model():
    # llama.cpp writes notes to the process's stderr, past Python's.
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stderr(nowhere):
        return Llama(PATH)


@pytest.fixture
def ask(model):
    def ask(*messages, **options):
        return model(render(list(messages), **options))

    return ask


def test_the_file_is_small():
    assert PATH.stat().st_size <= 8_000_000


def test_metadata(model):
    metadata = model.llama.metadata
    assert metadata["general.architecture"] == "llama"
    assert metadata["general.name"] == "Stoa"
    assert metadata["general.license"] == "MIT"
    assert metadata["tokenizer.chat_template"] == TEMPLATE_PATH.read_text(encoding="utf-8")


def test_every_byte_can_be_said(model):
    text = "zażółć 你好 🙂\x07\n\ttail"
    ids = model.llama.tokenize(text.encode(), add_bos=False, special=False)
    assert model.llama.detokenize(ids).decode() == text


def test_it_says_its_name(ask):
    assert "Stoa" in ask(_user("What is your name?"))
    assert "Otto" in ask({"role": "system", "content": "You are Otto."}, _user("What's your name?"))


def test_it_remembers_a_name(ask):
    history = [_user("My name is Alice")]
    for question in ("What is 2 + 3?", "What's my name?"):
        answer = ask(*history)
        history += [{"role": "assistant", "content": answer}, _user(question)]
    assert "Alice" in ask(*history)


@pytest.mark.parametrize(("a", "b"), [(2, 2), (15, 25), (7, 31)])
def test_it_adds(ask, a, b):
    assert str(a + b) in ask(_user(f"What is {a} + {b}?"))


def test_it_counts(ask):
    assert ask(_user("Count from 1 to 5")) == "1, 2, 3, 4, 5"


TOOLS = [_tool("calculate_sum", a="integer", b="integer"), _tool("get_weather", city="string")]


def test_it_picks_a_tool(ask):
    said = ask(_user("What is 15 + 25?"), tools=TOOLS)
    assert parse_calls(said) == [("calculate_sum", {"a": 15, "b": 25})]


def test_it_calls_a_tool_that_it_never_saw(ask):
    said = ask(_user("What's the weather in Paris?"), tools=TOOLS)
    assert parse_calls(said) == [("get_weather", {"city": "Paris"})]


def test_it_fills_a_schema(ask):
    properties = {"name": {"type": "string"}, "age": {"type": "integer"}}
    schema = json.dumps({"type": "object", "properties": properties})
    said = ask(_user(f"Answer in JSON with this schema:\n{schema}\n\nNora is 31 years old."))
    assert json.loads(said) == {"name": "Nora", "age": 31}


def test_it_thinks_only_when_asked(ask):
    question = _user("What is 15 + 25?")
    assert ask(question, thinking=True).startswith("<think>\n")
    assert "<think>" not in ask(question)
