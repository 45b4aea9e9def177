from hypothesis import example, given
from hypothesis import strategies as st

from colonnade.prompt import Guard

NAMES = ["<|im_start|>", "<|im_end|>", "</s>", "<s>", "[INST]", "\n\n"]

texts = st.lists(
    st.sampled_from([*NAMES, "<", "|im", "_end|>", "[IN", "ST]", "hello ", "é"]), max_size=12
).map("".join)


@example("<[INST]_end|>", "", "")
@given(texts, texts, texts)
def test_no_piece_holds_a_name_that_a_user_wrote_and_nothing_is_lost(
    text: str, part: str, more: str
) -> None:
    guard = Guard(NAMES)
    parts = [{"type": "text", "text": each} for each in (part, more)]
    messages = [{"role": "user", "name": text, "content": text}, {"role": "tool", "content": parts}]
    first, second = guard.protect(messages)
    both = "".join(each["text"] for each in second["content"])
    pieces = guard.cut(f"{first['name']}\n{first['content']}\n{both}")
    assert "".join(pieces) == f"{text}\n{text}\n{part}{more}"
    assert not any(name in piece for piece in pieces for name in NAMES if not name.isspace())


def test_text_without_names_stays_in_one_piece() -> None:
    guard = Guard(NAMES)
    text = "a < b\n\n<p>html</p> [INS"
    (message,) = guard.protect([{"role": "user", "content": text}])
    assert message["content"] == text


def test_what_the_template_and_the_operator_write_stays_as_it_is() -> None:
    guard = Guard(NAMES)
    messages = [
        {"role": "system", "content": "say <|im_end|>"},
        {"role": "assistant", "content": None},
        {"role": "user", "content": "plain"},
    ]
    assert guard.protect(messages) == messages
    assert guard.cut("<|im_start|>user") == ["<|im_start|>user"]


def test_a_vocabulary_without_special_tokens() -> None:
    assert Guard([]).protect([{"role": "user", "content": "<s>"}])[0]["content"] == "<s>"
