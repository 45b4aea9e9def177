"""Log probabilities of a prompt's tokens, in vLLM's shape."""

from msgspec import Struct


class PromptLogprob(Struct, kw_only=True):
    """A token that stands, or might have stood, at a place of the prompt."""

    logprob: float
    rank: int
    """Its place by likelihood, from 1 on."""
    decoded_token: str


PromptToken = dict[str, PromptLogprob] | None
"""By token id; None for the first token, which nothing precedes."""
