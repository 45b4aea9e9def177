"""The loop of a worker that embeds: take a batch, compute it, and send what came of it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import groupby
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

import numpy as np

from colonnade.messages import (
    Cancel,
    Embedded,
    FailureKind,
    Finish,
    FinishReason,
    Look,
    Part,
    Refused,
    SlotUse,
    Statistics,
    Step,
)
from colonnade.worker.embedding.line import Line
from colonnade.worker.embedding.request import Batch, Item, Request
from colonnade.worker.embedding.rows import finished
from colonnade.worker.meter import Meter
from colonnade.worker.ports import Chunk, DecodeError
from colonnade.worker.pulse import Task, Work

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from colonnade.messages import FromWorker
    from colonnade.worker.embedding.ports import Encoder

Command = Batch | Cancel | Look

_LONG = 0
"""The sequence of a text that is read in several batches; the others have those behind it."""

_NO_WORK = Work()


@dataclass(slots=True)
class _Long:
    """A text that is being read a batch at a time."""

    item: Item
    row: NDArray[np.float32]
    """What has come of it, (row_size)."""
    read: int = 0
    """Tokens of it."""


class EmbedLoop:
    """Embeds for all requests at once. Runs in the worker's main thread."""

    def __init__(
        self,
        encoder: Encoder,
        send: Callable[[FromWorker], None],
        *,
        alone: bool = False,
        pulse: Task | None = None,
        work: Work = _NO_WORK,
    ) -> None:
        """``alone``: no text is computed beside another one, so that none rounds another's numbers.
        ``pulse`` is told of each step, which may take what the ``work`` of its tokens takes."""
        self.commands: SimpleQueue[Command] = SimpleQueue()
        self._encoder = encoder
        self._send = send
        self._most = 1 if alone else encoder.sequences
        self._pulse = pulse or Task("a step of the model")
        self._work = work
        self._meter = Meter()
        self._line = Line()
        self._requests: dict[int, Request] = {}
        self._long: _Long | None = None
        self._others_first = False
        """The text that is read in several batches had the last one."""

    @property
    def idle(self) -> bool:
        """There is nothing to compute."""
        return not self._line and self._long is None

    def run(self) -> None:
        """Step while there is work, sleep while there is none; for ever."""
        while True:
            self._take_commands()
            self._pulse.begin()
            self.step()
            self._pulse.end()

    def step(self) -> None:
        """Compute one batch, if there is anything to compute, and send what came of it."""
        self._meter.begin()
        items: list[Item] = []
        if self._long is None or (self._others_first and self._line):
            items = self._next_items()
        self._meter.mark(Part.PLAN)
        try:
            if items:
                self._others_first = False
                self._compute(items)
            elif self._long is not None:
                self._others_first = True
                self._read_on(self._long)
        except DecodeError as error:
            self._fail(items, str(error))

    def obey(self, command: Command) -> None:
        """Take one command."""
        match command:
            case Batch():
                self._add(command)
            case Cancel(request_id):
                self._drop(request_id)
            case Look():
                self._send(self._statistics())

    def _take_commands(self) -> None:
        """Obey everything that came in; wait for the first when there is nothing else to do."""
        wait = self.idle
        while True:
            try:
                command = self.commands.get(block=wait)
            except Empty:
                return
            self.obey(command)
            wait = self.idle

    def _add(self, batch: Batch) -> None:
        if batch.first == 0:
            self._requests[batch.id] = Request(
                batch.id, batch.client, batch.count, batch.wish, batch.submitted
            )
        request = self._requests.get(batch.id)
        if request is None:  # it has failed, or nobody wants it any more
            return
        request.waiting.extend(batch.inputs)
        if self._long is None or self._long.item.request is not request:
            self._line.add(request)

    def _drop(self, request_id: int) -> None:
        """Forget a request."""
        request = self._requests.pop(request_id, None)
        if request is None:
            return
        self._line.remove(request)
        if self._long is not None and self._long.item.request is request:
            self._long = None
            self._encoder.forget(_LONG)

    def _next_items(self) -> list[Item]:
        """Inputs that fit into one batch. A text that is longer comes alone, or, where it can be
        cut, is put aside to be read from here on."""
        items: list[Item] = []
        room = self._encoder.batch_size
        while len(items) < self._most and (tokens := self._line.peek()) is not None:
            if len(tokens) > room and (items or self._encoder.splits):
                if not items and self._long is None:
                    self._begin_long(self._line.take())
                break
            item = self._line.take()
            self._note_start(item.request)
            items.append(item)
            room -= len(tokens)
        return items

    def _begin_long(self, item: Item) -> None:
        """Read a text from its beginning on. Its request waits for its end, for rows come in the
        order of inputs."""
        self._note_start(item.request)
        self._line.remove(item.request)
        self._long = _Long(item, np.zeros(self._encoder.row_size, dtype=np.float32))

    def _note_start(self, request: Request) -> None:
        """Say that a request begins, before anything is done for it: the process may die of it."""
        if request.started is None:
            request.started = time.perf_counter()
            self._send(Step((), (request.id,)))

    def _compute(self, items: list[Item]) -> None:
        """Read texts that fit into one batch."""
        chunks = [
            Chunk(number, 0, item.tokens, len(item.tokens))
            for number, item in enumerate(items, _LONG + 1)
        ]
        rows = self._encode(chunks)
        for chunk in chunks:
            self._encoder.forget(chunk.slot)
        order = sorted(range(len(items)), key=lambda number: _place(items[number]))
        for _, each in groupby(order, key=lambda number: items[number].request.id):
            numbers = list(each)
            self._answer([items[number] for number in numbers], rows[numbers])
        self._meter.mark(Part.SEND)
        self._meter.end(sum(len(item.tokens) for item in items))

    def _read_on(self, text: _Long) -> None:
        """Read the next batch of a long text."""
        tokens = text.item.tokens
        piece = tokens[text.read : text.read + self._encoder.batch_size]
        row = self._encode([Chunk(_LONG, text.read, piece, len(piece))])[0]
        match self._encoder.pooling:
            case "mean":
                text.row += row * (len(piece) / len(tokens))
            case "cls":
                text.row = text.row if text.read else row
            case _:
                text.row = row
        text.read += len(piece)
        if text.read == len(tokens):
            self._long = None
            self._encoder.forget(_LONG)
            if text.item.request.waiting:
                self._line.add(text.item.request)
            self._answer([text.item], text.row[np.newaxis])
        self._meter.mark(Part.SEND)
        self._meter.end(len(piece))

    def _encode(self, chunks: list[Chunk]) -> NDArray[np.float32]:
        self._pulse.allowed = self._work.seconds(sum(len(chunk.tokens) for chunk in chunks))
        rows = self._encoder.encode(chunks)
        self._meter.mark(Part.DECODE)
        return rows

    def _answer(self, items: list[Item], rows: NDArray[np.float32]) -> None:
        """Send the rows of a request's next inputs."""
        request = items[0].request
        if not np.isfinite(rows).all():
            broken = next(item for item, row in zip(items, rows, strict=True) if _broken(row))
            self._give_up(request, f"The model gave no numbers for input {broken.index}.")
            return
        request.tokens += sum(len(item.tokens) for item in items)
        finish = None
        if request.whole:
            del self._requests[request.id]
            finish = self._finish(request)
        data = finished(rows, request.wish)
        self._send(Embedded(request.id, items[0].index, len(items), data, finish))

    def _finish(self, request: Request) -> Finish:
        now = time.perf_counter()
        started = request.started or now
        return Finish(
            FinishReason.STOP,
            prompt_tokens=request.tokens,
            cached_tokens=0,
            completion_tokens=0,
            queue_ms=1e3 * (started - request.submitted),
            prompt_ms=1e3 * (now - started),
            decode_ms=0.0,
        )

    def _fail(self, items: list[Item], message: str) -> None:
        """Give up every request of a batch that failed; those that wait go on."""
        failed = {item.request.id: item.request for item in items}
        if not items and self._long is not None:
            failed = {self._long.item.request.id: self._long.item.request}
        for request in failed.values():
            self._give_up(request, message)
        for number in range(_LONG + 1, _LONG + 1 + len(items)):
            self._encoder.forget(number)

    def _give_up(self, request: Request, message: str) -> None:
        self._drop(request.id)
        self._send(Refused(request.id, FailureKind.INTERNAL, message))

    def _statistics(self) -> Statistics:
        """What has been done since the last time, and how it stands."""
        meter = self._meter
        begun = [each for each in self._requests.values() if each.started is not None]
        found = Statistics(
            seconds=tuple(meter.seconds),
            step_seconds=tuple(meter.steps.counts),
            step_tokens=tuple(meter.tokens.counts),
            tokens=int(meter.tokens.sum),
            cache_hits=0,
            cache_states=0,
            cache_bytes=0,
            slots=tuple(map(_use, begun[:1])),
        )
        meter.clear()
        return found


def _use(request: Request) -> SlotUse:
    """How far a request is, the oldest of those that share the steps."""
    there = request.tokens + sum(map(len, request.waiting))
    return SlotUse(
        slot=0,
        request=request.id,
        choice=0,
        prompt_tokens=there,
        cached_tokens=0,
        read=request.tokens,
        generated=0,
        remaining=0,
        prefill=time.perf_counter() - (request.started or 0.0),
        decode=0.0,
        constrained=False,
        drafted=0,
        accepted=0,
    )


def _place(item: Item) -> tuple[int, int]:
    return item.request.id, item.index


def _broken(row: NDArray[np.float32]) -> bool:
    return not np.isfinite(row).all()
