"""What guessed tokens are worth: a server that guesses beside one that does not.

Random weights never repeat themselves, so there guesses can only cost; a file that says its last
token for ever shows the most that they give.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

import msgspec

from benchmarks.contenders import OURS
from benchmarks.gpu.work import FAILURES, told, within
from benchmarks.processes import running_server
from benchmarks.speculation import Kind, bodies, rate

if TYPE_CHECKING:
    from benchmarks.gpu.clock import Clock
    from benchmarks.gpu.found import Found
    from benchmarks.gpu.work import Work

_PLAIN = "without guesses"
OTHERS = [_PLAIN]
STREAMS = (1, 8)


def measure(work: Work, found: Found, clock: Clock) -> None:
    """Measure both kinds of text, each in its part of the time."""
    setup = work.with_slots(max(STREAMS))
    kinds = [Kind("nothing repeats", setup)]
    if work.looping is None:
        found.missing.append("a loop: there is no file that loops")
    else:
        kinds.append(Kind("a loop", msgspec.structs.replace(setup, model=str(work.looping))))
    shares = dict.fromkeys([kind.name for kind in kinds], 1.0)
    for kind, (_, part) in zip(kinds, clock.parts(shares), strict=True):
        try:
            _measure(kind, found, part)
        except FAILURES as error:
            found.missing.append(f"{kind.name}: {told(error)}")


def _measure(kind: Kind, found: Found, clock: Clock) -> None:
    with (
        running_server(kind.setup) as guessing,
        running_server(kind.setup, "--no-speculate") as one,
    ):
        servers = {OURS: guessing, _PLAIN: one}
        for nth in count():
            for streams in STREAMS:
                name = f"{kind.name}, {streams} stream{'s' * (streams > 1)}: tokens/s"
                asked = bodies(kind, streams, seed=100 * nth)
                for whose in sorted(servers, reverse=bool(nth % 2)):
                    found_rate = within(clock.left + 10, rate(servers[whose], asked))
                    if nth:  # the first round teaches what a step costs
                        found.add(name, whose, found_rate)
            if nth and not clock.left:
                return
