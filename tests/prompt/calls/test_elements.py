"""Arguments as XML elements: whole trees, of generated schemas."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from colonnade.prompt.calls import Tool, ToolUse
from colonnade.prompt.calls.grammar import call_grammar
from colonnade.prompt.calls.known import MINIMAX_M3
from colonnade.prompt.output import CallArguments
from tests.prompt.calls.conversations import answer, calls_of, content_of, parse
from tests.prompt.calls.families import TEMPLATES
from tests.prompt.calls.languages import Vocabulary

MARK = "]<]minimax[>["
VOCABULARIES = [Vocabulary(), Vocabulary(MARK)]
KEYS = st.from_regex("[a-zA-Z_][a-zA-Z0-9_]{0,6}", fullmatch=True)
TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=8)


@st.composite
def schemas(draw, depth=0):
    """A schema and a value of it."""
    kinds = ["string", "integer", "boolean", "number", *(["object", "array"] if depth < 3 else [])]
    match draw(st.sampled_from(kinds)):
        case "string":
            return {"type": "string"}, draw(TEXTS)
        case "integer":
            return {"type": "integer"}, draw(st.integers(-(10**6), 10**6))
        case "boolean":
            return {"type": "boolean"}, draw(st.booleans())
        case "number":
            return {"type": "number"}, draw(st.sampled_from([0.5, -2.25, 3]))
        case "object":
            members = {key: draw(schemas(depth + 1)) for key in draw(st.sets(KEYS, max_size=3))}
            schema = {
                "type": "object",
                "properties": {key: inner for key, (inner, _) in members.items()},
                "additionalProperties": False,
            }
            return schema, {key: value for key, (_, value) in members.items()}
        case _:
            inner, value = draw(schemas(depth + 1))
            return {"type": "array", "items": inner}, [value] * draw(st.integers(0, 3))


@settings(max_examples=60, deadline=None)
@given(made=schemas())
def test_a_tree_comes_back_and_is_allowed(made):
    schema, value = made
    tool = Tool("f", None, {"type": "object", "properties": {"a": schema}, "required": ["a"]})
    text = answer(TEMPLATES["minimax-m3"], [("f", {"a": value})], (tool,))
    events = parse(MINIMAX_M3, [text], (tool,))
    assert calls_of(events) == [("f", {"a": value})]
    assert content_of(events) == ""
    assert parse(MINIMAX_M3, text, (tool,)) == events
    for vocabulary in VOCABULARIES:
        grammar = call_grammar(MINIMAX_M3, ToolUse((tool,)), vocabulary.special)
        assert vocabulary.takes(grammar, text), vocabulary.prefix(grammar, text)


CHOICES = {
    "anyOf": [
        {"type": "object", "properties": {"b": {"type": "integer"}}, "required": ["b"]},
        {"type": "array", "items": {"type": "string"}, "minItems": 1},
        {"enum": ["x", 3, None, "4"]},
        {"type": "boolean"},
    ]
}


@pytest.mark.parametrize(
    ("value", "taken"),
    [
        ({"b": 1}, True),
        ({"b": "no"}, False),
        (["p", "q"], True),
        ("x", True),
        (3, True),
        (None, True),
        (True, True),
        ("y", False),
        (4, False),
    ],
)
def test_branches_hold(value, taken):
    tool = Tool("f", None, {"type": "object", "properties": {"a": CHOICES}, "required": ["a"]})
    text = answer(TEMPLATES["minimax-m3"], [("f", {"a": value})], (tool,))
    grammar = call_grammar(MINIMAX_M3, ToolUse((tool,)), {})
    assert VOCABULARIES[0].takes(grammar, text) == taken
    if taken:
        assert calls_of(parse(MINIMAX_M3, [text], (tool,))) == [("f", {"a": value})]


def test_an_unknown_tools_arguments_are_read_by_their_looks():
    text = (
        f'{MARK}<tool_call>\n{MARK}<invoke name="other">{MARK}<a>1{MARK}</a>{MARK}<b>{MARK}<item>x'
        f"{MARK}</item>{MARK}</b>{MARK}<c>{MARK}<d>true{MARK}</d>{MARK}</c>{MARK}</invoke>\n"
        f"{MARK}</tool_call>"
    )
    assert calls_of(parse(MINIMAX_M3, [text])) == [
        ("other", {"a": 1, "b": ["x"], "c": {"d": True}})
    ]


def test_a_thought_that_was_not_begun_is_no_content():
    call = answer(TEMPLATES["minimax-m3"], [("now", {})])
    events = parse(MINIMAX_M3, [f"</mm:think>{call}"])
    assert (calls_of(events), content_of(events)) == ([("now", {})], "")


def test_depth_has_a_bound():
    text = f'{MARK}<tool_call>\n{MARK}<invoke name="now">' + f"{MARK}<a>" * 5000
    events = parse(MINIMAX_M3, [text])
    written = "".join(event.text for event in events if isinstance(event, CallArguments))
    assert 0 < written.count("{") < 50
