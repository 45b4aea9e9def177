"""``/v1/chat/completions``: the answer, and the chunks of a stream."""

from typing import Literal

from msgspec import UNSET, Struct, UnsetType

from colonnade.api.schema.accounts import Narrowing, Progress, Timings, Usage
from colonnade.api.schema.prompt_logprobs import PromptToken


class TopLogprob(Struct, gc=False):
    """A token that might have been drawn."""

    token: str
    logprob: float
    bytes: list[int]


class TokenLogprob(Struct):
    """A token with the likeliest ones at its place."""

    token: str
    logprob: float
    bytes: list[int]
    top_logprobs: list[TopLogprob]


class ChoiceLogprobs(Struct):
    """Log probabilities of a choice, or of a piece of one."""

    content: list[TokenLogprob] | None
    refusal: None = None


UsedTier = Literal["default", "flex", "priority"]

FinishReason = Literal["stop", "length", "tool_calls", "function_call"]


class FunctionCall(Struct, kw_only=True):
    """A call by the function's name and its arguments as JSON text; in pieces in a stream."""

    name: str | UnsetType = UNSET
    arguments: str = ""


class CustomCall(Struct, kw_only=True):
    """A call by the custom tool's name and its text; in pieces in a stream."""

    name: str | UnsetType = UNSET
    input: str = ""


class ToolCall(Struct, kw_only=True):
    """A tool call. Only in a stream it has an ``index``, and only its first piece all the rest."""

    index: int | UnsetType = UNSET
    id: str | UnsetType = UNSET
    type: Literal["function", "custom"] | UnsetType = UNSET
    function: FunctionCall | UnsetType = UNSET
    custom: CustomCall | UnsetType = UNSET


class AnswerMessage(Struct, kw_only=True):
    """The message that the model wrote. ``reasoning`` is another name of ``reasoning_content``."""

    role: Literal["assistant"] = "assistant"
    content: str | None
    refusal: str | None = None
    reasoning_content: str | UnsetType = UNSET
    reasoning: str | UnsetType = UNSET
    tool_calls: list[ToolCall] | UnsetType = UNSET
    function_call: FunctionCall | UnsetType = UNSET


class ChatChoice(Struct, kw_only=True):
    """One answer."""

    index: int
    message: AnswerMessage
    logprobs: ChoiceLogprobs | None
    finish_reason: FinishReason
    stop_reason: str | int | UnsetType = UNSET
    """The stop string or the stop token that ended it, as vLLM has it."""
    token_ids: list[int] | UnsetType = UNSET


class ChatCompletion(Struct, kw_only=True):
    """The whole response."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    service_tier: UsedTier | UnsetType = UNSET
    """What was used, where the request names one."""
    system_fingerprint: str
    choices: list[ChatChoice]
    usage: Usage
    timings: Timings
    narrowed: list[Narrowing] | UnsetType = UNSET
    prompt_token_ids: list[int] | UnsetType = UNSET
    """vLLM's, as the next ones, when asked for."""
    prompt_text: str | UnsetType = UNSET
    prompt_logprobs: list[PromptToken] | UnsetType = UNSET


class Delta(Struct, kw_only=True, gc=False):
    """What a chunk adds to a choice. ``role`` comes once."""

    role: Literal["assistant"] | UnsetType = UNSET
    content: str | UnsetType = UNSET
    refusal: str | UnsetType | None = UNSET
    reasoning_content: str | UnsetType = UNSET
    reasoning: str | UnsetType = UNSET
    tool_calls: list[ToolCall] | UnsetType = UNSET
    function_call: FunctionCall | UnsetType = UNSET


class ChunkChoice(Struct, kw_only=True):
    """A piece of one choice."""

    index: int
    delta: Delta
    logprobs: ChoiceLogprobs | None = None
    finish_reason: FinishReason | None = None
    stop_reason: str | int | UnsetType = UNSET
    token_ids: list[int] | UnsetType = UNSET


class ChatChunk(Struct, kw_only=True):
    """One event of a stream. ``usage`` is there when it was asked for, null but at the end."""

    id: str
    object: Literal["chat.completion.chunk"] = "chat.completion.chunk"
    created: int
    model: str
    service_tier: UsedTier | UnsetType = UNSET
    system_fingerprint: str
    choices: list[ChunkChoice]
    usage: Usage | UnsetType | None = UNSET
    timings: Timings | UnsetType = UNSET
    narrowed: list[Narrowing] | UnsetType = UNSET
    prompt_token_ids: list[int] | UnsetType = UNSET
    """In the first chunk alone, as the next one."""
    prompt_text: str | UnsetType = UNSET
    prompt_progress: Progress | UnsetType = UNSET
