"""``/v1/completions``: request and response. Chunks of its stream have the response's shape."""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from colonnade.api.schema.accounts import Narrowing, Progress, Timings, Usage
from colonnade.api.schema.prompt_logprobs import PromptToken
from colonnade.api.schema.requests import GenerationFields, LogprobCount


class CompletionRequest(GenerationFields, kw_only=True):
    """A request to continue text."""

    prompt: str | list[str | int | list[int]] | None = None
    """A string, a list of strings, token ids, or a list of lists of token ids."""
    suffix: str | None = None
    echo: bool | None = None
    best_of: Annotated[int, Meta(ge=0)] | None = None
    logprobs: LogprobCount | None = None
    prompt_embeds: Any = None
    """Refused, as the next one."""
    thinking_token_budget: Any = None


class CompletionLogprobs(Struct, kw_only=True):
    """Log probabilities as four lists of one length."""

    tokens: list[str]
    token_logprobs: list[float | None]
    top_logprobs: list[dict[str, float] | None]
    text_offset: list[int]
    """Where each token starts in the choice's text, in characters."""


class CompletionChoice(Struct, kw_only=True):
    """One continuation, or a piece of one, without a ``finish_reason`` but at its end.

    What stands behind that is vLLM's, there when asked for (``stop_reason``: when a stop string or
    a stop token ended it).
    """

    index: int
    text: str
    logprobs: CompletionLogprobs | None = None
    finish_reason: Literal["stop", "length"] | None = None
    stop_reason: str | int | UnsetType = UNSET
    token_ids: list[int] | UnsetType = UNSET
    prompt_token_ids: list[int] | UnsetType = UNSET
    prompt_logprobs: list[PromptToken] | UnsetType = UNSET


class Completion(Struct, kw_only=True):
    """The answer, and each chunk of a stream."""

    id: str
    object: Literal["text_completion"] = "text_completion"
    created: int
    model: str
    system_fingerprint: str
    choices: list[CompletionChoice]
    usage: Usage | UnsetType | None = UNSET
    timings: Timings | UnsetType = UNSET
    narrowed: list[Narrowing] | UnsetType = UNSET
    prompt_progress: Progress | UnsetType = UNSET
    """Of a stream, when asked for."""
