from hypothesis import given
from hypothesis import strategies as st

from colonnade.prompt import Guard

NAMES = ["<|im_start|>", "<|im_end|>", "</s>", "<s>"]

texts = st.lists(st.sampled_from([*NAMES, "<", "|im", "_end|>", "hello ", "é"]), max_size=12).map(
    "".join
)


@given(texts, texts)
def test_no_piece_holds_a_name_that_a_user_wrote_and_nothing_is_lost(text: str, more: str) -> None:
    guard = Guard(NAMES)
    parts = [{"type": "text", "text": more}, {"type": "image_url", "image_url": {}}]
    messages = [{"role": "user", "content": text}, {"role": "tool", "content": parts}]
    protected = guard.protect(messages)
    rendered = protected[0]["content"] + "\n" + protected[1]["content"][0]["text"]
    pieces = guard.cut(rendered)
    assert "".join(pieces) == text + "\n" + more
    assert not any(name in piece for piece in pieces for name in NAMES)


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
