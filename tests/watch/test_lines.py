"""One record is one line, and nothing of what a client said is in it."""

from __future__ import annotations

import json
import logging
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colonnade.watch import About, about, described, safe
from colonnade.watch.lines import JsonLines, TextLines

FORMS = pytest.mark.parametrize("form", [TextLines(), JsonLines()], ids=["text", "json"])


def record(message: str, *args: object, exc: BaseException | None = None) -> logging.LogRecord:
    exc_info = None if exc is None else (type(exc), exc, exc.__traceback__)
    return logging.LogRecord("colonnade.x", logging.INFO, __file__, 1, message, args, exc_info)


@given(st.text())
def test_a_text_becomes_one_line_that_prints(text: str) -> None:
    assert safe(text).isprintable()


@pytest.mark.parametrize(
    "text", ["a\nb", "a\r\nb", "\x1b[2J", "\x9b31m", "a\u2028b", "\u202egnp.exe", "\x00", "\ud800"]
)
def test_what_does_not_print_is_escaped(text: str) -> None:
    assert safe(text).isascii()
    assert "\\" in safe(text)


@FORMS
@given(message=st.text(), name=st.text(max_size=300))
def test_a_record_is_one_line(form: logging.Formatter, message: str, name: str) -> None:
    token = about.set(About("req_1", "openai", caller=name, model=name))
    try:
        line = form.format(record("%s", message))
    finally:
        about.reset(token)
    assert line.isprintable()
    assert len(line.splitlines()) == 1


def test_names_cannot_pass_for_other_fields() -> None:
    token = about.set(About("req_1", caller='a] status=200 [b"', model="m"))
    try:
        line = TextLines().format(record("done"))
    finally:
        about.reset(token)
    assert '[request_id=req_1 caller="a] status=200 [b\\"" model=m]: done' in line


def test_json_has_the_request_s_fields() -> None:
    one = record("answered")
    one.about = About("req_7", "openai", caller="alice", model="demo")
    one.fields = {"seconds": 0.5}
    found = json.loads(JsonLines().format(one))
    assert found["request_id"] == "req_7"
    assert (found["door"], found["caller"], found["model"]) == ("openai", "alice", "demo")
    assert found["seconds"] == 0.5
    assert found["level"] == "info"


def fail(text: str) -> None:
    try:
        raise KeyError(text)
    except KeyError as error:
        raise ValueError(text) from error


@FORMS
def test_an_exception_is_told_by_its_kind_and_place(form: logging.Formatter) -> None:
    with pytest.raises(ValueError, match="hidden") as caught:
        fail("hidden words\nforged")
    line = form.format(record("failed", exc=caught.value))
    assert "hidden" not in line
    assert "forged" not in line
    assert "ValueError at watch/test_lines.py" in line or "tests/watch/test_lines.py" in line
    assert "fail" in line
    assert "KeyError" in line
    assert len(line.splitlines()) == 1


def test_of_the_system_s_errors_the_words_are_shown_and_no_path() -> None:
    assert described(OSError(28, "No space left on device", "/home/x")) == (
        "OSError (No space left on device)"
    )


@FORMS
def test_what_cannot_be_written_is_said_so(form: logging.Formatter) -> None:
    class Bad:
        def __str__(self) -> str:
            raise ZeroDivisionError

    assert "cannot be written: ZeroDivisionError" in form.format(record("%s", Bad()))
    assert "cannot be written" in form.format(record("%d", "no number"))


def test_a_long_message_is_cut() -> None:
    assert len(safe("x" * 1_000_000)) < 5000
    assert sys.getsizeof(safe("\x01" * 1_000_000)) < 20_000
