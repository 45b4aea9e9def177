"""Word pieces are those that Hugging Face's tokenizer cuts, which models of BERT's kind know."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import llama_cpp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

from benchmarks.pieces import make_pieces
from colonnade.worker.llama.vocabulary import Vocabulary
from colonnade.worker.llama.wordpieces import WordPieces
from tests.real.sentences import SENTENCES

if TYPE_CHECKING:
    from collections.abc import Iterator

NAMES = [
    *make_pieces(3000, "wordpieces").tokens,
    *("▁É", "É", "▁A", "B", "▁क", "▁ि", "ि", "▁ᄒ", "ᅡ", "ᆫ", "▁İ", "Σ", "σ", "ς", "▁σ", "▁ß"),
]
UNKNOWN = NAMES.index("[UNK]")
CHARACTERS = st.one_of(
    st.sampled_from(sorted(set("".join(SENTENCES)))),
    st.characters(max_codepoint=0x52F),  # Latin, Greek, Cyrillic
    st.characters(min_codepoint=0x2000, max_codepoint=0x206F),  # punctuation
    st.characters(min_codepoint=0x3000, max_codepoint=0x9FA0),  # of East Asia
    st.characters(min_codepoint=0xAC00, max_codepoint=0xD7A3),  # Hangul
    st.characters(min_codepoint=0xF900, max_codepoint=0xFAFF),  # Han, twice in Unicode
)
"""Those that are older than the tables of either side."""


def hugging_face(*, lowercase: bool, strip_accents: bool) -> Tokenizer:
    vocabulary = {
        name[1:] if name.startswith("▁") else name if name.startswith("[") else f"##{name}": token
        for token, name in enumerate(NAMES)
        if name not in ("▁", "▁[", "[")
    }
    tokenizer = Tokenizer(WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = BertNormalizer(lowercase=lowercase, strip_accents=strip_accents)
    tokenizer.pre_tokenizer = BertPreTokenizer()
    return tokenizer


NAMES_WITHOUT = [name if name not in ("▁", "▁[", "[") else "[PAD]" for name in NAMES]
FORMS = {
    (lowercase, strip): (
        hugging_face(lowercase=lowercase, strip_accents=strip),
        WordPieces(NAMES_WITHOUT, UNKNOWN, lowercase=lowercase, strip_accents=strip),
    )
    for lowercase in (False, True)
    for strip in (False, True)
}


@given(
    text=st.lists(st.one_of(CHARACTERS, st.sampled_from(NAMES), st.just(" "))).map("".join),
    form=st.sampled_from(sorted(FORMS)),
)
def test_any_text(text: str, form: tuple[bool, bool]) -> None:
    theirs, ours = FORMS[form]
    assert ours.tokenize(text) == theirs.encode(text).ids
    assert ours.tokenize(text) == theirs.encode(text).ids  # from what is kept of its words


@pytest.mark.parametrize("text", SENTENCES)
def test_sentences(text: str) -> None:
    for theirs, ours in FORMS.values():
        assert ours.tokenize(text) == theirs.encode(text).ids


def test_a_word_of_more_than_a_hundred_characters_is_unknown() -> None:
    theirs, ours = FORMS[True, True]
    for length in (99, 100, 101, 200):
        word = "a" * length
        assert ours.tokenize(f"the {word} of") == theirs.encode(f"the {word} of").ids
    assert ours.tokenize("a" * 101) == [UNKNOWN]


def test_what_is_read_in_parts_is_as_a_whole() -> None:
    theirs, ours = FORMS[True, True]
    text = " ".join(SENTENCES) * 80
    assert len(list(ours.parts(text))) > 3
    assert ours.tokenize(text) == theirs.encode(text).ids


def test_text_without_a_space_and_words_without_end_take_their_time_and_no_more() -> None:
    ours = FORMS[True, True][1]
    began = time.perf_counter()
    for part in ours.parts("漢" * 1_000_000):
        assert part
    assert sum(map(len, ours.parts("x" * 1_000_000))) < 100
    ours.tokenize("\U0010fffd\u0301" * 500_000)
    assert time.perf_counter() - began < 20


def test_what_is_kept_of_words_has_a_bound() -> None:
    ours = WordPieces(NAMES, UNKNOWN, lowercase=True, strip_accents=True)
    text = " ".join(str(number) for number in range(40_000))
    tokens = ours.tokenize(text)
    assert len(ours._known) <= 1 << 14
    assert ours.tokenize(text) == tokens


@pytest.fixture(scope="module")
def llama(random_model) -> Iterator[llama_cpp.Llama]:
    model = llama_cpp.Llama(str(random_model("bert")), vocab_only=True, verbose=False)
    yield model
    model.close()


def test_a_vocabulary_of_word_pieces_is_cut_here(llama) -> None:
    vocabulary = Vocabulary(llama_cpp.llama_model_get_vocab(llama.model))
    for text in ("The People, of 3 worlds!", "naïve日本語", "unknown 🦀 things", ""):
        assert vocabulary.tokenize(text, special=False) == llama.tokenize(text.encode(), False)
    [cls] = llama.tokenize(b"[CLS]", add_bos=False, special=True)
    assert cls not in vocabulary.tokenize("[CLS]", special=False)
    assert vocabulary.tokenize("[CLS]", special=True) == [cls]
    names = [vocabulary._given(token) for token in range(vocabulary.size)]
    assert len(vocabulary.tokenize("x" * 101, special=False)) == 1
    assert vocabulary.tokenize("x" * 101, special=False) == [names.index("[UNK]")]
