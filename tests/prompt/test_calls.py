"""Tool calls in a replayed history, as each template wants them."""

import pytest

from colonnade.prompt import ChatTemplate
from colonnade.prompt.traits import Talk
from tests.prompt.conversations import ALTERNATING, CALLS, TOOL, assistant, call, result, user

AS_JSON = CALLS.replace("ARGUMENTS", "{{ call.function.arguments | tojson }}")
AS_ITEMS = CALLS.replace(
    "ARGUMENTS", "{% for k, v in call.function.arguments.items() %}{{ k }}={{ v }}{% endfor %}"
)
AS_TEXT = CALLS.replace("ARGUMENTS", "{{ call.function.arguments }}")
NAMED = CALLS.replace("ARGUMENTS", "{{ call.function.arguments }}").replace(
    "'[' + message.role", "'[' + (message.name if message.role == 'tool' else message.role)"
)
NINE = AS_JSON.replace(
    "{{ call.function.name }}",
    "{% if call.id | length != 9 %}{{ raise_exception('Nine!') }}{% endif %}"
    "{{ call.id + call.function.name }}",
)
NONE_CONTENT = (
    "{% for m in messages %}{% if m.role == 'assistant' and m.content is none %}"
    "{% for c in m.tool_calls %}{{ c.function.name }}({{ c.function.arguments | tojson }})"
    "{% endfor %}{% else %}{{ m.content }}|{% endif %}{% endfor %}"
)
DESCRIBED = (
    "{% for tool in tools %}{{ tool.function.name + ': ' + tool.function.description }}"
    "{% for name, _ in tool.function.parameters.properties.items() %} {{ name }}{% endfor %}"
    "{% endfor %}{{ messages[0].content }}"
)


def render(source, *messages, **kwargs):
    return ChatTemplate(source, name="test").render(messages, {"tools": [TOOL], **kwargs})


@pytest.mark.parametrize("arguments", ['{"place": "Ávila"}', {"place": "Ávila"}])
@pytest.mark.parametrize(
    ("source", "written"),
    [
        (AS_JSON, '{"place": "Ávila"}'),
        (AS_ITEMS, "place=Ávila"),
        (AS_TEXT, '{"place": "Ávila"}'),
    ],
)
def test_arguments_come_as_the_template_wants_them(source, written, arguments):
    text = render(source, user("a"), call(arguments), result("b"))
    assert text == f"[user]a[assistant]weather({written})[tool]b"


@pytest.mark.parametrize("source", [AS_JSON, AS_ITEMS, AS_TEXT])
@pytest.mark.parametrize("arguments", ['{"place": "Par', "[1, 2]", "nonsense", "[" * 100_000])
def test_malformed_arguments_do_not_break_the_history(source, arguments):
    text = render(source, user("a"), call(arguments), result("b"))
    assert arguments[:5].strip('{"') in text
    assert text.endswith("[tool]b")


@pytest.mark.parametrize("arguments", ["", " ", "null", None, {}])
def test_no_arguments_are_an_empty_object(arguments):
    assert "weather({})" in render(AS_JSON, user("a"), call(arguments))
    assert "weather()" in render(AS_ITEMS, user("a"), call(arguments))


def test_ids_are_shortened_where_the_template_insists():
    text = render(NINE, user("a"), call("{}"), result("b"))
    short = text.removeprefix("[user]a[assistant]").split("weather")[0]
    assert len(short) == 9
    assert short.isalnum()
    assert "abcdef123weather" in render(NINE, user("a"), call("{}", id="abcdef123"))


def test_a_result_is_named_after_its_call():
    assert render(NAMED, user("a"), call("{}"), result("b")).endswith("[weather]b")


def test_content_beside_calls_is_none_where_the_template_asks_for_that():
    assert render(NONE_CONTENT, user("a"), call('{"x": 1}')) == 'a|weather({"x": 1})'


def test_a_tool_may_have_a_name_alone():
    bare = {"type": "function", "function": {"name": "now", "parameters": None}}
    assert render(DESCRIBED, user("a"), tools=[TOOL, bare]) == (
        "weather: The weather of a place. placenow: a"
    )


def test_a_template_that_always_loops_over_tools_gets_none_to_loop_over():
    assert render(DESCRIBED, user("a"), tools=None) == "a"


def test_text_and_calls_of_two_assistant_messages_become_one():
    writes = "{{ message.tool_calls | default([]) | map(attribute='function') | list | tojson }}"
    source = ALTERNATING.replace("{% endfor %}", writes + "{% endfor %}")
    text = render(source, user("a"), assistant("b"), call("{}"))
    assert text == '[user]a[][assistant]b[{"name": "weather", "arguments": {}}]'


ONE_OF_TWO = (
    "{% for m in messages %}{% if m.tool_calls %}{% for c in m.tool_calls %}"
    "[{{ c.function.name }}({{ c.function.arguments | tojson }})]{% endfor %}"
    "{% else %}<{{ m.role }}>{{ m.content }}{% endif %}{% endfor %}"
)
PLANNED = ONE_OF_TWO.replace(
    "{% for c in m.tool_calls",
    "{{ '(' + m.tool_plan + ')' if m.tool_plan }}{% for c in m.tool_calls",
)


@pytest.mark.parametrize("content", ["b", [{"type": "text", "text": "b"}]])
@pytest.mark.parametrize(
    ("source", "talk", "written"),
    [
        (AS_JSON, Talk.CONTENT, '[user]a[assistant]bweather({"x": 1})[tool]c'),
        (ONE_OF_TWO, Talk.APART, '<user>a<assistant>b[weather({"x": 1})]<tool>c'),
        (PLANNED, Talk.PLAN, '<user>a(b)[weather({"x": 1})]<tool>c'),
    ],
)
def test_text_beside_a_call_comes_out(source, talk, written, content):
    assert ChatTemplate(source, name="test").traits.talk is talk
    called = {**call('{"x": 1}'), "content": content}
    assert render(source, user("a"), called, result("c")) == written


def test_a_call_without_text_is_not_parted():
    assert render(ONE_OF_TWO, user("a"), call('{"x": 1}')) == '<user>a[weather({"x": 1})]'
    assert render(PLANNED, user("a"), call('{"x": 1}')) == '<user>a[weather({"x": 1})]'
