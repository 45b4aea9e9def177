"""Calls that stand in a text, in both forms of FlowGen's document."""

from __future__ import annotations

import json
import keyword

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colonnade.legacy.written_calls import WrittenCall, written_calls

SUM = WrittenCall("calculate_sum", {"a": 15, "b": 25})
WEATHER = WrittenCall("get_weather", {"location": "Paris"})
LISTED = '[calculate_sum(a=15, b=25), get_weather(location="Paris")]'
TAGGED = """<tool_call>{"name": "calculate_sum", "arguments": {"a": 15, "b": 25}}</tool_call>
<tool_call>{"name": "get_weather", "arguments": {"location": "Paris"}}</tool_call>"""


@pytest.mark.parametrize("text", [LISTED, TAGGED])
def test_the_documents_forms(text):
    assert written_calls(text) == ([SUM, WEATHER], "")
    before_after = written_calls(f"I call two.\n{text}\nWait.", {"calculate_sum", "get_weather"})
    assert before_after[0] == [SUM, WEATHER]
    assert before_after[1].startswith("I call two.")
    assert before_after[1].endswith("Wait.")


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        ("[f(a=true, b=null, c=[false])]", [("f", {"a": True, "b": None, "c": [False]})]),
        ("[f(a=1)]\n[g(b=2)]", [("f", {"a": 1}), ("g", {"b": 2})]),
        ("[f(a=']')]", [("f", {"a": "]"})]),
        ('[f(a="it\\"s")]', [("f", {"a": 'it"s'})]),
        ('<tool_call>{"name": "f", "arguments": {"a": "</tool_call>"}}</tool_call>',
         [("f", {"a": "</tool_call>"})]),
        ('<tool_call> {"name": "f", "arguments": "{\\"a\\": 1}"} </tool_call>', [("f", {"a": 1})]),
        ('<tool_call>{"name": "f", "arguments": null}</tool_call>', [("f", {})]),
        ('<tool_call>{"name": "f"}</tool_call>', [("f", {})]),
    ],
)  # fmt: skip
def test_what_models_make_of_the_forms(text, calls):
    assert written_calls(text) == ([WrittenCall(*call) for call in calls], "")


def test_a_note_in_brackets_is_not_taken_for_the_calls():
    text = "See [note(x)]: [get_weather(location='Paris')]"
    assert written_calls(text, {"get_weather"}) == ([WEATHER], "See [note(x)]:")


def test_names_that_are_no_tools_are_text():
    assert written_calls(LISTED, {"calculate_sum"}) == ([], LISTED)
    assert written_calls(LISTED, {"calculate_sum", "get_weather"})[0] == [SUM, WEATHER]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "No call.",
        "[1, 2, 3]",
        "[see(the book)]",
        "[f(1, 2)]",
        "[f(a=b)]",
        "In Python you write [dict()] for that.",
        "[f(a='\\ud800')]",
        "[f(a={None: 3})]",
        "[f(a=1e999)]",
        '<tool_call>{"name": "f", "arguments": [1]}</tool_call>',
        '<tool_call>{"name": "f", "arguments": {"a": 1e999}}</tool_call>',
        "<tool_call>" * 1000,
        "<tool_call>" + " " * 15000,
        "<tool_call>" + "[" * 15000,
        "[f(a=" + "[" * 5000 + "]" * 5000 + ")]",
        "[f(a=1" * 3000 + "]",
        "x" * 30000 + LISTED,
        "[f(**{'a': 1})]",
        "[f(a=open('x'))]",
        "[f(a=1), 5]",
        "f(a=1)",
        "<tool_call>no json</tool_call>",
        '<tool_call>{"name": 1}</tool_call>',
        "<tool_call>",
        "[f(" * 20000,
        "[f(a=" + "(" * 300 + ")" * 300 + ")]",
        "[f(a={1j: 2})]",
        "[f(a=b'x')]",
    ],
)
def test_what_is_no_call_stays_text(text):
    assert written_calls(text) == ([], text)


names = st.from_regex(r"[a-z_][a-z0-9_]{0,10}", fullmatch=True).filter(
    lambda n: not keyword.iskeyword(n)
)
texts = st.text(st.characters(codec="utf-8"))
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
calls = st.builds(WrittenCall, names, st.dictionaries(names, values, max_size=4))


@given(st.lists(calls, min_size=1, max_size=4))
def test_listed_calls_come_back(wanted):
    listed = ", ".join(
        f"{call.name}({', '.join(f'{k}={v!r}' for k, v in call.arguments.items())})"
        for call in wanted
    )
    assert written_calls(f"[{listed}]") == (wanted, "")


@given(st.lists(calls, min_size=1, max_size=4))
def test_tagged_calls_come_back(wanted):
    tagged = "\n".join(
        "<tool_call>"
        + json.dumps({"name": call.name, "arguments": call.arguments}).replace("</", "<\\/")
        + "</tool_call>"
        for call in wanted
    )
    assert written_calls(tagged) == (wanted, "")


@given(st.text())
def test_any_text_is_read(text):
    written_calls(text)
