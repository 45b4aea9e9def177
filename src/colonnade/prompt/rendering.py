"""From a chat request's texts to the pieces of a prompt, with all that is known of a template.

What is found out once of a model's template, by rendering, is a ``Study``; with it a ``Renderer``
makes prompts. Both run in a process of their own (``prompt/renderer.py``): a template is a program
of whoever made the model's file, and what it is given is a client's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec import Struct

from colonnade.messages import Failure, FailureKind
from colonnade.prompt.calls import CallFormat, choose_call_format
from colonnade.prompt.calls.definitions import template_tools
from colonnade.prompt.calls.generic import instruct, supports_tools
from colonnade.prompt.continuation import continued
from colonnade.prompt.environment import parsed
from colonnade.prompt.guard import Guard
from colonnade.prompt.media import MediaMarks, count_places
from colonnade.prompt.reasoning import FAMILIES, ReasoningFormat, find_reasoning, thinking_kwargs

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from colonnade.messages import ModelInfo
    from colonnade.prompt.calls import ToolUse
    from colonnade.prompt.continuation import Part
    from colonnade.prompt.template import ChatTemplate

_GREETING = ({"role": "user", "content": "Hello"},)


class Wish(NamedTuple):
    """What is to be rendered: messages in OpenAI's shape, and what else the template is told."""

    messages: Sequence[Mapping[str, Any]]
    kwargs: Mapping[str, Any]
    tools: ToolUse | None = None
    effort: str | None = None
    """How much to think, in OpenAI's words."""
    thinking: bool | None = None
    """Whether to think at all, where that was said."""
    continued: Part | None = None
    """What of the last message the answer goes on with."""
    last_words: str = ""
    """What is to stand at the end of a thought that is cut off."""


class Rendered(Struct, tag=True, array_like=True):
    """A prompt in pieces, to be tokenized one by one, and what it holds of a message that goes
    on."""

    pieces: list[str]
    begun: str = ""
    media: list[tuple[int, int]] = []
    """Pictures and sounds: how many pieces stand before one, and its number in the messages."""


@dataclass(frozen=True, slots=True)
class Study:
    """What a model's template is found to be, and how the model writes."""

    name: str
    warning: str | None
    """What an operator should know of how it was chosen."""
    tools: bool
    """It shows the model the tools that it is given."""
    call_format: CallFormat
    reasoning: ReasoningFormat | None
    """How the model writes its thoughts, if it has any."""
    thinks_unasked: bool
    """Thoughts come without being asked for."""


def study(template: ChatTemplate, special: frozenset[str]) -> Study:
    """Find out what is found out once of a template; ``special`` are the model's special tokens."""
    reasoning = find_reasoning(template, special)
    return Study(
        template.name,
        template.warning,
        supports_tools(template),
        choose_call_format(template, special),
        reasoning,
        _thinks_unasked(template, reasoning),
    )


def _thinks_unasked(template: ChatTemplate, reasoning: ReasoningFormat | None) -> bool:
    """Whether thoughts come without being asked for: where the template has a switch for them, it
    is on by itself."""
    off = template.switches.off
    if reasoning is None or not off:
        return reasoning is not None
    try:
        return template.render(_GREETING) != template.render(_GREETING, off)
    except Failure:
        return True


class Renderer:
    """Renders prompts of one model."""

    def __init__(self, template: ChatTemplate, found: Study, info: ModelInfo) -> None:
        self.template = template
        self._reasoning = found.reasoning
        sources = [template.source, *(each.source for each in template.variants.values())]
        names = {
            name
            for token, name in info.special_tokens.items()
            if token in frozenset(info.control_tokens) or any(name in each for each in sources)
        }
        ends = {info.bos_token, info.eos_token, info.eot_token}
        markers = [] if found.reasoning is None else list(_markers(found.reasoning))
        own = {name for name in names - ends if any(name in marker for marker in markers)}
        self.guard = Guard(names, own)
        self._marks = MediaMarks()

    def render(self, wish: Wish) -> Rendered:
        """Make a prompt.

        Raises:
            Failure: the template refuses the messages, or the last one cannot be gone on with.
        """
        if self.guard.protected(wish.last_words) != wish.last_words:
            msg = "'reasoning_budget_message' holds the name of a special token."
            raise Failure(FailureKind.INVALID_REQUEST, msg, param="reasoning_budget_message")
        token = parsed.set(self.guard.protected)
        try:
            text, begun = self._render(wish)
        except Failure as failure:
            failure.message = self._marks.plain(self.guard.plain(failure.message))
            raise
        finally:
            parsed.reset(token)
        return self._cut(text, begun, count_places(wish.messages))

    def _cut(self, prompt: str, begun: str, places: int) -> Rendered:
        texts, order = self._marks.cut(prompt, places)
        pieces: list[str] = []
        media: list[tuple[int, int]] = []
        for number, text in enumerate(texts):
            pieces += self.guard.cut(text)
            if number < len(order):
                media.append((len(pieces), order[number]))
        return Rendered(pieces, self.guard.plain(begun), media)

    def _render(self, wish: Wish) -> tuple[str, str]:
        template, guard = self.template, self.guard
        messages = self._marks.marked(guard.protect(wish.messages))
        kwargs = {
            **thinking_kwargs(template, wish.effort, wish.thinking),
            **guard.protected(wish.kwargs),
        }
        if wish.tools is not None:
            tools = guard.protected(template_tools(wish.tools))
            if supports_tools(template):
                kwargs["tools"] = tools
            else:
                messages = instruct(messages, wish.tools, template, tools)
        if wish.continued is None:
            return template.render(messages, kwargs), ""
        return continued(template, self._reasoning, messages, kwargs, wish.continued)


def _markers(reasoning: ReasoningFormat) -> Iterator[str]:
    """The markers that an assistant's text may hold, for templates to search: those around a
    thought, where they are that and nothing else, and no end of a message."""
    known = any(
        (family.opening, family.closing) == (reasoning.opening, reasoning.closing)
        for family in FAMILIES
    )
    mirrored = reasoning.closing == f"{reasoning.opening[:1]}/{reasoning.opening[1:]}"
    if not reasoning.headed and (known or mirrored):
        yield from reasoning.markers
