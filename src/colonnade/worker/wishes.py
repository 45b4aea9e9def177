"""What a request asks of a vocabulary, made into tokens and checked against it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

from colonnade.messages import Failure, FailureKind
from colonnade.worker.restraint import Restraint

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from colonnade.messages import Decoding

_MOST_STOPS, _LONGEST_STOP = 16, 1000
_MOST_BREAKERS, _LONGEST_BREAKER = 16, 40
_MOST_BAD_WORDS, _LONGEST_BAD_WORD = 1000, 200
_MOST_STOP_TOKENS = 128
_MOST_BIASED_TEXTS = 300


class Vocabulary(Protocol):
    """What is asked of a vocabulary here."""

    size: int

    def tokenize(self, text: str, *, special: bool) -> list[int]:
        """Tokens of a text."""
        ...


def check_wishes(decoding: Decoding, vocab_size: int) -> None:
    """Refuse what is not of the vocabulary, or costly for everybody.

    Raises:
        Failure: there is such a wish.
    """
    sampling = decoding.sampling
    _check_strings("stop", decoding.stop, _MOST_STOPS, _LONGEST_STOP)
    breakers = sampling.dry_sequence_breakers
    _check_strings("dry_sequence_breakers", breakers, _MOST_BREAKERS, _LONGEST_BREAKER)
    _check_strings("bad_words", decoding.bad_words, _MOST_BAD_WORDS, _LONGEST_BAD_WORD)
    texts = tuple(text for text, _ in sampling.biased_texts)
    _check_strings("logit_bias", texts, _MOST_BIASED_TEXTS, _LONGEST_BAD_WORD)
    _check_tokens("logit_bias", (token for token, _ in sampling.logit_bias), vocab_size)
    _check_tokens("logit_bias", decoding.shown, vocab_size)
    _check_tokens("allowed_token_ids", decoding.allowed_tokens or (), vocab_size)
    _check_tokens("logprob_token_ids", decoding.logprob_tokens, vocab_size)
    _check_tokens("stop_token_ids", decoding.stop_tokens, vocab_size)
    if len(decoding.stop_tokens) > _MOST_STOP_TOKENS:
        msg = f"'stop_token_ids' holds more than {_MOST_STOP_TOKENS} tokens."
        raise Failure(FailureKind.INVALID_REQUEST, msg, param="stop_token_ids")


def with_biased_texts(decoding: Decoding, vocabulary: Vocabulary) -> Decoding:
    """The same, its biased texts being biased tokens. A token that is named twice has the sum."""
    sampling = decoding.sampling
    if not sampling.biased_texts:
        return decoding
    bias: dict[int, float] = dict(sampling.logit_bias)
    for text, value in sampling.biased_texts:
        for token in dict.fromkeys(vocabulary.tokenize(text, special=False)):
            bias[token] = bias.get(token, 0.0) + value
    sampling = msgspec.structs.replace(sampling, logit_bias=tuple(bias.items()), biased_texts=())
    return msgspec.structs.replace(decoding, sampling=sampling)


def restraint(
    decoding: Decoding,
    ends: Collection[int],
    tokens: Callable[[str], list[int]],
    vocab_size: int,
) -> Restraint | None:
    """What the request forbids, None where that is nothing. ``tokens`` gives those of a text, byte
    by byte what it says.

    Raises:
        Failure: it allows no token at all.
    """
    if not (decoding.min_tokens or decoding.bad_words or decoding.allowed_tokens is not None):
        return None
    words = {tuple(tokens(text)) for word in decoding.bad_words for text in _variants(word)}
    if decoding.allowed_tokens is not None:
        left = set(decoding.allowed_tokens) - {word[0] for word in words if len(word) == 1}
        if decoding.min_tokens:
            left -= {*ends, *decoding.stop_tokens}
        if not left:
            msg = "'allowed_token_ids' allows no token that could be generated."
            raise Failure(FailureKind.INVALID_REQUEST, msg, param="allowed_token_ids")
    return Restraint(decoding, ends, sorted(words), vocab_size)


def _variants(word: str) -> tuple[str, ...]:
    """A word within another one, and at the beginning of one, as vLLM has it."""
    bare = word.lstrip()
    return (bare, f" {bare}") if bare else (word,)


def cut_prompt(tokens: list[int], decoding: Decoding, ctx_size: int, bos: int | None) -> list[int]:
    """As many of a prompt's tokens as are wanted. ``bos`` is the token that the tokenizer has put
    before them, which stays."""
    most = decoding.most_prompt
    if most is None:
        return tokens
    if most < 0:
        answer = 1 if decoding.max_tokens is None else decoding.max_tokens
        most = max(1, ctx_size - max(answer, 0 if decoding.max_tokens == 0 else 1))
    if len(tokens) <= most:
        return tokens
    if decoding.first_of_prompt:
        return tokens[:most]
    head = [] if bos is None else [bos]
    return [*head, *tokens[len(tokens) - most + len(head) :]]


def _check_strings(name: str, strings: tuple[str, ...], most: int, longest: int) -> None:
    if len(strings) > most:
        msg = f"{name!r} holds {len(strings)} strings: at most {most} are allowed."
        raise Failure(FailureKind.INVALID_REQUEST, msg, param=name)
    if any(not 0 < len(string) <= longest for string in strings):
        msg = f"The strings of {name!r} must have 1 to {longest} characters."
        raise Failure(FailureKind.INVALID_REQUEST, msg, param=name)


def _check_tokens(name: str, tokens: Iterable[int], vocab_size: int) -> None:
    for token in tokens:
        if not 0 <= token < vocab_size:
            msg = f"There is no token {token}: this model's tokens go from 0 to {vocab_size - 1}."
            raise Failure(FailureKind.INVALID_REQUEST, msg, param=name)
