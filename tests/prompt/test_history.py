"""Histories from elsewhere: whatever calls and results look like, the next request has a prompt."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from colonnade.messages import Failure, FailureKind
from colonnade.prompt import ChatTemplate, packaged_templates
from colonnade.prompt.history import pair, split
from colonnade.prompt.packaged import packaged_source
from tests.prompt.conversations import CALLS, TOOL, assistant, call, result, system, user

TURNS = "{% for m in messages %}{{ '<' + m.role + '>' }}BODY{% endfor %}"
CALL = "{{ c.function.name + '(' + c.function.arguments | tojson + ')' }}"
EACH = "{% for c in m.tool_calls or [] %}CALL{% endfor %}".replace("CALL", CALL)
FIRST = "{% if m.tool_calls %}{% set c = m.tool_calls[0] %}CALL{% endif %}".replace("CALL", CALL)
NAMED = (
    "{% if m.role == 'tool' and not m.name %}{{ raise_exception('A result needs a name.') }}"
    "{% endif %}{{ m.name if m.role == 'tool' else '' }}"
)
NINE = (
    "{% for c in m.tool_calls or [] %}{% if c.id | length != 9 %}{{ raise_exception('Nine!') }}"
    "{% endif %}{% endfor %}{% if m.role == 'tool' and m.tool_call_id | length != 9 %}"
    "{{ raise_exception('Nine!') }}{% endif %}"
)
SINGLE = (
    "{% if m.tool_calls and m.tool_calls | length != 1 %}{{ raise_exception('One!') }}{% endif %}"
)
FOLLOWS = (
    "{% if m.role == 'tool' and not (loop.previtem.tool_calls or loop.previtem.role == 'tool') %}"
    "{{ raise_exception('A result of which call?') }}{% endif %}"
)
ITEMS = (
    "{% for c in m.tool_calls or [] %}{{ c.function.name }}"
    "{% for k, v in c.function.arguments.items() %}{{ k }}={{ v | string }}{% endfor %}{% endfor %}"
)
HARSH = {
    "each": "{{ m.content }}" + EACH,
    "first": "{{ m.content }}" + FIRST,
    "named": NAMED + "{{ m.content }}" + EACH,
    "nine": NINE + "{{ m.content }}" + EACH,
    "single": SINGLE + "{{ m.content }}" + EACH,
    "follows": FOLLOWS + "{{ m.content }}" + EACH,
    "items": "{{ m.content }}" + ITEMS,
    "either": "{% if m.content %}{{ m.content }}{% else %}" + EACH + "{% endif %}",
    "neither": "{{ m.content }}",
    "text": "{{ m.content }}{% for c in m.tool_calls or [] %}{{ c.function.name }}"
    "{{ c.function.arguments | from_json | tojson }}{% endfor %}",
}
TEMPLATES = {
    **{name: ChatTemplate(TURNS.replace("BODY", body), name=name) for name, body in HARSH.items()},
    **{name: ChatTemplate(packaged_source(name), name=name) for name in packaged_templates()},
}
DEEP = '{"a": ' * 900 + "1" + "}" * 900


def calling(*calls, **fields):
    return {"role": "assistant", "content": None, "tool_calls": list(calls), **fields}


def function(arguments="{}", **fields):
    return {"type": "function", "function": {"name": "weather", "arguments": arguments}, **fields}


@pytest.mark.parametrize("name", TEMPLATES)
@pytest.mark.parametrize(
    "arguments",
    ['{"cut', "", "[1, 2]", "null", '"text"', "nonsense", '{"x": "\\ud800"}', DEEP, "NaN", None],
    ids=lambda arguments: repr(arguments)[:12],
)
def test_any_arguments_are_replayed(name, arguments):
    text = TEMPLATES[name].render(
        [system("s"), user("Ask."), call(arguments), result("Told."), user("More.")],
        {"tools": [TOOL]},
    )
    assert text.encode()
    for piece in ("Ask.", "weather", "Told.", "More."):
        assert piece in text


@pytest.mark.parametrize("name", TEMPLATES)
@pytest.mark.parametrize(
    "turns",
    {
        "no ids": [calling(function()), {"role": "tool", "content": "Told."}],
        "empty ids": [calling(function(id="")), result("Told.", id="")],
        "unknown id": [calling(function(id="1")), result("Told.", id="2")],
        "ids twice": [
            calling(function(id="1")),
            result("Once."),
            calling(function(id="1")),
            result("Told.", id="1"),
        ],
        "result of nothing": [result("Told.")],
        "result of an answer": [assistant("weather"), result("Told.")],
        "call of nothing": [calling(function(id="1")), assistant("Told.")],
        "parts": [
            calling(function(id="1")),
            {
                "role": "tool",
                "tool_call_id": "1",
                "content": [{"type": "text", "text": "To"}, {"type": "text", "text": "Told."}],
            },
        ],
        "parallel": [
            calling(function('{"n": 1}', id="1"), function('{"n": 2}', id="2")),
            result("Once.", id="2"),
            result("Told.", id="1"),
        ],
        "text beside": [calling(function(id="1"), content="Wait."), result("Told.", id="1")],
        "oldest form": [
            {"role": "assistant", "function_call": {"name": "weather", "arguments": "{}"}},
            {"role": "function", "name": "weather", "content": "Told."},
        ],
        "custom": [
            calling({"id": "1", "type": "custom", "custom": {"name": "weather", "input": "x"}}),
            result("Told.", id="1"),
        ],
        "empty result": [calling(function(id="1")), result("", id="1"), user("Told.")],
    }.items(),
    ids=lambda turns: turns[0],
)
@pytest.mark.parametrize("tools", [[TOOL], None], ids=["tools", "none"])
def test_any_form_of_calls_and_results_is_replayed(name, turns, tools):
    messages = [user("Ask."), *turns[1], user("More.")]
    text = TEMPLATES[name].render(messages, {"tools": tools})
    said = json.dumps(messages)
    for piece in ("Ask.", "weather", "Told.", "More.", "Once.", "Wait."):
        assert piece in text or piece not in said or piece == "weather" not in said


@pytest.mark.parametrize("name", TEMPLATES)
def test_both_calls_of_a_message_come_out(name):
    calls = [function('{"n": "first"}', id="1"), function('{"n": "second"}', id="2")]
    told = [result("Second.", id="2"), result("First.", id="1")]
    text = TEMPLATES[name].render([user("Ask."), calling(*calls, content="Wait."), *told])
    for piece in ("Wait.", "first", "second", "First.", "Second."):
        assert piece in text


def test_calls_are_split_with_their_results_behind_them():
    one, two = function(id="1"), function(id="2")
    messages = [
        calling(one, two, content="text", reasoning_content="thought"),
        result("b", id="2"),
        result("a", id="1"),
        result("c", id="3"),
        user("d"),
    ]
    assert split(messages) == [
        calling(one, content="text", reasoning_content="thought"),
        result("a", id="1"),
        calling(two, content=""),
        result("b", id="2"),
        result("c", id="3"),
        user("d"),
    ]


def test_results_without_ids_belong_to_the_calls_in_order():
    first, second = function(id="1"), {"function": {"name": "clock", "arguments": "{}"}}
    turns = [calling(first, second), {"role": "tool", "content": "a"}, {"role": "tool"}]
    paired = pair(turns)
    ids = [call["id"] for call in paired[0]["tool_calls"]]
    assert ids[0] == "1"
    assert len(set(ids)) == 2
    assert [(m["tool_call_id"], m["name"]) for m in paired[1:]] == [
        (ids[0], "weather"),
        (ids[1], "clock"),
    ]


def test_a_result_may_be_told_by_its_name():
    first, second = function(id="1"), {"id": "2", "function": {"name": "clock", "arguments": "{}"}}
    turns = [calling(first, second), {"role": "function", "name": "clock", "content": "a"}]
    assert pair(turns)[1] == {"role": "tool", "name": "clock", "content": "a", "tool_call_id": "2"}


def test_ids_that_come_again_mean_the_latest_call():
    clock = {"id": "1", "function": {"name": "clock", "arguments": "{}"}}
    turns = [calling(function(id="1")), result("a", id="1"), calling(clock), result("b", id="1")]
    assert [message.get("name") for message in pair(turns)] == [None, "weather", None, "clock"]


def test_the_messages_given_are_not_changed():
    messages = [user("a"), calling(function()), {"role": "function", "content": "b"}]
    before = json.dumps(messages)
    pair(messages)
    split(messages)
    assert json.dumps(messages) == before


def test_objects_that_nest_too_deep_are_refused_by_name():
    deep = {}
    for _ in range(100):
        deep = {"a": deep}
    template = ChatTemplate(CALLS.replace("ARGUMENTS", "{{ call.function.arguments }}"), name="t")
    with pytest.raises(Failure, match="nest deeper") as raised:
        template.render([user("a"), call(deep)])
    assert raised.value.kind is FailureKind.INVALID_REQUEST
    assert raised.value.param == "messages"


ids = st.sampled_from([None, "", "1", "2", "call_0123456789abcdef"])
texts = st.sampled_from(["", "one", "two"])
arguments = st.sampled_from(["", "{}", '{"x": 1}', '{"x', "[]", "null", {"x": {"y": []}}])
named = st.fixed_dictionaries({"name": st.sampled_from(["f", "g"]), "arguments": arguments})
calls = st.fixed_dictionaries({"function": named}, optional={"id": ids})
turns = st.one_of(
    st.builds(user, texts),
    st.builds(assistant, texts),
    st.fixed_dictionaries(
        {
            "role": st.just("assistant"),
            "content": texts | st.none(),
            "tool_calls": st.lists(calls, max_size=3),
        },
        optional={"reasoning_content": texts},
    ),
    st.fixed_dictionaries(
        {"role": st.sampled_from(["tool", "function"]), "content": texts},
        optional={"tool_call_id": ids, "name": st.sampled_from(["f", "h"])},
    ),
)


# Busy machines draw such conversations slowly.
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(sorted(TEMPLATES)), st.lists(turns, max_size=6), st.booleans())
def test_no_history_of_calls_is_refused(name, history, tools):
    messages = [user("Ask."), *history, user("More.")]
    text = TEMPLATES[name].render(messages, {"tools": [TOOL] if tools else None})
    assert "More." in text
    results = [m for m in history if m["role"] in ("tool", "function")]
    for word in ("one", "two"):
        told = sum(m["content"] == word for m in results)
        assert text.count(word) >= told
