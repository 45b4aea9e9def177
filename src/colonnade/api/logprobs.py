"""Log probabilities in the shape of each endpoint."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

from colonnade.api.schema.chat_response import ChoiceLogprobs, TokenLogprob, TopLogprob
from colonnade.api.schema.completions import CompletionLogprobs

if TYPE_CHECKING:
    from collections.abc import Iterable

    from colonnade import messages

LEAST = -9999.0
"""OpenAI's number for "very unlikely"; JSON has no minus infinity."""


def chat_logprobs(tokens: Iterable[messages.TokenLogprob]) -> ChoiceLogprobs:
    """The chat endpoint's shape: an object a token."""
    return ChoiceLogprobs([_chat_token(token) for token in tokens])


def _chat_token(token: messages.TokenLogprob) -> TokenLogprob:
    return TokenLogprob(
        token=token.token.decode(errors="replace"),
        logprob=_finite(token.logprob or 0.0),
        bytes=list(token.token),
        top_logprobs=[
            TopLogprob(
                token=other.token.decode(errors="replace"),
                logprob=_finite(other.logprob),
                bytes=list(other.token),
            )
            for other in token.top
        ],
    )


class CompletionLogprobsWriter:
    """The completions endpoint's shape: four parallel lists, with offsets into a choice's text.

    One writer a choice: it remembers where in the text the last piece ended.
    """

    def __init__(self) -> None:
        self._offset = 0
        # A token may be a part of a character: offsets count characters as they become whole.
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def write(self, tokens: Iterable[messages.TokenLogprob]) -> CompletionLogprobs:
        """The next tokens of the choice."""
        piece = CompletionLogprobs(tokens=[], token_logprobs=[], top_logprobs=[], text_offset=[])
        for token in tokens:
            piece.tokens.append(_token_name(token.token))
            piece.text_offset.append(self._offset)
            self._offset += len(self._decoder.decode(token.token))
            if token.logprob is None:
                piece.token_logprobs.append(None)
                piece.top_logprobs.append(None)
            else:
                piece.token_logprobs.append(_finite(token.logprob))
                piece.top_logprobs.append(_top(token, token.logprob))
        return piece


def _top(token: messages.TokenLogprob, logprob: float) -> dict[str, float]:
    """The likeliest tokens, and the sampled one if it is not among them."""
    top: dict[str, float] = {}
    for other in token.top:
        # Two tokens may have one name: the first is the likelier.
        top.setdefault(_token_name(other.token), _finite(other.logprob))
    top.setdefault(_token_name(token.token), _finite(logprob))
    return top


def _token_name(token: bytes) -> str:
    """A token's text; what is no whole character is spelled out, as OpenAI does."""
    try:
        return token.decode()
    except UnicodeDecodeError:
        return "bytes:" + "".join(f"\\x{byte:02x}" for byte in token)


def _finite(logprob: float) -> float:
    return max(logprob, LEAST)
