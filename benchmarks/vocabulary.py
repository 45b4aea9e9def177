"""A byte-level BPE vocabulary, made up by rule, for models with random weights.

Complete (all 256 bytes are tokens, so any text round-trips) and mixed on purpose: letter n-grams,
common English words, made-up syllables and words, whole multi-byte characters, and pieces of
characters, so that a detokenizer meets tokens which end in the middle of a UTF-8 sequence.
The same size always gives the same vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

from gguf import TokenType

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
).split() + [""]
NUCLEI = "a e i o u ai ea ee ie oo ou".split()
CODAS = ["", *"n r s t l m d ck nd ng nt st".split()]
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
        return len(self.tokens) - len(SPECIAL)

    def special_id(self, text: str) -> int:
        return self.first_special + SPECIAL.index(text)


def make_vocabulary(size: int) -> Vocabulary:
    """The vocabulary of `size` tokens, specials included."""
    if size < SMALLEST:
        raise ValueError(f"a vocabulary needs {SMALLEST} tokens or more, not {size}")
    pieces = _Pieces(limit=size - len(SPECIAL))
    for left, right in _pairs(pieces):
        pieces.add(left, right)
        if pieces.full:
            break
    spelled = _byte_spelling()
    texts = {piece: "".join(spelled[byte] for byte in piece) for piece in pieces.ids}
    return Vocabulary(
        tokens=[*texts.values(), *SPECIAL],
        types=[TokenType.NORMAL] * len(texts)
        + [TokenType.CONTROL] * len(CONTROL)
        + [TokenType.USER_DEFINED] * len(USER_DEFINED),
        merges=[f"{texts[left]} {texts[right]}" for left, right in pieces.merges],
    )


class _Pieces:
    """The byte strings which are tokens so far, and the merges that make them."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.ids = {bytes([byte]): byte for byte in range(256)}
        self.merges: list[tuple[bytes, bytes]] = []

    @property
    def full(self) -> bool:
        return len(self.ids) >= self.limit

    def add(self, left: bytes, right: bytes) -> None:
        union = left + right
        if union not in self.ids and left in self.ids and right in self.ids:
            self.ids[union] = len(self.ids)
            self.merges.append((left, right))

    def spell(self, word: bytes) -> Iterator[tuple[bytes, bytes]]:
        """The merges that build `word`, left to right, from the longest pieces there are now."""
        done = b""
        while done != word:
            rest = word[len(done) :]
            length = next(n for n in range(len(rest), 0, -1) if rest[:n] in self.ids)
            if done:
                yield done, rest[:length]
            done += rest[:length]


def _pairs(pieces: _Pieces) -> Iterator[tuple[bytes, bytes]]:
    """Merges without end, the most useful first, for `pieces` to take until it is full."""
    for bigram in BIGRAMS.encode().split():
        yield bigram[:1], bigram[1:]
    for letter in b"etaoinshrdlucmfwygpbvkxjqzTAISWHBCMPDREFLNGOUVYKJQXZ":
        yield b" ", bytes([letter])
    for run in (b"  ", b"    ", b"        ", b"\n\n"):
        yield run[: len(run) // 2], run[len(run) // 2 :]
    for character in EMOJI + SCRIPTS:
        yield from pieces.spell(character.encode())
    for word in WORDS.encode().split():
        yield from pieces.spell(b" " + word)
    for character in map(chr, range(0xC0, 0x180)):
        yield from pieces.spell(character.encode())
    for code in range(0x3A9, 0x460):
        yield from pieces.spell(chr(code).encode())
    syllables = [
        f"{onset}{nucleus}{coda}".encode()
        for coda in CODAS
        for nucleus in NUCLEI
        for onset in ONSETS
    ]
    for syllable in syllables:
        for word in (syllable, b" " + syllable, syllable.capitalize()):
            yield from pieces.spell(word)
    yield from _words(pieces, syllables)


def _words(pieces: _Pieces, syllables: list[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Two-syllable words (bare, after a space, capitalized) with a Han character between each."""
    for rank in count():
        for i in range(min(rank, len(syllables) - 1) + 1):
            first, second = syllables[i], syllables[(rank - i) % len(syllables)]
            yield first, second
            yield b" " + first, second
            yield first.capitalize(), second
            if (code := 0x4E00 + len(pieces.ids) // 8) < 0x9FFF:
                yield from pieces.spell(chr(code).encode())


def _byte_spelling() -> dict[int, str]:
    """GPT-2's table: each byte as a printable code point, itself where that is printable."""
    printable = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    shifted = {byte: chr(256 + n) for n, byte in enumerate(others)}
    return {byte: shifted.get(byte, chr(byte)) for byte in range(256)}
