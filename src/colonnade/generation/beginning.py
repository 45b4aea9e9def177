"""Where an answer begins: at its start, or in the middle of what the prompt has of it already."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from colonnade.prompt.calls import CallMode
from colonnade.prompt.continuation import Part, refusal
from colonnade.prompt.reasoning import answer_heads, opened

if TYPE_CHECKING:
    from colonnade.prompt.calls import CallFormat, ToolUse
    from colonnade.prompt.forms import Form
    from colonnade.prompt.reasoning import ReasoningFormat


@dataclass(frozen=True, slots=True)
class Beginning:
    """What a prompt ends with. ``thinking``: inside a thought."""

    thinking: bool
    text: str = ""
    """What the prompt has of the thought or of the content."""

    @property
    def answered(self) -> bool:
        """The thought is over, if there was one, and the content has begun."""
        return bool(self.text) and not self.thinking

    def heads(self, reasoning: ReasoningFormat, prompt: str) -> tuple[str, ...]:
        """The texts of which one stands before what is still to come of the content."""
        return () if self.answered else answer_heads(reasoning, prompt)

    def held(
        self, form: Form | None, tools: ToolUse | None, reasoning: ReasoningFormat | None
    ) -> str:
        """What of the text the answer's constraint holds for: a form is that of the whole content,
        calls come behind it."""
        if form is None or not self.answered or (tools and tools.mode is CallMode.REQUIRED):
            return ""
        thought_end = "" if reasoning is None else reasoning.closing
        if thought_end and thought_end in self.text:
            return self.text.rpartition(thought_end)[2].lstrip()
        return self.text


def beginning(
    reasoning: ReasoningFormat | None, prompt: str, part: Part | None = None, text: str = ""
) -> Beginning:
    """Find out where the answer to a rendered prompt begins, which ends with the ``text`` of a
    message's ``part`` where that goes on."""
    if part is Part.THOUGHT and text:
        return Beginning(reasoning is not None, text)
    if reasoning is None or not text.strip():
        return Beginning(reasoning is not None and opened(reasoning, prompt), text)
    last = text.rfind(reasoning.opening.strip())
    return Beginning(last >= 0 and reasoning.closing not in text[last:], text)


def calls_behind(
    begun: str,
    tools: ToolUse,
    format: CallFormat,  # noqa: A002
) -> bool:
    """Whether calls may come behind the content that the prompt ends with.

    Raises:
        Failure: it ends within a call, or calls must come and cannot.
    """
    if format.anchored:
        start, text = _start(format), begun.lstrip()
        if text.startswith(start) or start.startswith(text):
            raise refusal("it has begun a call.")
        if tools.mode is CallMode.REQUIRED:
            raise refusal("this model's calls have no text before them, and one is to come.")
        return False
    triggers = format.triggers(tool.name for tool in tools.callable)
    if any(trigger in begun for trigger in triggers):
        raise refusal("it has begun a call.")
    return True


def _start(format: CallFormat) -> str:  # noqa: A002
    """The text before the name of an answer's first call."""
    first = format.call[0]
    return (format.section[0] + (first if isinstance(first, str) else "")).strip()
