"""Tools for models whose templates know none: the instruction, and calls and results in words."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colonnade.messages import Failure
from colonnade.prompt import ChatTemplate, packaged_templates
from colonnade.prompt.calls import CallMode, TextInput, Tool, ToolUse
from colonnade.prompt.calls.definitions import template_tools
from colonnade.prompt.calls.generic import instruct, supports_tools
from colonnade.prompt.packaged import packaged_source
from tests.prompt.conversations import CALLS, CHATML, TOOL, assistant, call, result, system, user

WITH_TOOLS = ["chatml", "llama3"]
WITHOUT_TOOLS = sorted({*packaged_templates()} - {*WITH_TOOLS})
PLACE = {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]}
WEATHER = Tool("weather", "The weather of a place.", PLACE)
CLOCK = Tool("clock")
CALLING = '<tool_call>\n{"name": "weather", "arguments": {"place": "Ávila"}}\n</tool_call>'
NATIVE = (
    "{% for m in messages %}{{ '<' + m.role + '>' + m.content }}"
    "{% for c in m.tool_calls or [] %}"
    "{{ '[[' + c.function.name + ':' + c.function.arguments | tojson + ']]' }}{% endfor %}"
    "{{ eos_token }}{% endfor %}"
)
"""Writes calls, shows no tools."""
SHOWS = (
    "{% for t in tools or [] %}{{ t | tojson }}{% endfor %}"
    "{% for m in messages %}{{ '<' + m.role + '>' + m.content }}{% endfor %}"
)
"""Shows tools, drops calls."""


def template(source, **variants):
    return ChatTemplate(source, name="test", eos_token="</s>", variants=variants)


def packaged(name):
    return ChatTemplate(packaged_source(name), name=name, bos_token="<s>", eos_token="</s>")


def instruction(use, source=CHATML):
    first, *_ = instruct([user("a")], use, template(source))
    assert first["role"] == "system"
    return first["content"]


@pytest.mark.parametrize("name", packaged_templates())
def test_packaged_templates_show_tools_or_need_the_instruction(name):
    assert supports_tools(packaged(name)) == (name in WITH_TOOLS)


def test_a_variant_for_tools_supports_them():
    assert supports_tools(template(CHATML, tool_use=template(SHOWS)))
    assert not supports_tools(template(CHATML))


def test_the_instruction_describes_each_tool_and_shows_a_call():
    text = instruction(ToolUse((WEATHER, CLOCK)))
    described = text.split("<tools>\n")[1].split("\n</tools>")[0].splitlines()
    assert [json.loads(line) for line in described] == template_tools(ToolUse((WEATHER, CLOCK)))
    example = '<tool_call>\n{"name": "function", "arguments": {"argument": "value"}}\n</tool_call>'
    assert text.endswith(example)


def test_tools_may_be_shown_in_another_way():
    (message,) = instruct([], ToolUse((WEATHER,)), template(CHATML), [{"name": "other"}])
    assert '<tools>\n{"name": "other"}\n</tools>' in message["content"]


@pytest.mark.parametrize(
    "source",
    [
        NATIVE,
        NATIVE.replace("{{ eos_token }}", "{{ eos_token if not m.tool_calls else '' }}"),
        NATIVE.replace(
            "{{ eos_token }}", "{{ eos_token }}{{ '<assistant>' if m.tool_calls else '' }}"
        ),
    ],
)
def test_the_example_is_in_the_form_that_the_template_writes(source):
    text = instruction(ToolUse((WEATHER,)), source)
    assert text.endswith('like this:\n[[function:{"argument": "value"}]]')


@pytest.mark.parametrize(
    ("use", "said"),
    [
        (ToolUse((WEATHER, CLOCK), CallMode.REQUIRED), "one of these: weather, clock."),
        (
            ToolUse((WEATHER, CLOCK), CallMode.REQUIRED, frozenset({"clock"})),
            "Answer with a call now, of one of these: clock.",
        ),
        (ToolUse((WEATHER, CLOCK), allowed=frozenset({"clock"})), "no others than these: clock."),
        (ToolUse((WEATHER, CLOCK), parallel=False), "Call one function at a time."),
    ],
)
def test_what_must_be_called_is_said_in_a_sentence(use, said):
    text = instruction(use)
    assert text.endswith(said)
    assert '"name": "weather"' in text  # shown all the same


def test_the_instruction_follows_the_first_system_message():
    use = ToolUse((WEATHER,))
    text = instruction(use)
    messages = instruct([system("s"), user("a"), system("t")], use, template(CHATML))
    assert messages == [system(f"s\n\n{text}"), user("a"), system("t")]
    developer = {"role": "developer", "content": "s"}
    assert instruct([developer], use, template(CHATML)) == [
        {"role": "developer", "content": f"s\n\n{text}"}
    ]
    parts = [{"type": "text", "text": "s"}]
    messages = instruct([{"role": "system", "content": parts}], use, template(CHATML))
    assert messages[0]["content"] == [*parts, {"type": "text", "text": text}]


@pytest.mark.parametrize("use", [ToolUse((WEATHER,), CallMode.NONE), ToolUse(())])
def test_tools_that_may_not_be_called_are_not_shown(use):
    messages = [system("s"), user("a"), call("{}"), result("b")]
    assert instruct(messages, use, template(CHATML)) == messages
    assert template_tools(use) == []


def test_the_messages_given_are_not_changed():
    messages = [system("s"), user("a"), call('{"place": "x"}'), result("b")]
    before = json.dumps(messages)
    packaged("vicuna").render(instruct(messages, ToolUse((WEATHER,)), packaged("vicuna")))
    assert json.dumps(messages) == before


@pytest.mark.parametrize("name", WITHOUT_TOOLS)
def test_a_whole_conversation_reaches_a_model_that_knows_no_tools(name):
    use = ToolUse((WEATHER,))
    calls = [*call('{"place": "Ávila"}')["tool_calls"], *call("{}", id="2")["tool_calls"]]
    messages = [
        system("Be kind."),
        user("Weather?"),
        {"role": "assistant", "content": "Wait.", "tool_calls": calls},
        result("sunny"),
        result("cold", id="2"),
        assistant("Sunny."),
        user("Thanks"),
    ]
    text = packaged(name).render(instruct(messages, use, packaged(name)))
    pieces = [
        "Be kind.",
        "<tools>",
        '"name": "weather"',
        "Weather?",
        f"Wait.\n{CALLING}",
        '<tool_call>\n{"name": "weather", "arguments": {}}\n</tool_call>',
        "<tool_response>\nsunny\n</tool_response>\n<tool_response>\ncold\n</tool_response>",
        "Sunny.",
        "Thanks",
    ]
    at = 0
    for piece in pieces:
        assert piece in text[at:]
        at = text.index(piece, at) + len(piece)


def test_only_what_a_template_drops_is_put_into_words():
    messages = [user("a"), call('{"place": "Ávila"}'), result("b")]
    text = template(SHOWS).render(messages, {"tools": [TOOL]})
    assert '"name": "weather"' in text.split("<user>")[0]
    assert text.endswith(f"<user>a<assistant>{CALLING}<tool>b")
    assert template(NATIVE).render(messages) == (
        '<user>a</s><assistant>[[weather:{"place": "Ávila"}]]</s><tool>b</s>'
    )


@pytest.mark.parametrize(
    ("mark", "written"),
    [
        ("<|tool_call|>", '<|tool_call|>[{"name": "weather", "arguments": {"place": "x"}}]'),
        ("List of tools: ", '<|tool_call_start|>[weather(place="x")]<|tool_call_end|>'),
    ],
)
def test_families_whose_templates_drop_calls_have_them_in_their_own_form(mark, written):
    text = template(SHOWS + "{# " + mark + " #}").render([user("a"), call('{"place": "x"}')])
    assert text == f"<user>a<assistant>{written}"


def test_a_python_call_has_literals():
    arguments = {"a": None, "b": [True, 1.5], "c": {"d": 'x"'}}
    text = template(SHOWS + "{# List of tools: #}").render([user("a"), call(arguments)])
    assert '[weather(a=None, b=[True, 1.5], c={"d": "x\\""})]' in text


@pytest.mark.parametrize("arguments", ['{"cut', "[1, 2]", '"text"', "nonsense"])
def test_malformed_arguments_in_words_are_json_all_the_same(arguments):
    text = packaged("vicuna").render([user("a"), call(arguments), result("b")])
    written = json.loads(text.split("<tool_call>\n")[1].split("\n</tool_call>")[0])
    assert written == {"name": "weather", "arguments": {"arguments": arguments}}


def test_a_call_of_a_custom_tool_is_a_call_with_one_argument():
    custom = {"id": "1", "type": "custom", "custom": {"name": "weather", "input": "x\ny"}}
    messages = [user("a"), {"role": "assistant", "content": None, "tool_calls": [custom]}]
    text = template(CALLS.replace("ARGUMENTS", "{{ call.function.arguments | tojson }}"))
    assert text.render(messages) == '[user]a[assistant]weather({"input": "x\\ny"})'


def test_a_custom_tool_is_a_function_of_one_string():
    grammar, regex = 'start: "a"', "[0-9]+"
    use = ToolUse(
        (
            Tool("free", "Free.", custom=TextInput()),
            Tool("lark", custom=TextInput(grammar=grammar)),
            Tool("digits", custom=TextInput(regex=regex)),
        )
    )
    free, lark, digits = (tool["function"] for tool in template_tools(use))
    assert free == {
        "name": "free",
        "description": "Free.",
        "parameters": {
            "type": "object",
            "properties": {"input": {"type": "string"}},
            "required": ["input"],
        },
    }
    assert grammar in lark["parameters"]["properties"]["input"]["description"]
    assert regex in digits["parameters"]["properties"]["input"]["description"]


def test_a_tool_without_parameters_takes_an_empty_object():
    (tool,) = template_tools(ToolUse((CLOCK,)))
    assert tool["function"]["parameters"] == {"type": "object", "properties": {}}


def test_results_alone_are_words_where_a_template_refuses_them():
    refuses = "{% if m.role == 'tool' %}{{ raise_exception('No tools!') }}{% endif %}"
    source = NATIVE.replace("{{ '<' + m.role", refuses + "{{ '<' + m.role")
    text = template(source).render([user("a"), call("{}"), result("b")])
    assert text == (
        "<user>a</s><assistant>[[weather:{}]]</s><user><tool_response>\nb\n</tool_response></s>"
    )


def test_the_templates_own_refusal_is_the_one_that_is_told():
    refuses = template(
        CHATML + "{% if messages | length > 2 %}{{ raise_exception('long') }}{% endif %}"
    )
    with pytest.raises(Failure, match="long"):
        refuses.render([user("a"), call("{}"), result("b"), user("c")])


names = st.from_regex(r"[a-zA-Z0-9_.-]{1,20}", fullmatch=True)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.lists(st.tuples(names, st.dictionaries(st.text(), values)), min_size=1, max_size=4))
def test_calls_in_words_can_be_read_back(made):
    calls = [
        {"id": f"call_{n}", "type": "function", "function": {"name": name, "arguments": arguments}}
        for n, (name, arguments) in enumerate(made)
    ]
    text = VICUNA.render([user("a"), {"role": "assistant", "content": "", "tool_calls": calls}])
    lines = text.split("ASSISTANT: ")[1].split("</s>\nASSISTANT:")[0]
    blocks = lines.removesuffix("\n</tool_call>").split("\n</tool_call>\n")
    read = [json.loads(block.removeprefix("<tool_call>\n")) for block in blocks]
    assert [(call["name"], call["arguments"]) for call in read] == made


VICUNA = packaged("vicuna")
