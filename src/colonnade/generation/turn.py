"""What a door asks for."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from colonnade.messages import Decoding, Urgency

if TYPE_CHECKING:
    from collections.abc import Mapping

    from colonnade.messages import MediaPart
    from colonnade.prompt.calls import ToolUse
    from colonnade.prompt.continuation import Part
    from colonnade.prompt.forms import Form


asking: ContextVar[str] = ContextVar("asking", default="")
"""Who asks, as far as a door can tell: an address, or a key. Slots are shared fairly."""


@dataclass(frozen=True, slots=True)
class Reasoning:
    """Wishes about the model's thoughts.

    ``split`` tells them from the answer; without it they stay in its text, markers and all.
    ``enabled`` asks for thoughts or for none, where the model knows how; ``effort`` is OpenAI's
    word for how much; ``budget`` the tokens after which a thought is ended, with ``last_words``
    before its marker.
    """

    split: bool = True
    enabled: bool | None = None
    effort: str | None = None
    budget: int | None = None
    last_words: str = ""


@dataclass(frozen=True, slots=True)
class ChatPrompt:
    """Messages to render with the model's chat template.

    ``messages`` are plain objects in OpenAI's shape (role, content, name, tool_calls ...), content
    being a string, None or a list of text parts and ``MediaPlace``s. ``template_kwargs`` reach the
    template.
    """

    messages: tuple[Mapping[str, Any], ...]
    template_kwargs: Mapping[str, Any] = field(default_factory=dict)
    tools: ToolUse | None = None
    reasoning: Reasoning = field(default_factory=Reasoning)
    continued: Part | None = None
    """What of the last message the answer goes on with; None for a message of its own."""
    bos: bool = True
    """Whether the tokenizer may put its token before the text, where the model has one."""
    media: tuple[MediaPart, ...] = ()
    """What stands at the places in the messages, by their index."""


@dataclass(frozen=True, slots=True)
class CompletionPrompt:
    """A prompt as it is: text, or token ids. With ``suffix``, the gap between the two is filled."""

    prompt: str | tuple[int, ...]
    suffix: str | None = None
    bos: bool = True
    """Whether the tokenizer may put its token before a text, where the model has one."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One request for generation. ``model`` is the name that the client gave, None: the default.

    ``form`` is what the answer must look like. ``decoding`` has neither constraint nor thought:
    those follow from the rest and the model.
    """

    model: str | None
    prompt: ChatPrompt | CompletionPrompt
    decoding: Decoding = field(default_factory=Decoding)
    form: Form | None = None
    urgency: Urgency = field(default_factory=Urgency)
    adapters: tuple[tuple[int | str, float], ...] = ()
    """Adapters to apply, each by its place or name, with its scale; none: as the model's name says,
    or else the defaults."""
