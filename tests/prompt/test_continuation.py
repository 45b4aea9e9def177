"""Prompts that end in the middle of the last message."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colonnade.messages import Failure
from colonnade.prompt import ChatTemplate
from colonnade.prompt.continuation import Part, open_end
from colonnade.prompt.continuation import continued as continue_last
from colonnade.prompt.reasoning import find_reasoning

PLAIN = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
TRIMMING = PLAIN.replace("m.content", "m.content | trim")
THINKING = PLAIN.replace(
    "{{ m.content }}",
    "{% if m.reasoning_content %}<think>\n{{ m.reasoning_content }}\n</think>\n\n{% endif %}"
    "{{ m.content }}",
)
CUTTING = PLAIN.replace("m.content", "m.content.split('</think>')[-1]")
LISTS = PLAIN.replace("{{ m.content }}", "{% for p in m.content %}{{ p.text }}{% endfor %}")
DROPPING = PLAIN.replace("{{ m.content }}", "{% if not loop.last %}{{ m.content }}{% endif %}")

ASK = {"role": "user", "content": "Hi"}
HEAD = "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"


def continued(
    source: str, message: dict[str, object], part: Part = Part.CONTENT
) -> tuple[str, str]:
    messages, end = open_end([ASK, message], part)
    template = ChatTemplate(source, name="test")
    return end.cut(template.render(messages, {"add_generation_prompt": False}))


@given(st.text(alphabet="ab <>|\n</think>\\\"'", max_size=12))
def test_the_prompt_ends_with_the_text(text: str) -> None:
    message = {"role": "assistant", "content": text}
    prompt, begun = continued(PLAIN, message)
    assert prompt == HEAD + text
    assert begun == (text if text.strip() else "")
    for source in (LISTS, THINKING):
        assert continued(source, message) == (prompt, begun)


@given(st.text(alphabet="ab \n", max_size=8))
def test_a_template_that_trims_leaves_no_spaces_at_the_ends(text: str) -> None:
    prompt, begun = continued(TRIMMING, {"role": "assistant", "content": text})
    assert begun == text.strip()
    assert prompt == HEAD + begun


def test_parts_are_lines_of_one_text() -> None:
    parts = [{"type": "text", "text": "One"}, {"type": "text", "text": "two"}]
    for source in (PLAIN, LISTS):
        prompt, begun = continued(source, {"role": "assistant", "content": parts})
        assert (prompt, begun) == (f"{HEAD}One\ntwo", "One\ntwo")


def test_a_thought_goes_on() -> None:
    message = {"role": "assistant", "content": "", "reasoning": "Let me "}
    prompt, begun = continued(THINKING, message, Part.THOUGHT)
    assert (prompt, begun) == (f"{HEAD}<think>\nLet me ", "Let me ")


FORGETFUL = PLAIN.replace("m.content", "m.content.split('</think>')[-1]").replace(
    "assistant\n{% endif %}",
    "assistant\n{% if enable_thinking %}<think>\n{% else %}<think></think>{% endif %}{% endif %}",
)


@pytest.mark.parametrize("wish", [{}, {"enable_thinking": True}])
def test_a_thought_that_the_template_leaves_out_follows_its_opening(wish: dict[str, Any]) -> None:
    template = ChatTemplate(FORGETFUL, name="test")
    reasoning = find_reasoning(template, frozenset({"<think>", "</think>"}))
    messages = [ASK, {"role": "assistant", "content": "", "reasoning_content": "Let me "}]
    prompt, begun = continue_last(template, reasoning, messages, wish, Part.THOUGHT)
    assert (prompt, begun) == (f"{HEAD}<think>\nLet me ", "Let me ")
    for refused in ({"enable_thinking": False}, {"enable_thinking": None}):
        with pytest.raises(Failure, match="leaves it out"):
            continue_last(template, reasoning, messages, refused, Part.THOUGHT)


def test_a_thought_before_the_text_stays() -> None:
    message = {"role": "assistant", "content": "So", "reasoning_content": "Hm."}
    assert continued(THINKING, message) == (f"{HEAD}<think>\nHm.\n</think>\n\nSo", "So")


def test_an_empty_text_begins_an_answer() -> None:
    for message in ({"role": "assistant", "content": None}, {"role": "assistant", "content": ""}):
        for source in (PLAIN, TRIMMING, LISTS):
            assert continued(source, message) == (HEAD, "")


@pytest.mark.parametrize(
    ("source", "message", "part", "why"),
    [
        (DROPPING, {"content": "So"}, Part.CONTENT, "leaves it out"),
        (CUTTING, {"content": "<think>Hm.</think>So"}, Part.CONTENT, "changes its text"),
        (PLAIN, {"content": "", "reasoning_content": "Hm"}, Part.THOUGHT, "leaves it out"),
        (THINKING, {"content": "So", "reasoning_content": "Hm"}, Part.THOUGHT, "is over"),
        (THINKING, {"content": "So"}, Part.THOUGHT, "no thought"),
        (PLAIN, {"content": "", "tool_calls": [{"id": "1"}]}, Part.CONTENT, "calls tools"),
        (PLAIN, {"content": "", "function_call": {"name": "f"}}, Part.CONTENT, "calls tools"),
    ],
)
def test_what_cannot_go_on_is_refused_by_name(
    source: str, message: dict[str, object], part: Part, why: str
) -> None:
    with pytest.raises(Failure, match=why) as caught:
        continued(source, {"role": "assistant", **message}, part)
    assert caught.value.param == "continue_final_message"
