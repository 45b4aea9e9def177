"""Log probabilities in the shape of each endpoint."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

from colonnade.api.schema.chat_response import ChoiceLogprobs, TokenLogprob, TopLogprob
from colonnade.api.schema.completions import CompletionLogprobs
from colonnade.api.schema.prompt_logprobs import PromptLogprob

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from colonnade import messages
    from colonnade.api.schema.prompt_logprobs import PromptToken

LEAST = -9999.0
"""OpenAI's number for "very unlikely"; JSON has no minus infinity."""


def chat_logprobs(
    tokens: Iterable[messages.TokenLogprob], *, as_ids: bool = False
) -> ChoiceLogprobs:
    """The chat endpoint's shape: an object a token. ``as_ids``: tokens are named by their ids."""
    return ChoiceLogprobs([_chat_token(token, as_ids) for token in tokens])


def prompt_logprobs(
    tokens: Sequence[messages.TokenLogprob], count: int, *, as_ids: bool = False
) -> list[PromptToken]:
    """VLLM's shape for a prompt: for each token an object with the token itself and the ``count``
    likeliest at its place, by id."""
    return [_prompt_token(token, count, as_ids) for token in tokens]


def _prompt_token(token: messages.TokenLogprob, count: int, as_ids: bool) -> PromptToken:
    if token.logprob is None:
        return None
    own = token.id, token.token, token.logprob, token.rank
    others = [
        (other.id, other.token, other.logprob, rank)
        for rank, other in enumerate(token.top[:count], 1)
    ]
    return {
        str(number): PromptLogprob(
            logprob=_finite(logprob), rank=rank, decoded_token=_name(text, number, as_ids)
        )
        for number, text, logprob, rank in (own, *others)
    }


def _name(text: bytes, number: int, as_ids: bool) -> str:
    """A token as vLLM names it where its text may not do."""
    return f"token_id:{number}" if as_ids else text.decode(errors="replace")


def _chat_token(token: messages.TokenLogprob, as_ids: bool) -> TokenLogprob:
    return TokenLogprob(
        token=_name(token.token, token.id, as_ids),
        logprob=_finite(token.logprob or 0.0),
        bytes=list(token.token),
        top_logprobs=[
            TopLogprob(
                token=_name(other.token, other.id, as_ids),
                logprob=_finite(other.logprob),
                bytes=list(other.token),
            )
            for other in token.top
        ],
    )


class CompletionLogprobsWriter:
    """The completions endpoint's shape: four parallel lists, with offsets into a choice's text.

    One writer a choice: it remembers where in the text the last piece ended. ``as_ids``: tokens
    are named by their ids.
    """

    def __init__(self, *, as_ids: bool = False) -> None:
        self._as_ids = as_ids
        self._offset = 0
        # A token may be a part of a character: offsets count characters as they become whole.
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def write(self, tokens: Iterable[messages.TokenLogprob]) -> CompletionLogprobs:
        """The next tokens of the choice."""
        piece = CompletionLogprobs(tokens=[], token_logprobs=[], top_logprobs=[], text_offset=[])
        for token in tokens:
            piece.tokens.append(self._name(token))
            piece.text_offset.append(self._offset)
            self._offset += len(self._decoder.decode(token.token))
            if token.logprob is None:
                piece.token_logprobs.append(None)
                piece.top_logprobs.append(None)
            else:
                piece.token_logprobs.append(_finite(token.logprob))
                piece.top_logprobs.append(self._top(token, token.logprob))
        return piece

    def _name(self, token: messages.TokenLogprob | messages.Alternative) -> str:
        return f"token_id:{token.id}" if self._as_ids else _token_name(token.token)

    def _top(self, token: messages.TokenLogprob, logprob: float) -> dict[str, float]:
        """The likeliest tokens, and the sampled one if it is not among them."""
        top: dict[str, float] = {}
        for other in token.top:
            # Two tokens may have one name: the first is the likelier.
            top.setdefault(self._name(other), _finite(other.logprob))
        top.setdefault(self._name(token), _finite(logprob))
        return top


def _token_name(token: bytes) -> str:
    """A token's text; what is no whole character is spelled out, as OpenAI does."""
    try:
        return token.decode()
    except UnicodeDecodeError:
        return "bytes:" + "".join(f"\\x{byte:02x}" for byte in token)


def _finite(logprob: float) -> float:
    return max(logprob, LEAST)
