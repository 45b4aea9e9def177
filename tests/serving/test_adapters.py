"""Adapters as settings declare them, and the names that requests give them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colonnade.generation import Adapter, Adapters
from colonnade.hub import ModelError
from colonnade.messages import Failure
from colonnade.serving.adapters import declared_adapters


@pytest.mark.parametrize(
    ("text", "adapter"),
    [
        ("a/french.gguf", Adapter("french", "a/french.gguf")),
        ("fr=a/french.gguf", Adapter("fr", "a/french.gguf")),
        ("fr=a/french.gguf:0.5", Adapter("fr", "a/french.gguf", 0.5)),
        ("a/french.gguf:-1e-1", Adapter("french", "a/french.gguf", -0.1)),
        ("fr=a/b=c.gguf", Adapter("fr", "a/b=c.gguf")),
        ("./a=b/french.gguf:1", Adapter("french", "./a=b/french.gguf", 1.0)),
        ("C:/french.gguf", Adapter("french", "C:/french.gguf")),
        ("fr=french:1:2", Adapter("fr", "french:1", 2.0)),
        ("fr=french:nan", Adapter("fr", "french:nan")),
    ],
)
def test_a_text_says_name_file_and_scale(text: str, adapter: Adapter) -> None:
    assert declared_adapters([text]) == (adapter,)


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (["a.gguf:100.5"], "beyond 100"),
        (["a.gguf:1e999"], "beyond 100"),
        (["a b.gguf"], "say NAME=FILE"),
        (["é=a.gguf"], "say NAME=FILE"),
        ([".gguf"], "say NAME=FILE"),
        (["/"], "say NAME=FILE"),
        (["a=1.gguf", "b/a.gguf"], "two adapters are named 'a'"),
    ],
)
def test_what_is_no_declaration_is_named(texts: list[str], words: str) -> None:
    with pytest.raises(ModelError, match=words):
        declared_adapters(texts)


@given(st.text(min_size=1))
def test_any_text_is_an_adapter_or_refused(text: str) -> None:
    try:
        (adapter,) = declared_adapters([text])
    except ModelError:
        return
    assert adapter.path
    assert adapter.path in text
    assert ":" not in adapter.name
    assert abs(adapter.scale) <= 100


ADAPTERS = Adapters([Adapter("fr", "fr.gguf"), Adapter("sql", "sql.gguf", 0.5)])


@pytest.mark.parametrize(
    ("model", "name"),
    [
        (None, ""),
        ("", ""),
        ("base", ""),
        ("fr", ""),
        (":fr", ""),
        ("base:fr", "fr"),
        ("owner/base:Q4:fr", "fr"),
        ("base:fr:latest", "fr"),
        ("base:latest", ""),
        ("base:fr:Q4", ""),
    ],
)
def test_a_name_may_end_in_an_adapter(model: str | None, name: str) -> None:
    assert ADAPTERS.named(model) == name


def test_what_a_request_gets() -> None:
    assert ADAPTERS.chosen("base", ()) == ((1, 0.5),)
    assert ADAPTERS.chosen("base:sql", ()) == ((1, 1.0),)
    assert ADAPTERS.chosen("base", [("sql", 2.0), (0, -1.0)]) == ((0, -1.0), (1, 2.0))
    assert ADAPTERS.chosen("base", [("sql", 0.0)]) == ()
    assert ADAPTERS.chosen("base", [("sql", 1e-60)]) == (), "it is no 32-bit float"
    third = ADAPTERS.chosen("base", [(0, 1 / 3)])
    assert third == ADAPTERS.chosen("base", [("fr", third[0][1])]), "as it is rounded"


def test_defaults_are_set_as_a_whole() -> None:
    adapters = Adapters(ADAPTERS.declared)
    adapters.set_scales([("fr", 0.25)])
    assert adapters.scales == [0.25, 0.0]
    with pytest.raises(Failure):
        adapters.set_scales([("fr", 1.0), (7, 1.0)])
    assert adapters.scales == [0.25, 0.0]
    assert ADAPTERS.scales == [0.0, 0.5]
