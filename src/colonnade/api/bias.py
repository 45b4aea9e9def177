"""``logit_bias`` in its two shapes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from colonnade.messages import Failure, FailureKind

if TYPE_CHECKING:
    from collections.abc import Mapping

_FORBIDDEN = -100.0


class Biases(NamedTuple):
    """Additions to the logits of tokens, and of all tokens of a text."""

    tokens: tuple[tuple[int, float], ...]
    texts: tuple[tuple[str, float], ...]


def biases(
    given: Mapping[str, float | bool] | list[tuple[int | str, float | bool]], vocab_size: int
) -> Biases:
    """An object with token ids as keys, as OpenAI has it, or llama-server's list of pairs, of a
    token id or a text and its bias; false forbids.

    Raises:
        Failure: something is not a token of the model.
    """
    if not isinstance(given, list):
        pairs = ((_id(key, vocab_size), _number(value)) for key, value in given.items())
        return Biases(tuple(pairs), ())
    tokens: dict[int, float] = {}
    texts: list[tuple[str, float]] = []
    for what, value in given:
        if isinstance(what, str):
            texts.append((what, _number(value)))
        else:
            tokens[_id(str(what), vocab_size)] = _number(value)
    return Biases(tuple(tokens.items()), tuple(texts))


def _id(key: str, vocab_size: int) -> int:
    if not (key.isascii() and key.isdecimal() and len(key) <= 10 and int(key) < vocab_size):
        msg = f"'logit_bias' has the key {key[:40]!r}: token ids go from 0 to {vocab_size - 1}."
        raise Failure(FailureKind.INVALID_REQUEST, msg, param="logit_bias")
    return int(key)


def _number(value: float | bool) -> float:
    if value is True:
        msg = "'logit_bias' may be false, which forbids a token, but not true."
        raise Failure(FailureKind.INVALID_REQUEST, msg, param="logit_bias")
    return _FORBIDDEN if value is False else float(value)
