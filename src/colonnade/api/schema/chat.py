"""``/v1/chat/completions``: the request."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from colonnade.api.schema.conversation import Message
from colonnade.api.schema.requests import MAX_LOGPROBS, GenerationFields
from colonnade.api.schema.tools import FunctionChoice, FunctionDefinition, Tool, ToolChoice


class PredictedPart(Struct):
    """A part of it. Where only one struct is meant, msgspec does not ask for a tag; this does."""

    type: Literal["text"]
    text: str


class Prediction(Struct):
    """A text that is known beforehand, for the most part."""

    type: Literal["content"]
    content: str | list[PredictedPart]

    @property
    def text(self) -> str:
        """All of it."""
        if isinstance(self.content, str):
            return self.content
        return "".join(part.text for part in self.content)


class ChatRequest(GenerationFields, kw_only=True):
    """A request for the next message of a conversation."""

    messages: Annotated[list[Message], Meta(min_length=1)]
    max_completion_tokens: Annotated[int, Meta(ge=1)] | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=MAX_LOGPROBS)] | None = None
    reasoning_effort: str | None = None
    """How much to think; ``none`` for not at all."""
    reasoning_format: Literal["auto", "deepseek", "deepseek-legacy", "none"] | None = None
    """llama-server's: ``none`` leaves thoughts in the content."""
    include_reasoning: bool | None = None
    """vLLM's: false leaves thoughts out of the answer."""
    thinking_budget: Annotated[int, Meta(ge=-1)] | None = None
    """Tokens after which a thought is ended, -1 for no limit; llama-server and vLLM have other
    names for it, which follow."""
    thinking_budget_tokens: Annotated[int, Meta(ge=-1)] | None = None
    reasoning_budget: Annotated[int, Meta(ge=-1)] | None = None
    reasoning_budget_tokens: Annotated[int, Meta(ge=-1)] | None = None
    thinking_token_budget: Annotated[int, Meta(ge=-1)] | None = None
    reasoning_budget_message: str | None = None
    """The last words of a thought that is ended."""
    documents: list[dict[str, Any]] | None = None
    """Reach the chat template."""
    chat_template_kwargs: dict[str, Any] | None = None
    """Reach the chat template as they are."""
    add_generation_prompt: bool | None = None
    """Reaches the chat template."""
    continue_final_message: bool | Literal["content", "reasoning_content"] | None = None
    """vLLM's: the answer goes on with the last message, and not behind it. llama-server's two words
    say which part of it; true takes the content, or a thought that nothing stands behind."""
    echo: bool | None = None
    """vLLM's: the last message's content, where it is an assistant's, comes before the answer's."""

    tools: list[Tool] | None = None
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    functions: list[FunctionDefinition] | None = None
    """The older form of ``tools``, as the next one of ``tool_choice``."""
    function_call: FunctionChoice | None = None
    return_prompt_text: bool | None = None
    verbosity: str | None = None
    """Reaches the chat template."""
    prediction: Prediction | None = None
    """What the answer is expected to be like: it comes faster where it is."""
    service_tier: Literal["auto", "default", "flex", "scale", "priority", "fast"] | None = None
    """Its place in the queue: ``priority``, also called ``fast``, is before the others, ``flex``
    behind them."""

    modalities: Any = None
    """Refused, as those below, but for values that ask for nothing (``colonnade.api.fields``)."""
    audio: Any = None
    web_search_options: Any = None
    moderation: Any = None
    parse_tool_calls: Any = None
    best_of: Any = None
    chat_template: Any = None
    media_io_kwargs: Any = None
    mm_processor_kwargs: Any = None

    metadata: Any = None
    """Accepted and ignored, as all below: none of them changes the answer."""
    prompt_cache_key: Any = None
    prompt_cache_options: Any = None
    prompt_cache_retention: Any = None
    safety_identifier: Any = None
    return_assistant_tokens_mask: Any = None
