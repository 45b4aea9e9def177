"""Forms with files: what clients send is read, and nothing that comes breaks the reader."""

from __future__ import annotations

import contextlib

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from litestar.exceptions import ClientException

from colonnade.messages import Failure
from colonnade.web import multipart
from colonnade.web.multipart import boundary, read_form

names = st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1, max_size=12)


@given(
    st.dictionaries(names, st.text(st.characters(blacklist_categories=("Cs",))), max_size=4),
    st.dictionaries(names, st.binary(max_size=300), max_size=3),
    st.sampled_from([7, 1 << 20]),
)
async def test_a_form_is_what_a_client_made_it(
    texts: dict[str, str], uploads: dict[str, bytes], step: int
) -> None:
    texts = {name: text for name, text in texts.items() if name not in uploads}
    files = {name: (f'a"{name}.wav', data) for name, data in uploads.items()}
    request = httpx.Request("POST", "http://a/", data=texts, files=files or {"x": ("x", b"")})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(multipart, "_STEP", step)
        form = await read_form(request.read(), boundary(request.headers["content-type"]))
    for name, text in texts.items():
        if name not in ("x", *uploads):
            assert form.text(escaped(name)) == text
    for name, data in uploads.items():
        assert form.file(escaped(name)) == data


def escaped(name: str) -> str:
    """As HTML has names written in a form's headers."""
    return name.replace('"', "%22")


@given(
    st.lists(
        st.sampled_from(
            [
                b"--b",
                b"\r\n",
                b"--",
                b'content-disposition: form-data; name="a"',
                b"; filename=x",
                b"\r\n\r\n",
                b"x",
                b'"',
                b"\\",
                b" ",
            ]
        ),
        max_size=20,
    )
)
async def test_whatever_comes_is_read_or_refused(pieces: list[bytes]) -> None:
    with contextlib.suppress(Failure):
        assert isinstance((await read_form(b"".join(pieces), b"b")).names, list)


HEAD = b'Content-Disposition: form-data; name="a"'


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "ends before"),
        (b"--b", "does not end its line"),
        (b"--b\r\n", "ends before"),
        (b"--b\r\n" + HEAD + b"\r\n\r\nx", "ends before"),
        (b"--b\r\n" + HEAD + b"\r\n\r\nx\r\n--bx", "does not end its line"),
        (b"--b\r\n" + HEAD + b"\r\n--b--", "has no end"),
        (b"--b\r\nX: y\r\n\r\nx\r\n--b--", "has no name"),
        (b"--b\r\nX: " + b"y" * 5000 + b"\r\n\r\nx\r\n--b--", "has no end"),
        ((b"--b\r\n" + HEAD + b"\r\n\r\nx\r\n") * 101 + b"--b--", "more than 100 fields"),
    ],
)
async def test_what_is_no_form(body: bytes, words: str) -> None:
    with pytest.raises(Failure, match=words):
        await read_form(body, b"b")


async def test_a_field_is_asked_for_as_what_it_is() -> None:
    body = b"".join(
        b"--b\r\n" + head + b"\r\n\r\n" + content + b"\r\n"
        for head, content in (
            (HEAD, b"1"),
            (b'content-disposition: form-data; filename="x.wav"; name=f\r\nX: y', b"\xff"),
            (b'Content-Disposition:form-data; name="twice"', b"1"),
            (b'Content-Disposition:form-data; name="twice"', b"2"),
            (b'Content-Disposition: form-data; name="bad"', b"\xff"),
        )
    )
    form = await read_form(b"before\r\n" + body + b"--b--\r\nbehind", b"b")
    assert form.names == ["a", "f", "twice", "bad"]
    assert (form.text("a"), form.file("f"), form.text("none")) == ("1", b"\xff", None)
    for ask, name, words in (
        (form.file, "none", "'none' is required"),
        (form.file, "a", "where a file is expected"),
        (form.text, "f", "where a text is expected"),
        (form.text, "twice", "there 2 times"),
        (form.text, "bad", "not in UTF-8"),
    ):
        with pytest.raises(Failure, match=words) as failed:
            ask(name)
        assert failed.value.param == name


@pytest.mark.parametrize(
    ("given_type", "found"),
    [
        ("multipart/form-data; boundary=abc", b"abc"),
        ('Multipart/Form-Data; charset=utf-8; boundary="a b"', b"a b"),
    ],
)
def test_boundaries(given_type: str, found: bytes) -> None:
    assert boundary(given_type) == found


def test_other_types_are_refused() -> None:
    for given_type in ("", "application/json", "application/x-www-form-urlencoded"):
        with pytest.raises(ClientException) as failed:
            boundary(given_type)
        assert failed.value.status_code == 415
    with pytest.raises(Failure, match="tells no boundary"):
        boundary("multipart/form-data; x=y")
