"""Vocabularies of pieces of words, made up by rule, for models of BERT's kind with random weights.

One is cut into the longest pieces (WordPiece), one into the likeliest (Unigram, of SentencePiece).
In both, as llama.cpp spells them, a piece that begins a word begins with "▁". Unlike a vocabulary
of bytes they do not know every character: what is unknown becomes one token that says so. The
same size always gives the same vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass
from string import ascii_lowercase, digits, punctuation
from typing import TYPE_CHECKING, Literal

from gguf import GGUFWriter, TokenType

from benchmarks.vocabulary import BIGRAMS, CODAS, NUCLEI, ONSETS, SCRIPTS, WORDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.tensors import Special

WORDPIECES = {"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"}
UNIGRAM = {"bos": "<s>", "pad": "<pad>", "eos": "</s>", "unk": "<unk>", "mask": "<mask>"}
"""Names of special tokens, in the order of their ids from 0 on."""
BEGINS = "▁"


@dataclass(frozen=True)
class Pieces:
    """Pieces by id, those of special tokens first, then the most useful."""

    kind: Literal["wordpieces", "unigram"]
    tokens: Sequence[str]

    def describe(self, writer: GGUFWriter, adds: Sequence[Special]) -> None:
        """Put the vocabulary into a file; `adds` are the special tokens that go around texts."""
        special = WORDPIECES if self.kind == "wordpieces" else UNIGRAM
        types = [TokenType.CONTROL] * len(special)
        types += [TokenType.NORMAL] * (len(self.tokens) - len(special))
        types[list(special).index("unk")] = TokenType.UNKNOWN
        ids = {name: index for index, name in enumerate(special)}
        writer.add_tokenizer_model("bert" if self.kind == "wordpieces" else "t5")
        writer.add_tokenizer_pre("default")
        writer.add_token_list(self.tokens)
        writer.add_token_types(types)
        writer.add_bos_token_id(ids.get("bos", ids.get("cls", 0)))
        writer.add_sep_token_id(ids.get("sep", ids.get("eos", 0)))
        writer.add_unk_token_id(ids["unk"])
        writer.add_pad_token_id(ids["pad"])
        writer.add_mask_token_id(ids["mask"])
        if self.kind == "unigram":
            self._describe_scores(writer, ids["eos"], len(special))
            writer.add_add_bos_token("bos" in adds)
            writer.add_add_eos_token("eos" in adds)
            writer.add_add_sep_token("sep" in adds)

    def _describe_scores(self, writer: GGUFWriter, eos: int, special: int) -> None:
        """Let longer pieces be likelier than what they are made of."""
        scores = [-4.0 - index / len(self.tokens) for index in range(len(self.tokens) - special)]
        writer.add_token_scores([0.0] * special + scores)
        writer.add_eos_token_id(eos)
        writer.add_add_space_prefix(True)
        writer.add_remove_extra_whitespaces(True)


def make_pieces(size: int, kind: Literal["wordpieces", "unigram"]) -> Pieces:
    """Make the vocabulary of `size` pieces, special tokens included."""
    special = WORDPIECES if kind == "wordpieces" else UNIGRAM
    pieces = dict.fromkeys(special.values())
    for piece in _pieces():
        if len(pieces) == size:
            break
        pieces[piece] = None
    return Pieces(kind, list(pieces))


def _pieces() -> Iterator[str]:
    """Give pieces of lower-case words, the most useful first: some 20 million."""
    yield BEGINS
    for character in ascii_lowercase + digits + punctuation + SCRIPTS:
        yield from (BEGINS + character, character)
    yield from BIGRAMS.split()
    yield from (BEGINS + word for word in WORDS.split())
    syllables = [
        onset + nucleus + coda
        for coda in ("", *CODAS.split())
        for nucleus in NUCLEI.split()
        for onset in (*ONSETS.split(), "")
    ]
    for syllable in syllables:
        yield from (BEGINS + syllable, syllable)
    for first in syllables:
        yield from (BEGINS + first + second for second in syllables)
