import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colonnade.media import MediaError, base64_text
from colonnade.media.base64_text import data_start, decoded_parts, decoded_size

HEADS = ["", "data:;base64,", "data:image/png;base64,", "DATA:image/png;name=a.png;BASE64,"]


def decoded(text: str) -> bytes:
    start = data_start(text)
    whole = b"".join(decoded_parts(text, start))
    assert len(whole) <= decoded_size(text, start)
    return whole


@given(
    st.binary(max_size=200),
    st.sampled_from(HEADS),
    st.integers(1, 80),
    st.sampled_from(["", "\n", "\r\n", "  "]),
    st.booleans(),
    st.sampled_from([8, 60, 1 << 20]),
)
def test_it_is_what_it_was(
    data: bytes, head: str, width: int, end: str, padded: bool, step: int
) -> None:
    text = base64.b64encode(data).decode()
    text = text if padded else text.rstrip("=")
    lines = [text[at : at + width] for at in range(0, len(text), width)] if end else [text]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(base64_text, "STEP", step)
        assert decoded(head + end.join([*lines, ""])) == data


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("data:image/png,abcd", "not in base64"),
        ("data:image/png;base64", "not in base64"),
        ("data:image/png;charset=utf-8,abcd", "not in base64"),
        ("data:image/png;base64,a*cd", "no valid base64"),
        ("data:image/png;base64,ab-_", "no valid base64"),
        ("AA==AAAA", "no valid base64"),
        ("AAAA=", "no valid base64"),
        ("A", "no valid base64"),
        ("äöü", "no valid base64"),
        ("https://example.com/a.png", "no valid base64"),
    ],
)
@pytest.mark.parametrize("step", [4, 1 << 20])
def test_what_is_none_is_refused(
    text: str, words: str, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base64_text, "STEP", step)
    with pytest.raises(MediaError, match=words):
        decoded(text)
