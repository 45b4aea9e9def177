"""Whatever the messages are, what comes back is text or a failure."""

import json

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from colonnade.messages import Failure
from colonnade.prompt import ChatTemplate, packaged_templates
from colonnade.prompt.packaged import packaged_source
from tests.prompt.conversations import ALTERNATING, CALLS, CHATML, TOOL

TEMPLATES = [
    *(ChatTemplate(packaged_source(name), name=name) for name in packaged_templates()),
    *(
        ChatTemplate(source, name="test")
        for source in (
            CHATML,
            ALTERNATING,
            CALLS.replace("ARGUMENTS", "{{ call.function.arguments.items() | list }}"),
            CALLS.replace("ARGUMENTS", "{{ call.function.arguments }}"),
        )
    ),
]
BY_NAME = {template.name: template for template in TEMPLATES}
TOJSON = ChatTemplate("{{ value | tojson }}", name="tojson")

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)
roles = st.sampled_from(["system", "developer", "user", "assistant", "tool", "function", ""])
parts = st.fixed_dictionaries({"type": st.just("text"), "text": st.text(max_size=8)})
contents = st.none() | st.text(max_size=8) | st.lists(parts | anything, max_size=3) | anything
functions = st.fixed_dictionaries(
    {}, optional={"name": st.text(max_size=8) | anything, "arguments": anything}
)
calls = st.fixed_dictionaries({}, optional={"id": st.text() | anything, "function": functions})
messages = st.fixed_dictionaries(
    {},
    optional={
        "role": roles | anything,
        "content": contents,
        "name": anything,
        "tool_call_id": st.text() | anything,
        "tool_calls": st.lists(calls | anything, max_size=2) | anything,
    },
)
plain = st.fixed_dictionaries(
    {"role": st.sampled_from(["system", "developer", "user", "assistant"]), "content": st.text()}
)


# Busy machines draw such messages slowly.
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(TEMPLATES), st.lists(messages, max_size=5), st.booleans())
def test_any_messages_give_text_or_a_failure(template, conversation, tools):
    try:
        text = template.render(conversation, {"tools": [TOOL] if tools else None})
    except Failure:
        return
    assert isinstance(text, str)


@settings(deadline=None)
@given(st.sampled_from(TEMPLATES), st.dictionaries(st.text(), anything, max_size=3))
@example(BY_NAME["chatml"], {"raise_exception": 1, "add_generation_prompt": [], "self": 1})
@example(BY_NAME["chatml"], {"tools": 7})
@example(BY_NAME["chatml"], {"tools": [7, {"function": 7}]})
def test_any_kwargs_give_text_or_a_failure(template, kwargs):
    try:
        text = template.render([{"role": "user", "content": "zqword"}], kwargs)
    except Failure:
        return
    assert "zqword" in text


@settings(deadline=None)
@given(st.sampled_from([*packaged_templates()]), st.lists(plain, min_size=1, max_size=5))
def test_plain_messages_are_never_refused_nor_lost(name, conversation):
    text = BY_NAME[name].render(conversation)
    for message in conversation:
        assert message["content"].strip() in text


@settings(deadline=None)
@given(anything)
def test_json_survives_the_filter(value):
    text = TOJSON.render([], {"value": value})
    assert json.dumps(json.loads(text)) == json.dumps(value)
    for character in "<>&'":
        assert text.count(character) == json.dumps(value).count(character)
