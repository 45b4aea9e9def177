"""Clients' habits that templates do not expect: each comes out with all of its text."""

import pytest

from colonnade.messages import Failure, FailureKind
from colonnade.prompt import ChatTemplate
from tests.prompt.conversations import ALTERNATING, CHATML, assistant, parts, system, user

SYSTEM_FIRST = CHATML.replace(
    "{{ '<|im",
    "{% if message.role == 'system' and not loop.first %}"
    "{{ raise_exception('System message must be at the beginning.') }}{% endif %}{{ '<|im",
    1,
)
LAST_SYSTEM_WINS = (
    "{% set ns = namespace(head='') %}"
    "{% for m in messages if m.role == 'system' %}{% set ns.head = m.content %}{% endfor %}"
    "{{ ns.head }}|"
    "{% for m in messages if m.role != 'system' %}{{ m.role }}:{{ m.content }}|{% endfor %}"
)
TWO_ROLES = (
    "{% for m in messages %}"
    "{% if m.role == 'user' %}U:{{ m.content }}{% else %}A:{{ m.content }}{% endif %}|{% endfor %}"
)
PARTS_ALONE = (
    "{% for m in messages %}{{ m.role }}:"
    "{% for part in m.content if part.type == 'text' %}{{ part.text }}{% endfor %}|{% endfor %}"
)
EITHER = (
    "{% for m in messages %}{{ m.role }}:"
    "{% if m.content is string %}{{ m.content }}"
    "{% else %}{% for part in m.content %}<{{ part.text }}>{% endfor %}{% endif %}|{% endfor %}"
)


def render(source, *messages, **kwargs):
    return ChatTemplate(source, name="test").render(messages, kwargs)


def test_what_a_template_takes_reaches_it_as_given():
    text = render(CHATML, system("a"), user("b"), assistant("c"), system("d"), user("e"))
    roles = [piece.split("\n")[0] for piece in text.split("<|im_start|>")[1:]]
    assert roles == ["system", "user", "assistant", "system", "user", "assistant"]


def test_developer_is_the_system_where_the_template_knows_no_developer():
    developer = {"role": "developer", "content": "a"}
    assert render(CHATML, developer, user("b")) == render(CHATML, system("a"), user("b"))


def test_developer_stays_where_the_template_knows_it():
    source = CHATML + "{# developer #}"
    developer = {"role": "developer", "content": "a"}
    assert "<|im_start|>developer\na" in render(source, developer, user("b"))


def test_content_parts_become_a_string():
    message = {"role": "user", "content": parts("a", "b")}
    assert render(CHATML, message) == render(CHATML, user("a\nb"))


def test_content_parts_stay_where_the_template_reads_them():
    assert render(EITHER, {"role": "user", "content": parts("a", "b")}) == "user:<a><b>|"
    assert render(EITHER, user("a")) == "user:a|"


def test_a_string_becomes_a_part_where_the_template_reads_parts_alone():
    assert render(PARTS_ALONE, system("a"), user("b")) == "system:a|user:b|"


def test_other_spellings_of_text_parts():
    content = ["a", {"type": "input_text", "text": "b"}, {"type": "refusal", "refusal": "c"}]
    content.append({"type": "text", "text": "d", "cache_control": {"type": "ephemeral"}})
    assert render(CHATML, {"role": "user", "content": content}) == render(
        CHATML, user("a\nb\nc\nd")
    )
    one = {"role": "user", "content": {"type": "text", "text": "a"}}
    assert render(CHATML, one) == render(CHATML, user("a"))


@pytest.mark.parametrize("part", [{"type": "image_url"}, {"type": "text"}, {"type": []}, 7, None])
def test_a_part_that_is_not_text_is_refused_and_not_lost(part):
    with pytest.raises(Failure) as raised:
        render(CHATML, {"role": "user", "content": [part]})
    assert raised.value.kind is FailureKind.UNSUPPORTED
    assert raised.value.param == "messages"


def test_no_content_is_empty_content():
    assert render(CHATML, {"role": "assistant", "content": None}) == render(CHATML, assistant(""))
    assert render(CHATML, {"role": "assistant"}) == render(CHATML, assistant(""))


def test_null_fields_are_absent_fields():
    source = "{{ messages[0].tool_calls is defined }} {{ 'name' in messages[0] }}"
    assert render(source, {"role": "user", "content": "", "tool_calls": [], "name": None}) == (
        "False False"
    )


@pytest.mark.parametrize("source", [SYSTEM_FIRST, LAST_SYSTEM_WINS, TWO_ROLES])
def test_several_system_messages_become_one_at_the_beginning(source):
    scattered = render(source, system("a"), user("b"), assistant("c"), system("d"), user("e"))
    gathered = render(source, system("a\n\nd"), user("b"), assistant("c"), user("e"))
    assert scattered == gathered
    assert "d" in scattered


def test_a_system_after_the_beginning_moves_there():
    assert render(SYSTEM_FIRST, user("b"), system("a")) == render(
        SYSTEM_FIRST, system("a"), user("b")
    )


def test_a_model_without_system_hears_it_from_the_user():
    text = render(ALTERNATING, system("a"), system("b"), user("c"), assistant("d"), user("e"))
    assert text == "[user]a\n\nb\n\nc[assistant]d[user]e"
    assert render(ALTERNATING, system("a")) == "[user]a"


def test_neighbours_of_one_role_become_one_message_where_roles_must_alternate():
    text = render(ALTERNATING, user("a"), user("b"), assistant("c"), assistant("d"), user("e"))
    assert text == "[user]a\n\nb[assistant]c\n\nd[user]e"


def test_the_user_begins_in_silence_where_the_beginning_was_cut_off():
    text = render(ALTERNATING, assistant("a"), user("b"))
    assert text == "[user][assistant]a[user]b"
    text = render(ALTERNATING, system("s"), assistant("a"), user("b"))
    assert text == "[user][assistant]a[user]s\n\nb"


def test_neighbours_stay_two_messages_elsewhere():
    assert render(CHATML, user("a"), user("b")).count("<|im_start|>user") == 2


def test_the_message_is_that_of_the_first_refusal():
    source = (
        "{% if messages[0].role == 'system' and messages | length > 2 %}"
        "{{ raise_exception('first') }}{% endif %}"
        "{% if messages[0].content is string and 'stop' in messages[0].content %}"
        "{{ raise_exception('second') }}{% endif %}" + CHATML
    )
    with pytest.raises(Failure, match="first"):
        render(source, system("stop"), user("a"), user("b"))
    assert "go" in render(source, system("go"), user("a"), user("b"))


def test_messages_are_not_changed():
    messages = [system("a"), system("b"), {"role": "user", "content": parts("c")}, user("d")]
    before = repr(messages)
    render(ALTERNATING, *messages)
    assert repr(messages) == before
