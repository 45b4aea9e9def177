"""Texts to tokens of a vocabulary of word pieces, exactly as the models of BERT's kind were taught.

llama.cpp cuts words alike, but drops marks that BERT keeps (those that take up space: vowels of
Devanagari, Bengali, Tamil), does not take syllables of Hangul apart, and does not give up on a word
of more than a hundred characters. With other tokens a model gives other embeddings, so that what
is tokenized here is what Hugging Face's BertTokenizer makes of it.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

BEGINS = "▁"
"""With this llama.cpp spells that a piece begins a word."""

_LONGEST = 100
"""Characters of a word, after which it is not looked at."""
_WORDS = 1 << 14
"""Words whose pieces are kept: no more than 10 MB, however they look."""
_CHARACTERS = 1 << 14
"""Characters of which is kept what becomes of them."""
_PART = 1 << 16
"""Characters that are looked at together."""
_UNHEARD_OF = "\U000e0fff"
"""A character that Unicode has not assigned: no vocabulary has a piece of it."""
_SPACES = frozenset("\t\n\r")
_CHINESE = (
    range(0x4E00, 0xA000),
    range(0x3400, 0x4DC0),
    range(0x20000, 0x2A6E0),
    range(0x2A700, 0x2B740),
    range(0x2B740, 0x2B820),
    range(0x2B920, 0x2CEB0),
    range(0xF900, 0xFB00),
    range(0x2F800, 0x2FA20),
)
"""Each character of these is a word. The last but two begins where Hugging Face has it begin."""
_SYMBOLS = frozenset("$+<=>^`|~")
"""What is punctuation to BERT beside what Unicode calls so."""


class WordPieces:
    """A vocabulary of word pieces, by which texts are cut."""

    def __init__(
        self, names: Sequence[str], unknown: int, *, lowercase: bool, strip_accents: bool
    ) -> None:
        """``names`` are the pieces by id, as a GGUF file has them; ``unknown`` is the token for a
        word that has no pieces."""
        ids = {name: token for token, name in enumerate(names)}
        self._begin = {
            name[len(BEGINS) :]: token for name, token in ids.items() if name.startswith(BEGINS)
        }
        self._rest = {name: token for name, token in ids.items() if not name.startswith(BEGINS)}
        self._longest = max(map(len, names), default=0)
        self._unknown = [unknown]
        self._decomposes = strip_accents
        self._characters = _Characters(lowercase, strip_accents)
        self._known: dict[str, list[int]] = {}

    @classmethod
    def like(cls, names: Sequence[str], tokenize: Callable[[str], list[int]]) -> WordPieces | None:
        """Those of a vocabulary with which llama.cpp does ``tokenize``: it says so whether capital
        letters and accents are anything to it. None where it does not say what is unknown."""
        unknown = tokenize(_UNHEARD_OF)
        if len(unknown) != 1:
            return None
        return cls(
            names,
            unknown[0],
            lowercase=tokenize("A") == tokenize("a"),
            strip_accents=tokenize("\u00e9") == tokenize("e"),
        )

    def tokenize(self, text: str) -> list[int]:
        """Tokens of a text, nothing added before or after."""
        return [token for part in self.parts(text) for token in part]

    def parts(self, text: str) -> Iterator[list[int]]:
        """``tokenize``, in parts: made as they are asked for."""
        for part in _parts(text):
            tokens: list[int] = []
            for word in self._words(part):
                found = self._known.get(word)
                tokens += self._cut(word) if found is None else found
            yield tokens

    def _words(self, text: str) -> list[str]:
        if self._decomposes and not text.isascii():
            text = unicodedata.normalize("NFD", text)
        return text.translate(self._characters).split()

    def _cut(self, word: str) -> list[int]:
        """The longest piece that a word begins with, and so on."""
        if len(word) > _LONGEST:
            return self._unknown
        tokens: list[int] = []
        start, pieces = 0, self._begin
        while start < len(word):
            for end in range(min(len(word), start + self._longest), start, -1):
                if (token := pieces.get(word[start:end])) is not None:
                    break
            else:
                tokens = self._unknown
                break
            tokens.append(token)
            start, pieces = end, self._rest
        if len(self._known) >= _WORDS:
            self._known.clear()
        self._known[word] = tokens
        return tokens


class _Characters(dict[int, "str | None"]):
    """What becomes of a character, for ``str.translate``: spaces around what is a word by itself,
    one for any white space, nothing for what is dropped."""

    def __init__(self, lowercase: bool, strip_accents: bool) -> None:
        self._lowercase = lowercase
        self._strip_accents = strip_accents

    def __missing__(self, code: int) -> str | None:
        found = self._becomes(chr(code), code)
        if len(self) < _CHARACTERS:
            self[code] = found
        return found

    def _becomes(self, character: str, code: int) -> str | None:
        category = unicodedata.category(character)
        if character in _SPACES:
            return " "
        if code in {0, 0xFFFD} or category in {"Cc", "Cf", "Co", "Cs"}:
            return None
        if character.isspace():
            return " "
        if self._strip_accents and category == "Mn":
            return None
        if self._lowercase:
            character = character.lower()
        alone = category[0] == "P" or character in _SYMBOLS
        if alone or any(code in each for each in _CHINESE):
            return f" {character} "
        return character


def _parts(text: str) -> Iterator[str]:
    """The text, cut between words, or anywhere where there is nothing between them for long."""
    begin = 0
    while len(text) - begin > _PART:
        end = begin + _PART
        space = max(text.rfind(" ", begin, end), text.rfind("\n", begin, end))
        end = end if space <= begin else space
        yield text[begin:end]
        begin = end
    yield text[begin:]
