"""Events added up to whole choices, for answers that are not streamed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from colonnade.generation.events import (
    CallArguments,
    CallStart,
    EndReason,
    Finished,
    PromptProgress,
    ReasoningDelta,
    TextDelta,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterable

    from colonnade.generation.events import Event
    from colonnade.messages import TokenLogprob


@dataclass(slots=True)
class FoldedCall:
    """A tool call as far as its events have come."""

    start: CallStart
    pieces: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """All of its arguments, or of a custom tool's input."""
        return "".join(self.pieces)


@dataclass(slots=True)
class Folded:
    """A choice as far as its events have come."""

    texts: list[str] = field(default_factory=list)
    thoughts: list[str] = field(default_factory=list)
    calls: list[FoldedCall] = field(default_factory=list)
    tokens: list[TokenLogprob] = field(default_factory=list)
    ids: list[int] = field(default_factory=list)
    reason: EndReason = EndReason.STOP
    stop: str | int | None = None

    @property
    def text(self) -> str:
        """All of its text."""
        return "".join(self.texts)

    @property
    def thought(self) -> str:
        """All of the thought before it."""
        return "".join(self.thoughts)

    def add(self, event: Event) -> None:
        """Take the next event."""
        match event:
            case Finished():
                self.reason, self.stop = event.reason, event.stop
                return
            case TextDelta():
                self.texts.append(event.text)
            case ReasoningDelta():
                self.thoughts.append(event.text)
            case CallStart():
                self.calls.append(FoldedCall(event))
            case PromptProgress():
                return
            case CallArguments():
                self.calls[event.index].pieces.append(event.text)
        self.tokens.extend(event.logprobs)
        self.ids.extend(event.ids)


async def fold(events: AsyncIterable[Event], n: int) -> list[Folded]:
    """Read all events of a generation of ``n`` choices.

    Raises:
        Failure: the generation failed.
    """
    choices = [Folded() for _ in range(n)]
    async for event in events:
        choices[event.choice].add(event)
    return choices
