"""The message of a chat completion that is not streamed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from msgspec import UNSET

from colonnade.api.continuation import echoed
from colonnade.api.decoding import wants_ids
from colonnade.api.schema.chat_response import (
    AnswerMessage,
    CustomCall,
    FinishReason,
    FunctionCall,
    ToolCall,
)
from colonnade.api.urgency import used_tier
from colonnade.generation import EndReason

if TYPE_CHECKING:
    from msgspec import UnsetType

    from colonnade.api.schema.chat import ChatRequest
    from colonnade.api.schema.chat_response import UsedTier
    from colonnade.generation.folding import Folded, FoldedCall
    from colonnade.messages import Urgency


@dataclass(frozen=True, slots=True)
class Style:
    """How answers look to a client. ``functions`` is the older form of tool calls, with one call
    a message; without ``thoughts`` they are left out. ``echo`` stands before each content.
    ``token_ids`` and ``prompt_text`` are told beside the answer; log probabilities name tokens
    ``as_ids``. ``tier`` is named in the answer, where the request names one."""

    functions: bool = False
    thoughts: bool = True
    echo: str = ""
    token_ids: bool = False
    prompt_text: bool = False
    as_ids: bool = False
    tier: UsedTier | UnsetType = UNSET

    @classmethod
    def of(cls, request: ChatRequest, urgency: Urgency) -> Style:
        """The style that a request asks for, which has that place in the queue."""
        return cls(
            bool(request.functions),
            request.include_reasoning is not False,
            echoed(request),
            wants_ids(request),
            bool(request.return_prompt_text),
            bool(request.return_tokens_as_token_ids),
            UNSET if request.service_tier is None else used_tier(urgency),
        )

    def reason(self, reason: EndReason) -> FinishReason:
        """The word for an end."""
        if reason is EndReason.TOOL_CALLS and self.functions:
            return "function_call"
        return reason.value


def message(folded: Folded, style: Style) -> AnswerMessage:
    """The message of a choice; its content is null where there are calls alone."""
    answer = AnswerMessage(content=(style.echo + folded.text) or (None if folded.calls else ""))
    if folded.thought and style.thoughts:
        answer.reasoning_content = answer.reasoning = folded.thought
    if folded.calls and style.functions:
        call = folded.calls[0]
        answer.function_call = FunctionCall(name=call.start.name, arguments=call.text)
    elif folded.calls:
        answer.tool_calls = [_call(call) for call in folded.calls]
    return answer


def _call(call: FoldedCall) -> ToolCall:
    start, text = call.start, call.text
    if start.custom:
        return ToolCall(id=start.id, type="custom", custom=CustomCall(name=start.name, input=text))
    function = FunctionCall(name=start.name, arguments=text)
    return ToolCall(id=start.id, type="function", function=function)
