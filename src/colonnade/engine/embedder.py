"""An embedder: one model whose worker embeds texts, or scores pairs of them."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

import msgspec

from colonnade.engine.backlog import Bounds, Entry, size_of
from colonnade.engine.front import Front
from colonnade.engine.pending import Pending
from colonnade.messages import (
    Embed,
    Embedded,
    Failure,
    FailureKind,
    MediaPart,
    TextPart,
    Urgency,
    parts_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from colonnade.engine.client import Engine
    from colonnade.engine.process import WorkerProcess
    from colonnade.messages import (
        AdapterSet,
        Decoding,
        EmbedInput,
        LoadModel,
        PromptLogprobs,
        PromptPart,
    )

_PIECE = 64
"""Inputs of one message: the worker takes in others' between two of them."""

_PIECE_SIZE = 1 << 18
"""Characters and ids of one, but for a single input."""

SEQUENCES = 64
"""Inputs that the worker computes at once, where they are short: so many requests need not wait."""

_USUAL = Urgency()

_USUAL_BOUNDS = Bounds()

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Rows:
    """What came of a request."""

    parts: list[bytes]
    """The numbers of all rows, one behind the other: float32, little-endian."""
    count: int
    """Rows: one for each input, in their order."""
    prompt_tokens: int
    """Of all inputs together."""

    @property
    def size(self) -> int:
        """Bytes of a row."""
        return sum(map(len, self.parts)) // self.count


class Embedding(Pending):
    """The rows of one request, as they come."""

    def __init__(self, request_id: int, count: int, cancel: Callable[[int], None]) -> None:
        super().__init__(request_id, cancel)
        self._count = count
        self._parts: list[bytes] = []

    @property
    def _whole(self) -> bool:
        return bool(self.finishes)

    def put(self, answer: Embedded) -> None:
        """Add rows (the engine's side). They come in the order of the inputs."""
        self._parts.append(answer.rows)
        if answer.finish is not None:
            self.finishes.append(answer.finish)
            self._wake.set()

    async def rows(self) -> Rows:
        """All of them, waited for.

        Raises:
            Failure: the request failed.
        """
        await self._wake.wait()
        if self._failure is not None:
            raise self._failure
        return Rows(self._parts, self._count, self.finishes[0].prompt_tokens)


class Embedder(Front[Embedding]):
    """Submits texts to a worker and hands out their embeddings, or their scores.

    As an engine it is loaded, watched and counted; it generates nothing. Make one with ``start``.
    """

    def __init__(self, load: LoadModel, bounds: Bounds) -> None:
        super().__init__(load, bounds, SEQUENCES)

    @classmethod
    async def start(
        cls,
        load: LoadModel,
        *,
        bounds: Bounds = _USUAL_BOUNDS,
        on_progress: Callable[[float], None] = lambda _: None,
    ) -> Embedder:
        """Load a model in a worker process. ``on_progress`` gets 0 to 1.

        Raises:
            LoadError: the model could not be loaded, or makes no embeddings.
        """
        load = msgspec.structs.replace(load, task="embed")
        embedder = cls(load, bounds)
        embedder._info = await embedder._supervisor.start(on_progress)
        return embedder

    @classmethod
    def in_place_of(cls, engine: Engine, load: LoadModel, bounds: Bounds) -> Embedder:
        """What has the worker of an engine from here on, whose file turned out to be made for
        embeddings. Nothing was asked of the engine yet, and nothing is to be."""
        embedder = cls(load, bounds)
        embedder._info = engine.info
        embedder._supervisor = engine.released()
        embedder._supervisor.hand_over(embedder._hand_out, embedder._on_death)
        return embedder

    @property
    def waiting(self) -> int:
        """Requests of which nothing is computed yet."""
        return sum(not each.started for each in self._requests.values())

    async def embed(
        self,
        inputs: tuple[EmbedInput, ...],
        *,
        most_tokens: int | None = None,
        last_tokens: bool = False,
        dimensions: int | None = None,
        norm: float | None = 2.0,
        client: str = "",
        used: Callable[[int], None] = lambda _: None,
    ) -> Rows:
        """The embeddings of texts, or the scores of pairs: see ``messages.Embed``. There is at
        least one input. ``used`` is told in the end how many tokens the worker was to read, whether
        or not all came of them that was wanted; it is told nothing of what was refused.

        Raises:
            Failure: no worker is there, the queue is full, the worker refuses an input, or died.
        """
        request_id = next(self._ids)
        whole = Embed(
            request_id,
            inputs,
            0,
            len(inputs),
            most_tokens,
            last_tokens,
            dimensions,
            norm,
            client,
        )
        request, worker = await self._let_in(
            whole,
            Entry(client, _USUAL.tier, _size(inputs), choices=0, most=None),
            lambda: Embedding(request_id, len(inputs), self._cancel),
        )
        try:
            await self._send(worker, whole, request)
            return await request.rows()
        finally:
            await request.aclose()
            if request.started and request.prompt_tokens:
                used(request.prompt_tokens)

    async def submit(
        self,
        prompt: tuple[PromptPart, ...],
        decoding: Decoding,
        *,
        add_bos: bool = False,
        infill_suffix: str | None = None,
        joining: bool = False,
        client: str = "",
        urgency: Urgency = _USUAL,
        adapters: AdapterSet = (),
    ) -> NoReturn:
        """Refuse to generate: see ``Engine.submit``.

        Raises:
            Failure: always.
        """
        del prompt, decoding, add_bos, infill_suffix, joining, client, urgency, adapters
        msg = f"The model {self.info.name!r} cannot generate text: it is made for embeddings."
        raise Failure(FailureKind.UNSUPPORTED, msg, param="model")

    async def retire(self, why: Failure | None = None) -> None:
        """As ``close``: nothing that was read is of use later."""
        await self.close(why)

    async def _send(self, worker: WorkerProcess, whole: Embed, request: Embedding) -> None:
        """Tell the worker, piece by piece; others have their turn in between."""
        for piece in _pieces(whole):
            if request.done:
                return
            worker.send(piece)
            await asyncio.sleep(0)

    def _start(self, request: Embedding) -> None:
        """Note that a request has begun. It stays in the bounds of the queue: many may be begun,
        and each takes its memory until its end."""
        request.started = True
        if request.patience is not None:
            request.patience.cancel()

    def _take(self, request: Embedding, answer: PromptLogprobs | Embedded) -> None:
        if not isinstance(answer, Embedded):
            return
        request.put(answer)
        if request.done:
            self._backlog.served([(request.id, 0, None)])
            self._end(request)

    def _log_end(self, request: Embedding) -> None:
        answered = request.answered()
        whole = request.submit
        _log.info(
            "request %d: %d inputs of %d tokens in %.2f s",
            request.id,
            whole.count if isinstance(whole, Embed) else 0,
            answered.prompt_tokens,
            answered.prefill,
            extra={"about": request.about, "fields": answered.fields()},
        )


def _pieces(whole: Embed) -> Iterator[Embed]:
    """A request in messages of a bounded size."""
    first = size = 0
    for number, each in enumerate(whole.inputs):
        length = _length(each)
        if number > first and (number - first >= _PIECE or size + length > _PIECE_SIZE):
            yield msgspec.structs.replace(whole, inputs=whole.inputs[first:number], first=first)
            first, size = number, 0
        size += length
    yield msgspec.structs.replace(whole, inputs=whole.inputs[first:], first=first)


def _length(given: EmbedInput) -> int:
    return sum(map(_part_length, parts_of(given)))


def _part_length(part: PromptPart) -> int:
    match part:
        case TextPart(text):
            return len(text)
        case MediaPart(_, data):
            return len(data)
        case _:
            return len(part.ids)


def _size(inputs: tuple[EmbedInput, ...]) -> int:
    """Bytes that inputs take until they are computed, about."""
    return sum(size_of(parts_of(each)) for each in inputs)
