"""Thoughts: which markers a family has, when a prompt opens one, and what is told to templates."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colonnade.prompt import ChatTemplate, packaged_templates
from colonnade.prompt.packaged import packaged_source
from colonnade.prompt.reasoning import (
    FAMILIES,
    ReasoningFormat,
    answer_heads,
    find_reasoning,
    opened,
    thinking_kwargs,
)
from tests.prompt.conversations import CHATML, assistant, call, result, user

HEAD = "{% for m in messages %}{{ '<|' + m.role + '|>' }}"
TAIL = "{{ m.content }}<|end|>{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
THINKS = HEAD + "{% if m.FIELD %}{{ OPENING + m.FIELD + CLOSING }}{% endif %}" + TAIL
"""``OPENING`` and ``CLOSING`` stand for literals, ``FIELD`` for the field of a thought."""
CUTS_OFF = (
    HEAD + "{% set text = m.content.split('</think>')[-1] %}{{ text }}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n"
    "{% if enable_thinking is defined and not enable_thinking %}<think>\n\n</think>\n\n{% endif %}"
    "{% endif %}"
)
OPENS = (
    HEAD + "{% if m.thinking %}<think>\n{{ m.thinking }}\n</think>\n{% endif %}{{ m.content }}"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|>"
    "{{ '<think>\n' if thinking | default(true) else '</think>' }}{% endif %}"
)
PARTS = (
    HEAD + "{% if m.content is string %}{{ m.content }}{% else %}{% for p in m.content %}"
    "{{ '[THINK]' + p.thinking + '[/THINK]' if p.type == 'thinking' else p.text }}"
    "{% endfor %}{% endif %}{% endfor %}"
)
CHANNELS = (
    "{% for m in messages %}{% if m.role == 'assistant' %}"
    "{% if m.thinking and m.content and m.tool_calls %}"
    "{{ raise_exception('Not both!') }}{% endif %}"
    "{% if m.thinking %}{{ '<|start|>assistant<|channel|>analysis<|message|>' + m.thinking }}"
    "<|end|>{% endif %}"
    "{% for c in m.tool_calls or [] %}"
    "{{ '<|start|>assistant to=' + c.function.name + '<|message|>' }}"
    "{{ c.function.arguments | tojson }}<|call|>"
    "{% else %}{{ '<|start|>assistant<|channel|>final<|message|>' + m.content }}<|end|>{% endfor %}"
    "{% else %}{{ '<|start|>' + m.role + '<|message|>' + m.content }}<|end|>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|start|>assistant{% endif %}"
    "{# Reasoning: #}{{ reasoning_effort | default('medium') }}"
)


def template(source):
    return ChatTemplate(source, name="test")


def thinks(opening, closing, field="reasoning_content"):
    source = THINKS.replace("OPENING", repr(opening)).replace("CLOSING", repr(closing))
    return template(source.replace("FIELD", field))


def markers(found):
    return (found.opening, found.closing) if found else None


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.opening)
@pytest.mark.parametrize("field", ["reasoning_content", "reasoning", "thinking"])
def test_a_family_is_found_by_what_the_template_writes(family, field):
    head = family.heads[0] if family.heads else ""
    found = find_reasoning(thinks(family.opening, family.ending + head, field), ())
    assert markers(found) == (family.opening, family.closing)
    assert found.heads[:1] == family.heads[:1]
    assert set(family.heads) <= set(found.dropped)
    assert found.ending.strip() == family.closing


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.opening)
def test_a_family_is_found_among_the_special_tokens(family):
    names = [*family.markers, "<|im_start|>"]
    found = find_reasoning(template(CHATML), [name.strip() for name in names])
    assert markers(found) == (family.opening, family.closing)


@pytest.mark.parametrize(
    ("opening", "closing", "found"),
    [
        ("<musing>\n", "\n</musing>\n\n", ("<musing>", "</musing>")),
        (" to=self<|message|>", "<|eom|>", ("to=self<|message|>", "<|eom|>")),
        ("<think:v2>", "</think:v2>", ("<think:v2>", "</think:v2>")),
    ],
)
def test_markers_of_no_known_family_are_read_off(opening, closing, found):
    assert markers(find_reasoning(thinks(opening, closing), ())) == found


def test_what_stands_before_an_answer_is_read_off():
    found = find_reasoning(thinks("<musing>\n", "\n</musing>\n<reply>\n"), ())
    assert found == ReasoningFormat(
        "<musing>", "</musing>", ("<reply>",), ("</reply>", "<reply>"), "\n</musing>\n"
    )


def test_a_thought_is_ended_as_the_template_ends_one():
    assert find_reasoning(thinks("<think>\n", "\n</think>\n\n"), ()).ending == "\n</think>\n\n"
    assert find_reasoning(thinks("<think>", "</think>"), ()).ending == "</think>"


def test_channels_have_heads_of_their_own():
    found = find_reasoning(template(CHANNELS), ())
    assert markers(found) == ("<|channel|>analysis<|message|>", "<|end|>")
    assert "<|start|>assistant<|channel|>final<|message|>" in found.heads
    lengths = [len(text) for text in found.dropped]
    assert lengths == sorted(lengths, reverse=True)


@pytest.mark.parametrize("source", [CUTS_OFF, OPENS])
def test_a_template_that_only_knows_of_thoughts_shows_them(source):
    assert markers(find_reasoning(template(source), ())) == ("<think>", "</think>")


def test_every_answer_in_channels_has_a_head():
    channels = template(CHANNELS)
    found = find_reasoning(channels, ())
    assert answer_heads(found, channels.render([user("a")])) == found.heads
    assert answer_heads(found, "<|start|>assistant<|channel|>final<|message|>") == ()


def test_an_answer_may_do_without_a_head_elsewhere():
    replies = find_reasoning(thinks("<musing>", "</musing><reply>"), ())
    assert answer_heads(replies, "<|assistant|>") == ("", "<reply>")
    assert answer_heads(replies, "<|assistant|><reply>\n") == ()
    assert answer_heads(find_reasoning(thinks("<think>", "</think>"), ()), "<|assistant|>") == ()


def test_thoughts_that_are_parts_of_the_content():
    magistral = template(PARTS)
    assert markers(find_reasoning(magistral, ())) == ("[THINK]", "[/THINK]")
    text = magistral.render([user("a"), {**assistant("b"), "reasoning": "t"}, user("c")])
    assert text == "<|user|>a<|assistant|>[THINK]t[/THINK]b<|user|>c"


@pytest.mark.parametrize("name", packaged_templates())
def test_nothing_is_found_where_there_is_nothing(name):
    plain = ChatTemplate(packaged_source(name), name=name)
    assert find_reasoning(plain, ["<|im_start|>", "<|im_end|>", "<|end|>", "[INST]"]) is None


@pytest.mark.parametrize(
    "source", [THINKS.replace("OPENING + m.FIELD + CLOSING", "m.reasoning_content"), HEAD + TAIL]
)
def test_a_text_without_markers_is_no_format(source):
    assert find_reasoning(template(source.replace("m.FIELD", "m.reasoning_content")), ()) is None


def test_a_prompt_that_opens_a_thought():
    opens = template(OPENS)
    found = find_reasoning(opens, ())
    assert opened(found, opens.render([user("a")]))
    assert not opened(found, opens.render([user("a")], {"thinking": False}))


def test_an_empty_thought_is_closed():
    cuts = template(CUTS_OFF)
    found = find_reasoning(cuts, ())
    assert not opened(found, cuts.render([user("a")], {"enable_thinking": False}))


@given(st.text(alphabet="ab <>/think\n"), st.sampled_from(FAMILIES), st.sampled_from(["", "\n"]))
def test_only_the_end_of_a_prompt_opens_a_thought(text, family, space):
    prompt = f"{text}{family.opening}"
    assert opened(family, prompt + space)
    assert not opened(family, f"{prompt}x{space}")
    assert not opened(family, f"{prompt}\n{family.closing}{space}")


def test_words_of_a_user_open_nothing():
    plain = thinks("<think>", "</think>")
    prompt = plain.render([user("what is <think>")])
    assert not opened(find_reasoning(plain, ()), prompt)


@pytest.mark.parametrize("given_as", ["reasoning_content", "reasoning", "thinking"])
@pytest.mark.parametrize("read_as", ["reasoning_content", "reasoning", "thinking"])
def test_a_replayed_thought_stands_where_the_template_looks(given_as, read_as):
    text = thinks("<t>", "</t>", read_as).render([user("a"), {**assistant("b"), given_as: "c"}])
    assert text == "<|user|>a<|end|><|assistant|><t>c</t>b<|end|><|assistant|>"


@pytest.mark.parametrize("name", packaged_templates())
def test_templates_that_know_no_thoughts_are_not_disturbed(name):
    plain = ChatTemplate(packaged_source(name), name=name)
    thought = {**assistant("b"), "reasoning_content": "t", "reasoning": "t", "thinking": "t"}
    assert plain.render([user("a"), thought, user("c")]) == plain.render(
        [user("a"), assistant("b"), user("c")]
    )


def test_an_empty_thought_is_none():
    dialog = [user("a"), {**assistant("b"), "reasoning_content": " \n", "reasoning": ""}]
    assert "<t>" not in thinks("<t>", "</t>").render(dialog)


def test_two_thoughts_of_neighbours_become_one():
    alternating = template(
        "{% for m in messages %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}"
        "{{ raise_exception('Roles must alternate.') }}{% endif %}"
        "{{ '[' + (m.reasoning_content or '') + ']' + m.content }}{% endfor %}"
    )
    first, second = ({**assistant(t), "reasoning_content": t.upper()} for t in "bc")
    assert alternating.render([user("a"), first, second]) == "[]a[B\n\nC]b\n\nc"


def test_thought_text_and_call_all_come_out_where_the_text_may_stand_apart():
    channels = template(CHANNELS)
    calling = {**call('{"x": 1}'), "reasoning_content": "t"}
    messages = [user("a"), calling, result("r"), user("c")]
    assert "analysis<|message|>t<|end|>" in channels.render(messages)
    crowded = channels.render([user("a"), {**calling, "content": "b"}, result("r"), user("c")])
    assert (
        "analysis<|message|>t<|end|><|start|>assistant<|channel|>final<|message|>b<|end|>"
        '<|start|>assistant to=weather<|message|>{"x": 1}<|call|>' in crowded
    )


def test_a_thought_is_left_out_where_there_is_no_room_beside_text_and_call():
    beside = "{% if m.content and m.tool_calls %}{{ '(' + m.content + ')' }}{% endif %}"
    channels = template(CHANNELS.replace("{% for c in m", beside + "{% for c in m"))
    calling = {**call('{"x": 1}'), "reasoning_content": "t", "content": "b"}
    crowded = channels.render([user("a"), calling, result("r"), user("c")])
    assert "analysis" not in crowded
    assert '(b)<|start|>assistant to=weather<|message|>{"x": 1}<|call|>' in crowded


def switched(condition):
    return template(HEAD + TAIL + "{{ 'on' if " + condition + " else 'off' }}")


@pytest.mark.parametrize(
    ("condition", "on", "off"),
    [
        ("enable_thinking | default(true)", {"enable_thinking": True}, {"enable_thinking": False}),
        ("thinking | default(false)", {"thinking": True}, {"thinking": False}),
        (
            "thinking_mode | default('') != 'disabled'",
            {"thinking_mode": "enabled"},
            {"thinking_mode": "disabled"},
        ),
        ("thinking_budget | default(-1) != 0", {"thinking_budget": -1}, {"thinking_budget": 0}),
    ],
)
def test_effort_and_enabling_turn_the_switch_that_a_template_has(condition, on, off):
    switch = switched(condition)
    assert thinking_kwargs(switch, None, None) == {}
    for effort, enable, values in [
        ("none", None, off),
        ("low", None, on),
        (None, False, off),
        (None, True, on),
        ("high", False, off),
        ("none", True, on),
    ]:
        kwargs = thinking_kwargs(switch, effort, enable)
        assert kwargs.items() >= values.items()
        assert switch.render([user("a")], kwargs).endswith("on" if values is on else "off")


def test_a_name_that_changes_nothing_is_no_switch():
    local = "{% if x %}{% set thinking = 'a' %}{% endif %}{% if x %}{{ thinking }}{% endif %}"
    unswitched = template(HEAD + TAIL + local)
    assert thinking_kwargs(unswitched, "low", None) == {"reasoning_effort": "low"}


def test_a_template_that_knows_nothing_is_told_as_it_is():
    assert thinking_kwargs(template(CHATML), "minimal", None) == {"reasoning_effort": "minimal"}
    assert thinking_kwargs(template(CHATML), None, False) == {"enable_thinking": False}
    assert thinking_kwargs(template(CHATML), "whatever", None) == {"reasoning_effort": "whatever"}


@pytest.mark.parametrize(
    ("effort", "told"),
    [
        ("none", "no_think"),
        ("minimal", "low"),
        ("low", "low"),
        ("medium", "high"),
        ("high", "high"),
        ("max", "high"),
    ],
)
def test_a_level_that_is_refused_becomes_the_nearest(effort, told):
    strict = template(
        "{% if reasoning_effort | default('no_think') not in ['no_think', 'low', 'high'] %}"
        "{{ raise_exception('no such effort') }}{% endif %}"
        "{{ messages[0].content }}{{ reasoning_effort | default('no_think') }}"
    )
    assert thinking_kwargs(strict, effort, None)["reasoning_effort"] == told
    assert thinking_kwargs(strict, None, True) == {
        "reasoning_effort": "high",
        "enable_thinking": True,
    }
    assert thinking_kwargs(strict, None, False)["reasoning_effort"] == "no_think"


@pytest.mark.parametrize(
    ("effort", "told"), [("none", "low"), ("minimal", "low"), ("medium", "medium"), ("max", "high")]
)
def test_a_family_that_takes_any_word_is_told_what_it_was_trained_with(effort, told):
    assert thinking_kwargs(template(CHANNELS), effort, None) == {"reasoning_effort": told}


def test_no_effort_is_the_level_that_leaves_the_thought_out():
    solar = template(
        HEAD + TAIL + "{{ '<|think|><|end|>' if reasoning_effort in ['minimal', 'low'] else '' }}"
    )
    assert thinking_kwargs(solar, "none", None) == {"reasoning_effort": "minimal"}
    assert thinking_kwargs(solar, "high", None) == {"reasoning_effort": "high"}
