"""What is known of the request that a line of the log, a histogram or a trace is about."""

from __future__ import annotations

import time
from contextvars import ContextVar
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Answered:
    """One prompt's answer: counts in tokens, times in seconds, one behind the other.

    ``began`` is a time of ``time.time_ns``: when the engine got it.
    """

    began: int
    queue: float
    prefill: float
    decode: float
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    reasons: tuple[str, ...]

    def fields(self) -> dict[str, object]:
        """What a line of the log says of it."""
        return {
            "seconds": round(self.prefill + self.decode, 4),
            "queue_seconds": round(self.queue, 4),
            "prefill_seconds": round(self.prefill, 4),
            "decode_seconds": round(self.decode, 4),
            "prompt_tokens": self.prompt_tokens,
            "cached_tokens": self.cached_tokens,
            "completion_tokens": self.completion_tokens,
            "finish_reasons": list(self.reasons),
        }


@dataclass(slots=True, eq=False)
class About:
    """One request. Rooms fill in what they learn; nothing of it is what the client said."""

    id: str
    """``x-request-id``."""
    door: str = ""
    """The service whose route it is."""
    route: str = ""
    """The route's template; empty while no route has it."""
    caller: str = ""
    """The name of the key that it came with."""
    model: str = ""
    """The id of the served model."""
    method: str = ""
    status: int = 0
    """What it was answered with; 0 while it is not."""
    failure: str = ""
    """The kind of what went wrong."""
    parent: str = ""
    """W3C's ``traceparent``, as the client sent it."""
    began: float = field(default_factory=time.perf_counter)
    """``time.perf_counter`` seconds."""
    began_ns: int = field(default_factory=time.time_ns)
    counted: bool = False
    """It stands in its client's account."""
    answers: list[Answered] = field(default_factory=list)

    def again(self) -> About:
        """For a further piece of work under the same id: a message of a WebSocket, a job."""
        more = About(self.id, self.door, self.route, self.caller, method=self.method)
        more.parent = self.parent
        return more

    @property
    def seconds(self) -> float:
        """How long it has taken up to now."""
        return time.perf_counter() - self.began

    def fields(self) -> dict[str, str]:
        """What every line about it carries, without what is not known."""
        known = {
            "request_id": self.id,
            "door": self.door,
            "caller": self.caller,
            "model": self.model,
        }
        return {name: value for name, value in known.items() if value}


about: ContextVar[About | None] = ContextVar("about", default=None)
"""The request that is being served, None outside of any."""
