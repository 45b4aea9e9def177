"""The Jinja that models' templates are written in, and the bounds around it."""

from datetime import datetime

import pytest

from colonnade.messages import Failure, FailureKind
from colonnade.prompt import ChatTemplate
from tests.prompt.conversations import CHATML, TOOL, user

DOUBLING = (
    "{% set ns = namespace(text='x') %}"
    "{% for i in range(90) %}{% set ns.text = ns.text PLUS ns.text %}{% endfor %}"
)


def render(source, kwargs=None, messages=(), **options):
    return ChatTemplate(source, name="test", **options).render(messages, kwargs or {})


def refusal(source, kwargs=None, messages=()):
    with pytest.raises(Failure) as raised:
        render(source, kwargs, messages)
    assert raised.value.kind is FailureKind.TEMPLATE_REFUSED
    assert raised.value.param == "messages"
    return raised.value.message


def test_json_is_written_for_a_model_to_read():
    value = {"b": "<é> & 'quotes'", "a": [1, None, True]}
    written = '{"b": "<é> & \'quotes\'", "a": [1, null, true]}'
    assert render("{{ value | tojson }}", {"value": value}) == written


def test_json_takes_the_options_that_templates_give_it():
    value = {"b": "é", "a": 1}
    assert render("{{ v | tojson(indent=2) }}", {"v": {"a": 1}}) == '{\n  "a": 1\n}'
    assert render("{{ v | tojson(ensure_ascii=True) }}", {"v": value}) == '{"b": "\\u00e9", "a": 1}'
    assert render("{{ v | tojson(sort_keys=True) }}", {"v": value}) == '{"a": 1, "b": "é"}'
    compact = "{{ v | tojson(separators=(',', ':')) }}"
    assert render(compact, {"v": value}) == '{"b":"é","a":1}'


def test_json_writes_what_the_map_filter_gives():
    source = "{{ tools | map(attribute='function') | map(attribute='name') | tojson }}"
    assert render("{% if tools %}" + source + "{% endif %}", {"tools": [TOOL]}) == '["weather"]'


def test_blocks_leave_no_blank_lines():
    assert render("a\n  {% if true %}\nb\n  {% endif %}\nc") == "a\nb\nc"


def test_loops_break_continue_and_know_their_neighbours():
    source = (
        "{% for x in [1, 2, 3, 4] %}{% if x == 2 %}{% continue %}{% endif %}"
        "{% if x == 4 %}{% break %}{% endif %}"
        "{{ x }}/{{ loop.length }}{{ loop.previtem }}{{ loop.nextitem }}{{ loop.last }} "
        "{% endfor %}"
    )
    assert render(source) == "1/42False 3/424False "


def test_the_generation_tag_renders_its_body():
    assert render("a{% generation %}b{% set x = 'c' %}{% endgeneration %}{{ x }}") == "abc"


def test_the_clock_can_be_set():
    noon = datetime(2031, 5, 4, 12, 30)
    text = render("{{ strftime_now('%d %b %Y %H:%M') }}", clock=lambda: noon)
    assert text == "04 May 2031 12:30"


def test_special_tokens_are_text_and_absent_ones_are_empty():
    source = "{{ bos_token + unk_token + pad_token + eos_token }}"
    assert render(source, bos_token="<s>", eos_token="</s>") == "<s></s>"


def test_absent_tools_and_documents_are_none():
    source = "{{ tools is none }} {{ documents is none }} {{ enable_thinking is defined }}"
    assert render(source) == "True True False"
    assert render(source, {"tools": []}) == "True True False"


def test_kwargs_reach_the_template_but_leave_the_messages_alone():
    text = render(CHATML, {"messages": [user("no")], "add_generation_prompt": False}, [user("yes")])
    assert text == "<|im_start|>user\nyes<|im_end|>\n"
    assert render("{{ enable_thinking }}", {"enable_thinking": False}) == "False"


def test_the_template_refuses_in_its_own_words():
    source = "{{ raise_exception('Only on Sundays: é {}') }}"
    assert refusal(source, messages=[user("x")]) == "Only on Sundays: é {}"


@pytest.mark.parametrize(
    "source",
    [
        "{{ nobody.name }}",
        "{{ 1 + 'a' }}",
        "{{ messages[0].content + 1 }}",
        "{{ 1 / 0 }}",
        "{{ ''.__class__.__mro__ }}{{ ().__class__.__bases__[0].__subclasses__() }}",
        "{{ messages.clear() }}",
        "{% include 'other' %}",
        "{{ 'x' | nofilter }}",
        "{{ '{0.__class__}'.format(1) + 1 }}",
    ],
)
def test_a_template_that_breaks_is_a_refusal(source):
    assert refusal("{% if true %}" + source + "{% endif %}", messages=[user("x")])


@pytest.mark.parametrize(
    "source",
    [
        "{% for x in range(10 ** 9) %}{% endfor %}",
        "{% for x in range(99999) %}{% for y in range(99999) %}{% endfor %}{% endfor %}",
        "{% macro f(n) %}{{ f(n) }}{% endmacro %}{{ f(1) }}",
        "{% macro f(n) %}{% if n %}{{ f(n-1) }}{{ f(n-1) }}{% endif %}{% endmacro %}{{ f(50) }}",
        "{{ 'x' * 10 ** 12 }}",
        "{{ [1] * 10 ** 12 }}",
        "{{ 10 ** 10 ** 9999 }}",
        DOUBLING.replace("PLUS", "~"),
        DOUBLING.replace("PLUS", "+"),
    ],
)
def test_runaway_work_is_a_refusal(source):
    assert refusal(source, messages=[user("x")])


def test_a_template_that_changes_its_lists_leaves_the_callers_alone():
    conversation = [user("x")]
    source = "{% if flag %}{% set _ = messages.append({'role': 'user'}) %}{% endif %}"
    assert render(source + "{{ messages | length }}", {"flag": True}, conversation) == "2"
    assert conversation == [user("x")]
