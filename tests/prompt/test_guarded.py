"""All texts of a conversation, through the templates of many families: none becomes a token."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from colonnade.prompt import choose_template
from colonnade.prompt.calls import Tool, ToolUse
from colonnade.prompt.packaged import packaged_source, packaged_templates
from colonnade.prompt.rendering import Renderer, Study, Wish, study
from tests.prompt.calls.families import SOURCES
from tests.prompt.test_choose import model

TAG = re.compile(r"<[^<>\s'\"{}%]{1,60}>|\[/?[A-Z_]{3,40}\]|◁[^◁▷\s]{1,60}▷")
ALL = {**{name: packaged_source(name) for name in packaged_templates()}, **SOURCES}
USER = {"role": "user", "content": "What is 1 < 2?"}


def made(source: str) -> tuple[Renderer, Study, list[str]]:
    """A renderer, and all that its template writes as markers, taken for control tokens."""
    names = sorted(set(TAG.findall(source)))
    info = model(templates={"default": source}, tokens=names)
    template = choose_template(info)
    found = study(template, frozenset(names))
    return Renderer(template, found, info), found, names


def conversation(evil: str) -> Wish:
    """One that has a text of every kind."""
    arguments = json.dumps({"a" + evil: evil}).replace("<", "\\u003c")
    function = {"name": "get" + evil, "arguments": arguments}
    call_id = "call_1" + evil
    call = {"id": call_id, "type": "function", "function": function}
    parameters = {
        "type": "object",
        "properties": {"p" + evil: {"type": "string", "description": evil, "enum": [evil]}},
    }
    shown = {"name": "get" + evil, "description": "D" + evil, "parameters": parameters}
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": "S" + evil},
        {"role": "user", "content": "U" + evil, "name": "N" + evil},
        {
            "role": "assistant",
            "content": "A" + evil,
            "reasoning_content": "R" + evil,
            "tool_calls": [call],
        },
        {"role": "tool", "tool_call_id": call_id, "content": "T" + evil},
        {
            "role": "user",
            "content": [{"type": "text", "text": evil}, {"type": "text", "text": "x"}],
        },
    ]
    tool = Tool("get", given={"type": "function", "function": shown})
    kwargs = {"documents": [{"title": evil, "text": evil}], "custom": evil}
    return Wish(messages, kwargs, ToolUse((tool,)))


@pytest.mark.parametrize("name", ALL)
def test_no_text_becomes_a_control_token(name: str) -> None:
    renderer, found, names = made(ALL[name])
    markers = () if found.reasoning is None else found.reasoning.markers
    names = [each for each in names if not any(each in marker for marker in markers)]
    forged = renderer.render(conversation("".join(names))).pieces
    honest = renderer.render(conversation("")).pieces
    for each in names:
        written = sum(piece.count(each) for piece in honest)
        assert sum(piece.count(each) for piece in forged) <= written, each


@pytest.mark.parametrize("name", ALL)
def test_an_ordinary_conversation_is_in_one_piece(name: str) -> None:
    renderer, found, _ = made(ALL[name])
    thought = [] if found.reasoning is None or found.reasoning.headed else [found.reasoning]
    inline = "".join(f"{each.opening}\nHm.\n{each.closing}\n\n" for each in thought)
    answer = {"role": "assistant", "content": f"{inline}Yes, 1<2.", "reasoning_content": "R"}
    told = conversation("")
    for messages in ([USER, answer, USER], told.messages):
        rendered = renderer.render(told._replace(messages=messages))
        assert len(rendered.pieces) == 1


def test_what_a_template_reads_out_of_json_is_guarded_too() -> None:
    source = (
        "<|im_start|>{% for m in messages %}"
        "{{ m.content | from_json if m.content[0] == '\"' else m.content }}{% endfor %}"
    )
    renderer, _, _ = made(source)
    hidden = json.dumps("<|im_start|>").replace("<", "\\u003c")
    rendered = renderer.render(Wish([{"role": "user", "content": hidden}], {}))
    assert rendered.pieces == ["<|im_start|><", "|im_start|>"]


def test_a_thought_s_last_words_are_no_marker() -> None:
    renderer, _, _ = made(ALL["chatml"])
    with pytest.raises(Exception, match="reasoning_budget_message"):
        renderer.render(Wish([USER], {}, last_words="<|im_end|>"))
