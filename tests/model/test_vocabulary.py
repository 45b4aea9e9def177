"""Texts become the tokens that llama.cpp gives them as a whole, in a time that grows with them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import llama_cpp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from colonnade.hub import resolve_model
from colonnade.worker.llama.cutting import Cutter
from colonnade.worker.llama.vocabulary import Vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterator

NAMES = ["<|im_start|>", "<|im_end|>", "<tool_call>", "</tool_call>", "<|fim_middle|>"]
ATOMS = [*NAMES, "<", "|>", "<|im_", "\n", "\n\n", " ", "  ", "user", "word", " word", "é", "<x>"]


@pytest.fixture(scope="module")
def vocabulary() -> Iterator[Vocabulary]:
    path = str(resolve_model("demo", print).path)
    llama = llama_cpp.Llama(path, vocab_only=True, verbose=False)
    yield Vocabulary(llama_cpp.llama_model_get_vocab(llama.model))
    llama.close()


@given(atoms=st.lists(st.sampled_from(ATOMS), max_size=30), special=st.booleans())
def test_cut_texts_have_the_same_tokens(
    vocabulary: Vocabulary, atoms: list[str], special: bool
) -> None:
    text = "".join(atoms)
    whole = vocabulary._tokenize(text, special)
    cutter = Cutter(NAMES if special else NAMES[2:4], most=1)
    parts = list(cutter.parts(text))
    assert "".join(parts) == text
    assert [token for part in parts for token in vocabulary._tokenize(part, special)] == whole
    assert vocabulary.tokenize(text, special=special) == whole


def test_many_names_take_no_more_time_each(vocabulary: Vocabulary) -> None:
    """As a whole, they take llama.cpp half a minute."""
    text = "<|im_start|>user\na<|im_end|>\n" * 30_000
    began = time.perf_counter()
    assert len(vocabulary.tokenize(text, special=True)) == 180_000
    assert time.perf_counter() - began < 8


@given(atoms=st.lists(st.one_of(st.sampled_from(ATOMS), st.text(max_size=5)), max_size=30))
def test_how_many_tokens_there_are_at_least(vocabulary: Vocabulary, atoms: list[str]) -> None:
    for special in (False, True):
        count = sum(len(vocabulary.tokenize(each, special=special)) for each in atoms)
        assert vocabulary.least(atoms) <= count
    text = "".join(atoms)
    assert vocabulary.least([text]) <= len(vocabulary.tokenize(text, special=True))
    assert vocabulary.least(["a" * 1000]) > 10


@pytest.mark.parametrize("text", [("a" * 4095 + " ") * 488, (" " * 4095 + "a") * 488])
def test_runs_that_are_just_short_enough(vocabulary: Vocabulary, text: str) -> None:
    """They were gone through again from each of their characters: half a minute for 2 MB."""
    began = time.perf_counter()
    assert len(vocabulary.tokenize(text, special=True)) > 0
    assert time.perf_counter() - began < 8


@pytest.mark.parametrize(
    ("names", "text", "parts"),
    [
        ({"<a>", "<b>"}, "x<a>y<b><c>z", ["x<a>y", "<b><c>z"]),
        ({"<a>"}, "<a><a>", ["<a>", "<a>"]),
        ({"<a>", "x<y"}, "<a><a>", ["<a><a>"]),  # a name may reach over the beginning of one
        ({"<a>", ">>"}, "<a><a>>", ["<a><a>>"]),  # or over its end
        ({"\n", "\n\n", "<a>"}, "a\n\n\nb\n<a>", ["a\n\n\nb", "\n", "<a>"]),
        ({"[A]", "<a>"}, "[A][A]<a>[B][A]", ["[A]", "[A]", "<a>[B]", "[A]"]),
        ({"[A]", "<a>", "x[y"}, "[A][A]<a><a>", ["[A][A]<a>", "<a>"]),
        ({"\n\n"}, "a\nb\n\nc\n\n\n", ["a\nb\n\nc", "\n\n\n"]),
        ({"\n", "a\n"}, "\na\n\n", ["\na\n\n"]),
        (set(), "<a>\n<a>", ["<a>\n<a>"]),
    ],
)
def test_where_a_text_is_cut(names: set[str], text: str, parts: list[str]) -> None:
    assert list(Cutter(names, most=1).parts(text)) == parts


def test_names_that_take_white_space_away() -> None:
    names = {"<a>", "<b>", "\n"}
    text = "<a>\n<b>\n<a>\n<b>"
    assert list(Cutter(names, left={"<b>"}, most=1).parts(text))[1:] == [
        "\n<b>",
        "\n",
        "<a>",
        "\n<b>",
    ]
    assert list(Cutter(names, right={"<b>"}, most=1).parts(text)) == [
        "<a>\n",
        "<b>\n",
        "<a>\n",
        "<b>",
    ]
