import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from colonnade.prompt import Guard

NAMES = ["<|im_start|>", "<|im_end|>", "</s>", "<s>", "[INST]", "[IN", "STOP", "\n\n", '"]}']
TOLD = [name for name in NAMES if not name.isspace()]

texts = st.lists(
    st.sampled_from([*NAMES, "<", "|im", "_end|>", "[IN", "ST]", "hello ", "é", "\\", '"']),
    max_size=12,
).map("".join)
values = st.recursive(
    st.none() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


def written(value) -> str:
    """All texts of a value, one behind the other, as a template might write them."""
    if isinstance(value, dict):
        return "".join(written(key) + written(each) for key, each in value.items())
    if isinstance(value, list):
        return "".join(map(written, value))
    return value if isinstance(value, str) else ""


@example("<[INST]_end|>", "", "")
@example("[INST", "<|im_", "end|>")
@given(texts, texts, texts)
def test_no_piece_holds_a_name_and_nothing_is_lost(text: str, part: str, more: str) -> None:
    guard = Guard(NAMES)
    parts = [{"type": "text", "text": each} for each in (part, more)]
    for role in ("system", "user", "assistant", "tool"):
        messages = [{"role": role, "name": text, "content": text}, {"role": role, "content": parts}]
        first, second = guard.protect(messages)
        both = "".join(each["text"] for each in second["content"])
        pieces = guard.cut(f"{first['name']}{first['content']}\n{both}")
        assert "".join(pieces) == f"{text}{text}\n{part}{more}"
        assert not any(name in piece for piece in pieces for name in TOLD)


@given(values)
def test_no_name_is_left_in_what_a_template_is_told(value) -> None:
    guard = Guard(NAMES)
    pieces = guard.cut(written(guard.protected(value)))
    assert "".join(pieces) == written(value)
    assert not any(name in piece for piece in pieces for name in TOLD)


@given(st.dictionaries(texts, values, max_size=3), st.booleans())
def test_arguments_of_calls_are_json_and_hide_no_name(arguments, escaped: bool) -> None:
    guard = Guard(NAMES)
    given_text = json.dumps(arguments, ensure_ascii=escaped).replace("<", "\\u003c")
    call = {"type": "function", "function": {"name": "<s>", "arguments": given_text}}
    (message,) = guard.protect([{"role": "assistant", "content": None, "tool_calls": [call]}])
    function = message["tool_calls"][0]["function"]
    read = written(json.loads(function["arguments"]))
    assert guard.plain(read) == written(arguments)
    pieces = guard.cut(read)
    assert not any(name in piece for piece in pieces for name in TOLD)
    assert guard.cut(function["name"]) == ["<", "s>"]


@pytest.mark.parametrize("role", ["system", "user", "assistant"])
def test_text_without_names_stays_in_one_piece(role: str) -> None:
    guard = Guard(NAMES)
    text = "a < b\n\n<p>html</p> [ INS"
    message = {
        "role": role,
        "content": text + "!",
        "tool_calls": [{"function": {"name": "f", "arguments": '{"a":  "\\u00e9 <b>"}'}}],
    }
    assert guard.protect([message]) == [message]
    assert guard.cut("<|im_start|>user") == ["<|im_start|>user"]


def test_markers_of_a_thought_stay_in_an_answer_alone() -> None:
    guard = Guard([*NAMES, "<think>", "</think>"], own=["<think>", "</think>"])
    text = "<think>why</think>answer"
    thinking = {"role": "assistant", "content": text}
    assert guard.protect([thinking]) == [thinking]
    in_parts = {"role": "assistant", "content": [{"type": "text", "text": text}]}
    assert guard.protect([in_parts]) == [in_parts]
    for other in ({"role": "user", "content": text}, {"role": "assistant", "name": text}):
        assert guard.protect([other]) != [other]


@given(texts, texts, texts)
def test_who_takes_a_marker_out_makes_no_name(one: str, two: str, three: str) -> None:
    guard = Guard([*NAMES, "</think>"], own=["</think>"])
    content = f"{one}</think>{two}</think>{three}"
    (message,) = guard.protect([{"role": "assistant", "content": content}])
    pieces = guard.cut(message["content"].replace("</think>", ""))
    assert "".join(pieces) == one + two + three
    assert not any(name in piece for piece in pieces for name in TOLD)


def test_a_vocabulary_without_special_tokens() -> None:
    assert Guard([]).protect([{"role": "user", "content": "<s>"}])[0]["content"] == "<s>"
