"""Pictures and sounds in conversations, through the templates of many families."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from colonnade.messages import Failure, FailureKind
from colonnade.prompt.continuation import Part
from colonnade.prompt.media import MediaMarks, MediaPlace, count_places
from colonnade.prompt.rendering import Rendered, Wish
from tests.prompt.test_guarded import ALL, made

EVIL = "<__media__> <image> <|vision_start|> 0123456789" + "7" * 60
texts = st.text(st.sampled_from("012 a<é\n"), max_size=30)


def text(part: str) -> dict[str, Any]:
    return {"type": "text", "text": part}


def user(*parts: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(parts)}


def written(rendered: Rendered) -> str:
    """The prompt as one text, ``[n]`` in the place of a picture."""
    pieces = list(rendered.pieces)
    for before, index in reversed(rendered.media):
        pieces.insert(before, f"[{index}]")
    return "".join(pieces)


@pytest.mark.parametrize("name", ALL)
def test_each_stands_where_it_stood(name: str) -> None:
    renderer, _, _ = made(ALL[name])
    messages = [
        user(text("One:"), MediaPlace(0), text("and two:"), MediaPlace(1), text(EVIL)),
        {"role": "assistant", "content": "I see."},
        user(MediaPlace(2), text("more?")),
    ]
    rendered = renderer.render(Wish(messages, {}))
    assert [index for _, index in rendered.media] == [0, 1, 2]
    whole = written(rendered)
    assert "One:[0]and two:[1]" in whole
    assert EVIL in whole
    assert re.search(r"\[2\]\s*more\?", whole)
    assert not re.search(r"\d{41}", whole.replace(EVIL, "")), "no mark is left"


@pytest.mark.parametrize("name", ["chatml", "llama3", "gemma"])
def test_a_tool_and_a_system_may_show_a_picture(name: str) -> None:
    renderer, _, _ = made(ALL[name])
    call = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    messages = [
        {"role": "system", "content": [text("Style:"), MediaPlace(0)]},
        user(text("What is there?")),
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": [MediaPlace(1), text("a photo")]},
    ]
    whole = written(renderer.render(Wish(messages, {})))
    assert "Style:[0]" in whole
    assert "[1]a photo" in whole


def test_texts_are_joined_as_llama_server_joins_them() -> None:
    renderer, _, _ = made("{% for m in messages %}{{ m.content }}|{% endfor %}")
    parts = [
        text("a"),
        text("b"),
        MediaPlace(0),
        text("c"),
        text("d"),
        MediaPlace(1),
        MediaPlace(2),
    ]
    assert written(renderer.render(Wish([user(*parts)], {}))) == "a\nb[0]c\nd[1][2]|"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (
            "{% for m in messages %}{{ m.content[:20] }}{% endfor %}",
            "The chat template leaves out number 1 of 1 pictures and sounds.",
        ),
        (
            "{% for m in messages %}{{ m.content }}{{ m.content }}{% endfor %}",
            "The chat template writes 2 times number 1 of 1 pictures and sounds.",
        ),
    ],
)
def test_a_template_that_loses_or_doubles_one_is_refused(source: str, words: str) -> None:
    renderer, _, _ = made(source)
    with pytest.raises(Failure) as failed:
        renderer.render(Wish([user(text("Look: "), MediaPlace(0))], {}))
    assert failed.value.kind is FailureKind.TEMPLATE_REFUSED
    assert failed.value.message == words


def test_a_template_that_complains_shows_no_mark() -> None:
    renderer, _, _ = made(
        "{% if 'Look' in messages[0].content %}"
        "{{ raise_exception('No ' + messages[0].content) }}{% endif %}{{ messages[0].content }}"
    )
    with pytest.raises(Failure) as failed:
        renderer.render(Wish([user(text("Look: "), MediaPlace(0))], {}))
    assert failed.value.message == "No Look: "


def test_a_picture_cannot_be_gone_on_with() -> None:
    renderer, _, _ = made(ALL["chatml"])
    wish = Wish([user(text("Look: "), MediaPlace(0))], {}, continued=Part.CONTENT)
    with pytest.raises(Failure, match="it holds a picture or a sound"):
        renderer.render(wish)


@example(["1", "2", ""], "")
@given(st.lists(texts, min_size=1, max_size=5), texts)
def test_marks_are_found_between_any_texts(between: list[str], end: str) -> None:
    marks = MediaMarks()
    parts = [part for index, each in enumerate(between) for part in (each, MediaPlace(index))]
    messages = [user(*parts)]
    assert count_places(messages) == len(between)
    marked = marks.marked(messages)[0]["content"]
    prompt = "".join(part.text if isinstance(part, MediaPlace) else part for part in marked) + end
    cut = marks.cut(prompt, len(between))
    assert cut.texts == [*between, end]
    assert cut.order == list(range(len(between)))
    assert marks.plain(prompt) == "".join(between) + end
