"""A scheduler whose batches let every row come out the same, whatever is beside it.

Kernels round by the number of rows. Here every pass of the model has a multiple of a certain
number of rows (``worker.llama.invariance`` finds it), where needed with rows read for nothing;
prompts are read in pieces too short for attention's way of many rows, apart from steps that draw;
and a row of a long text is never alone, which attention has another way for.
"""

from __future__ import annotations

from itertools import groupby
from math import gcd
from typing import TYPE_CHECKING

from colonnade.worker.ports import Chunk
from colonnade.worker.scheduler import Limits, Plan, Scheduler, echoes, quiet

if TYPE_CHECKING:
    from collections.abc import Callable

    from colonnade.worker.ports import Memory
    from colonnade.worker.sequence import Request, Sequence

_PIECE = 60
"""Tokens of a prompt in a step: from 64 on attention computes them together."""

_ALONE = 200
"""Tokens up to which a row may be alone: attention cuts texts of 512 cells for it, and there are as
many cells as tokens, up to the next 256."""


class InvariantScheduler(Scheduler):
    """See the module. Tokens are not guessed."""

    def __init__(
        self, limits: Limits, memory: Memory, rows: int, *, tell: Callable[[Request], None] = quiet
    ) -> None:
        """``rows``: each pass of the model takes a multiple of that many. ``tell``: as in
        ``Scheduler``."""
        super().__init__(limits, memory, tell=tell)
        self._rows = rows
        self._has_read = False
        """The last step read prompts: those that draw have waited for it."""

    def plan(self, prefill_budget: int) -> Plan | None:
        """See ``Scheduler.plan``."""
        started = self.admit()
        running = self._sets.choose(self.running)
        if not running:
            return None
        reading = [each for each in running if each.unread > 1]
        drawing = [each for each in running if each.unread == 1]
        self._has_read = bool(reading) and not (drawing and self._has_read)
        if self._has_read:
            hurried = bool(drawing) or self.delays_others
            budget = prefill_budget if hurried else self.limits.batch_size
            plan = self._plan_reading(reading, started, budget)
        else:
            plan = self._plan_drawing(drawing, started)
        return plan._replace(adapters=self._sets.current)

    def _plan_reading(self, reading: list[Sequence], started: list[Sequence], budget: int) -> Plan:
        """A step without tokens to draw. The first gets a piece in any case."""
        room = self.limits.batch_size // self._rows * self._rows
        outputs = self.limits.max_outputs
        chunks: dict[int, Chunk] = {}
        for sequence in self.in_turn(reading):
            most = min(_PIECE // self._rows * self._rows, room)
            if echoes(sequence):
                most = min(most, outputs // self._rows * self._rows)
            if not most or (chunks and budget <= 0):
                continue
            chunk = self._piece(sequence, most)
            chunks[sequence.slot] = chunk
            room -= len(chunk.tokens)
            budget -= len(chunk.tokens)
            outputs -= chunk.outputs
        sequences = [each for each in reading if each.slot in chunks]
        ordered = [chunks[each.slot] for each in sequences]
        tokens = sum(len(chunk.tokens) - chunk.filler for chunk in ordered)
        return Plan(sequences, ordered, started, tokens, decoding=False)

    def _piece(self, sequence: Sequence, most: int) -> Chunk:
        """The next tokens of a text, but never its last, filled up to a whole number of rows."""
        start = sequence.position
        tokens = sequence.tokens[
            start : start + min(self.wanted(sequence), sequence.unread - 1, most)
        ]
        filler = -len(tokens) % self._rows
        filled = [*tokens, *tokens[-1:] * filler]
        return Chunk(sequence.slot, start, filled, len(filled) * echoes(sequence), filler)

    def _plan_drawing(self, drawing: list[Sequence], started: list[Sequence]) -> Plan:
        """A step that reads the last token of each, in as many rows as make a whole number."""
        chunks: list[Chunk] = []
        for _, numbered in groupby(enumerate(drawing), key=_run):
            run = [sequence for _, sequence in numbered]
            width = self._width(run)
            chunks += [_last(each, width) for each in run]
        return Plan(drawing, chunks, started, 0, decoding=True, width=1)

    def _width(self, run: list[Sequence]) -> int:
        """Rows that each sequence takes of a pass, which slots side by side share."""
        width = self._rows // gcd(self._rows, len(run))
        alone = len(run) * width == 1 and len(run[0].tokens) > _ALONE
        return 2 if alone else width


def _run(numbered: tuple[int, Sequence]) -> int:
    """The same for slots that follow each other: llama.cpp puts these into one pass."""
    number, sequence = numbered
    return sequence.slot - number


def _last(sequence: Sequence, width: int) -> Chunk:
    tokens = sequence.tokens[-1:] * width
    return Chunk(sequence.slot, sequence.position, tokens, width, width - 1)
