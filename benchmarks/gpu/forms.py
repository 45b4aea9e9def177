"""Whole JSON documents and required tool calls a second, beside llama-server."""

from __future__ import annotations

from contextlib import ExitStack
from itertools import count
from typing import TYPE_CHECKING, Any

from benchmarks.constrained import ask, call, document
from benchmarks.contenders import OURS, THEIRS
from benchmarks.gpu.work import FAILURES, told, within
from benchmarks.processes import running_llama_server, running_server

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.gpu.clock import Clock
    from benchmarks.gpu.found import Found
    from benchmarks.gpu.work import Work

OTHERS = [THEIRS]
STREAMS = (1, 8)
_EACH = 2
"""Answers a stream and round."""

KINDS: dict[str, Callable[[int], dict[str, Any]]] = {
    "JSON schema, documents/s": document,
    "required tool, calls/s": call,
}


def measure(work: Work, found: Found, clock: Clock) -> None:
    """Ask both, until the time is up."""
    setup = work.with_slots(max(STREAMS))
    with ExitStack() as stack:
        ports = {OURS: stack.enter_context(running_server(setup)).port}
        if work.llama_server is None:
            found.missing.append(f"{THEIRS}: there is none")
        else:
            try:
                server = running_llama_server(work.llama_server, setup)
                ports[THEIRS] = stack.enter_context(server).port
            except FAILURES as error:
                found.missing.append(f"{THEIRS}: {told(error)}")
        late: set[tuple[str, str]] = set()
        for nth in count():
            _round(ports, nth, late, found, clock)
            if not clock.left or len(late) == len(ports) * len(KINDS) * len(STREAMS):
                return


def _round(
    ports: dict[str, int], nth: int, late: set[tuple[str, str]], found: Found, clock: Clock
) -> None:
    """Every kind of both; ``late`` are those that no time sufficed for, who are not asked again."""
    for streams in STREAMS:
        for kind, make in KINDS.items():
            name = f"{streams} stream{'s' * (streams > 1)}, {kind}"
            bodies = [make(1000 * nth + number) for number in range(_EACH * streams)]
            for whose in sorted(ports, reverse=bool(nth % 2)):
                if (name, whose) in late or not clock.left:
                    continue
                try:
                    asked = within(clock.left, ask(ports[whose], bodies, streams))
                    found.add(name, whose, asked.whole / asked.seconds)
                except FAILURES as error:
                    late.add((name, whose))
                    if name not in found.figures or whose not in found.figures[name]:
                        found.missing.append(f"{whose}, {name}: {told(error)}")
