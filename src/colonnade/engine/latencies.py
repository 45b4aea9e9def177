"""What clients had to wait for, in histograms: as the server sees it, by their doors."""

from __future__ import annotations

import time
from collections import defaultdict
from typing import TYPE_CHECKING, Final

from colonnade.watch import Histogram

if TYPE_CHECKING:
    from colonnade.engine.pending import Pending
    from colonnade.messages import Output
    from colonnade.watch import Answered

_FIRST: Final = (
    0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 20.0,
    40.0, 80.0, 160.0, 640.0,
)  # fmt: skip
_GAP: Final = (
    0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5, 5.0,
    10.0, 20.0, 40.0, 80.0,
)  # fmt: skip
_LONG: Final = (
    0.01, 0.05, 0.1, 0.3, 0.5, 0.8, 1.0, 1.5, 2.0, 2.5, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 60.0,
    120.0, 240.0, 480.0, 960.0,
)  # fmt: skip
_TOKENS: Final = (1, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000)


class Waits:
    """The histograms of one door: seconds, and tokens a request."""

    def __init__(self) -> None:
        self.first_token = Histogram(_FIRST)
        """From the request's arrival to its first token."""
        self.gap = Histogram(_GAP)
        """Between two outputs of a choice."""
        self.token = Histogram(_GAP)
        """Of decoding, for each token behind the first one: a request's mean."""
        self.queue = Histogram(_LONG)
        self.prefill = Histogram(_LONG)
        self.decode = Histogram(_LONG)
        self.whole = Histogram(_LONG)
        """From the request's arrival to its answer's end."""
        self.prompt_tokens = Histogram(_TOKENS)
        self.completion_tokens = Histogram(_TOKENS)


class Latencies:
    """The waits of each door."""

    def __init__(self) -> None:
        self.doors: defaultdict[str, Waits] = defaultdict(Waits)

    def said(self, stream: Pending, output: Output, now: float) -> None:
        """Note an output, at a time of ``time.perf_counter``."""
        if not output.tokens:
            return
        waits = self.doors[stream.door]
        last = stream.said.get(output.choice)
        if last is not None:
            waits.gap.observe(now - last)
        elif not stream.said:
            waits.first_token.observe(now - stream.arrived)
        stream.said[output.choice] = now

    def answered(self, stream: Pending, answer: Answered) -> None:
        """Note a request's end."""
        waits = self.doors[stream.door]
        waits.whole.observe(time.perf_counter() - stream.arrived)
        waits.queue.observe(answer.queue)
        waits.prefill.observe(answer.prefill)
        waits.decode.observe(answer.decode)
        waits.prompt_tokens.observe(answer.prompt_tokens)
        waits.completion_tokens.observe(answer.completion_tokens)
        longest = max(each.completion_tokens for each in stream.finishes)
        if longest > 1:
            waits.token.observe(answer.decode / (longest - 1))
