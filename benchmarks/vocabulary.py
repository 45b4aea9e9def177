"""A byte-level BPE vocabulary, made up by rule, for models with random weights.

Complete (all 256 bytes are tokens, so any text round-trips) and mixed on purpose: letter n-grams,
common English words, made-up syllables and words, whole multi-byte characters, and pieces of
characters, so that a detokenizer meets tokens which end in the middle of a UTF-8 sequence.
The same size always gives the same vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from string import ascii_letters
from typing import TYPE_CHECKING

from gguf import TokenType

if TYPE_CHECKING:
    from collections.abc import Iterator

CONTROL = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|fim_prefix|>",
    "<|fim_middle|>",
    "<|fim_suffix|>",
)
USER_DEFINED = ("<think>", "</think>", "<tool_call>", "</tool_call>")
SPECIAL = CONTROL + USER_DEFINED
SMALLEST = 512

BIGRAMS = (
    "th he in er an re on at en nd ti es or te of ed is it al ar st to nt ng se ha as ou io le ve "
    "co me de hi ri ro ic ne ea ra ce li ch ll be ma si om ur ly ec ca us ho lo el la no un ac ut"
)
WORDS = (
    "the of and to in is that for it as was with be by on not he his but at are this have from or "
    "had an they which one you were all her she there would their we him been has when who will no "
    "more if out so up said what its about than into them can only other time new some could these "
    "two may first then do any like my now over such our man me even most made after also did many "
    "off before must well back through years much where your way down should because long each "
    "just state those people too mr how little good make very world still see own work men day get "
    "here between both life being under three never know same last another while us might great "
    "old year come since against go came right used take use house again water place small found "
    "thought went say part once general high upon school every think number does got united left "
    "hand let give keep eye need land light why ask answer question please user assistant system "
    "model name value type return function class string list true false null none data file write "
    "code text word line test the quick brown fox jumps lazy dog hello world story weather city"
)
ONSETS = (
    "b c d f g h j k l m n p r s t v w z bl br ch cl cr dr fl fr gl gr ph pl pr qu sc sh sk sl sm "
    "sn sp st str sw th tr tw wh"
)
NUCLEI = "a e i o u ai ea ee ie oo ou"
CODAS = "n r s t l m d ck nd ng nt st"
EMOJI = "😀😂😅😊😍😎😢😭👍👎🎉🔥🚀🌍"
SCRIPTS = "日本語中文字人大小上下한국어안녕こんにちはありがとสวัสดีनमस्ते“”‘’—…€"


@dataclass(frozen=True)
class Vocabulary:
    """Tokens by id, in GGUF's spelling (bytes as the GPT-2 code points), with types and merges.

    `merges` are "left right" by rank; both halves and their union are always tokens. The specials
    have the last ids, from `first_special` on.
    """

    tokens: list[str]
    types: list[TokenType]
    merges: list[str]

    @property
    def first_special(self) -> int:
        """The id of the first special token; those after it are special too."""
        return len(self.tokens) - len(SPECIAL)

    def special_id(self, text: str) -> int:
        """Find the id of a special token by its text."""
        return self.first_special + SPECIAL.index(text)


def make_vocabulary(size: int) -> Vocabulary:
    """Make the vocabulary of `size` tokens, specials included."""
    if size < SMALLEST:
        raise ValueError(f"a vocabulary needs {SMALLEST} tokens or more, not {size}")
    pieces = _Pieces(limit=size - len(SPECIAL))
    for text in _texts():
        pieces.learn(text.encode())
        if len(pieces.known) == pieces.limit:
            break
    spelled = _byte_spelling()
    texts = {piece: "".join(spelled[byte] for byte in piece) for piece in pieces.known}
    return Vocabulary(
        tokens=[*texts.values(), *SPECIAL],
        types=[TokenType.NORMAL] * len(texts)
        + [TokenType.CONTROL] * len(CONTROL)
        + [TokenType.USER_DEFINED] * len(USER_DEFINED),
        merges=[f"{texts[left]} {texts[right]}" for left, right in pieces.merges],
    )


class _Pieces:
    """The byte strings which are tokens so far, and the merges that make them, with ranks."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.known = dict.fromkeys(bytes([byte]) for byte in range(256))
        self.merges: dict[tuple[bytes, bytes], int] = {}

    def learn(self, word: bytes) -> None:
        """Add the merges that turn what `word` is tokenized to so far into one token."""
        parts = self.split(word)
        union = parts[0]
        for part in parts[1:]:
            if len(self.known) == self.limit:
                break
            if union + part not in self.known:
                self.known[union + part] = None
                self.merges[union, part] = len(self.merges)
            union += part

    def split(self, word: bytes) -> list[bytes]:
        """Tokenize `word` as byte pair encoding does: the merge of lowest rank goes first."""
        parts = [bytes([byte]) for byte in word]
        unranked = len(self.merges)
        while len(parts) > 1:
            ranks = [self.merges.get(pair, unranked) for pair in pairwise(parts)]
            rank = min(ranks)
            if rank == unranked:
                break
            at = ranks.index(rank)
            parts[at : at + 2] = [parts[at] + parts[at + 1]]
        return parts


def _texts() -> Iterator[str]:
    """Give texts that deserve to be tokens, the most useful first, without end."""
    yield from BIGRAMS.split()
    yield from ("  ", "    ", "        ", "\n\n")
    yield from (" " + letter for letter in ascii_letters)
    yield from EMOJI + SCRIPTS
    yield from (" " + word for word in WORDS.split())
    yield from map(chr, [*range(0xC0, 0x180), *range(0x3A9, 0x460)])
    syllables = [
        onset + nucleus + coda
        for coda in ("", *CODAS.split())
        for nucleus in NUCLEI.split()
        for onset in (*ONSETS.split(), "")
    ]
    for syllable in syllables:
        yield from (" " + syllable, syllable, syllable.capitalize())
    han = map(chr, range(0x4E00, 0x9FA0))
    for word in _words(syllables):
        yield from (" " + word, word, word.capitalize())
        yield next(han, word)


def _words(syllables: list[str]) -> Iterator[str]:
    """Give words of two syllables, those of early syllables first: some 40 million."""
    for rank in range(2 * len(syllables)):
        for i in range(max(0, rank - len(syllables) + 1), min(rank, len(syllables) - 1) + 1):
            yield syllables[i] + syllables[rank - i]


def _byte_spelling() -> dict[int, str]:
    """Make GPT-2's table: each byte as a printable code point, itself where that is printable."""
    printable = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    shifted = {byte: chr(256 + n) for n, byte in enumerate(others)}
    return {byte: shifted.get(byte, chr(byte)) for byte in range(256)}
