"""Events added up to whole choices, for answers that are not streamed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from colonnade.generation import Finished
from colonnade.messages import FinishReason

if TYPE_CHECKING:
    from collections.abc import AsyncIterable

    from colonnade.generation import Event
    from colonnade.messages import TokenLogprob


@dataclass(slots=True)
class Folded:
    """A choice as far as its events have come."""

    texts: list[str] = field(default_factory=list)
    tokens: list[TokenLogprob] = field(default_factory=list)
    reason: FinishReason = FinishReason.STOP

    @property
    def text(self) -> str:
        """All of its text."""
        return "".join(self.texts)


async def fold(events: AsyncIterable[Event], n: int) -> list[Folded]:
    """Read all events of a generation of ``n`` choices.

    Raises:
        Failure: the generation failed.
    """
    choices = [Folded() for _ in range(n)]
    async for event in events:
        choice = choices[event.choice]
        if isinstance(event, Finished):
            choice.reason = event.reason
        else:
            choice.texts.append(event.text)
            choice.tokens.extend(event.logprobs)
    return choices
