"""``/v1/chat/completions``: the request."""

from typing import Annotated, Any

from msgspec import Meta

from colonnade.api.schema.conversation import Message
from colonnade.api.schema.requests import MAX_LOGPROBS, GenerationFields


class ChatRequest(GenerationFields, kw_only=True):
    """A request for the next message of a conversation."""

    messages: Annotated[list[Message], Meta(min_length=1)]
    max_completion_tokens: Annotated[int, Meta(ge=1)] | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=MAX_LOGPROBS)] | None = None
    reasoning_effort: str | None = None
    """Reaches the chat template."""
    chat_template_kwargs: dict[str, Any] | None = None
    """Reach the chat template as they are."""
    add_generation_prompt: bool | None = None
    """Reaches the chat template."""

    tools: list[dict[str, Any]] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    functions: list[dict[str, Any]] | None = None
    function_call: str | dict[str, Any] | None = None
    modalities: list[str] | None = None
    audio: dict[str, Any] | None = None
    web_search_options: dict[str, Any] | None = None
    moderation: dict[str, Any] | None = None

    metadata: Any = None
    """Accepted and ignored, as all below: none of them changes the answer."""
    prediction: Any = None
    prompt_cache_key: Any = None
    prompt_cache_options: Any = None
    prompt_cache_retention: Any = None
    safety_identifier: Any = None
    service_tier: Any = None
    store: Any = None
    verbosity: Any = None
