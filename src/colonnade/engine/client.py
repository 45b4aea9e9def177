"""An engine: one model, and the requests that its worker works on."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from colonnade.engine.backlog import Bounds, Entry
from colonnade.engine.front import Common, Front
from colonnade.engine.kept import mark_of
from colonnade.engine.stream import Stream
from colonnade.messages import Embedded, PromptLogprobs, Submit, Urgency

if TYPE_CHECKING:
    from collections.abc import Callable

    from colonnade.engine.kept import KeptStates
    from colonnade.messages import (
        AdapterSet,
        Decoding,
        Failure,
        LoadModel,
        Output,
        PromptPart,
        Step,
    )

_USUAL = Urgency()

_USUAL_BOUNDS = Bounds()

_log = logging.getLogger(__name__)


class Engine(Front[Stream]):
    """Submits requests to a worker and hands out what comes back.

    When the worker dies its requests fail, and the next ones are served by its successor. Make
    one with ``start``.
    """

    def __init__(self, load: LoadModel, bounds: Bounds, common: Common | None = None) -> None:
        super().__init__(load, bounds, load.slots, common)
        self._kept: KeptStates | None = None
        """Where its states stay when it is retired."""
        self.mark = b""
        """Under which they are found there."""
        self.resumed = False
        """Whether it began with what an earlier one knew."""
        self._states_size = load.cache_size << 20
        """Bytes that they may take."""

    @classmethod
    async def start(
        cls,
        load: LoadModel,
        *,
        bounds: Bounds = _USUAL_BOUNDS,
        on_progress: Callable[[float], None] = lambda _: None,
        kept: KeptStates | None = None,
        common: Common | None = None,
        number: int = 0,
    ) -> Engine:
        """Load a model in a worker process. ``on_progress`` gets 0 to 1. ``kept``: what is known of
        earlier prompts where the model was here before, and where that stays after ``retire``.
        ``common`` and ``number``: of several engines of one model.

        Raises:
            LoadError: the model could not be loaded.
        """
        engine = cls(load, bounds, common)
        states = None
        if kept is not None:
            engine._kept, engine.mark = kept, await asyncio.to_thread(mark_of, load, number)
            states = kept.take(engine.mark)
            engine.resumed = states is not None
        try:
            engine._info = await engine._supervisor.start(on_progress, states)
        except BaseException:
            if kept is not None and states is not None:
                kept.put(engine.mark, states)
            raise
        engine._backlog.slots = engine._info.slots  # the worker chooses, where nobody has
        return engine

    def share_cache(self, most_bytes: int) -> None:
        """Let the worker keep so many bytes of states of earlier prompts from now on."""
        self._states_size = most_bytes
        self._supervisor.share_cache(most_bytes)

    async def retire(self, why: Failure | None = None) -> None:
        """As ``close``, but what the worker knows of earlier prompts stays, within limits of bytes
        and of some seconds, where ``start`` was told to keep it."""
        if self._kept is not None and self.mark:
            self._end_all(why)
            states = await self._supervisor.retire(min(self._states_size, self._kept.limit))
            if states is not None:
                self._kept.put(self.mark, states)
        await self.close(why)

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
        listener: Callable[[Output], None] | None = None,
    ) -> Stream:
        """Queue a request and wait until the worker has accepted it.

        ``joining``: the queue takes it even when it is full. ``client``: who asks.
        ``urgency``: its place in the queue. ``adapters``: of those that the model was loaded with.
        ``listener``: hears all outputs as they come.

        Raises:
            Failure: no worker is there, the queue is full, or the worker refuses the request.
        """
        request_id = next(self._ids)
        entry = Entry.of(prompt, decoding, client, urgency, joining=joining)
        submit = Submit(
            request_id, prompt, decoding, add_bos, infill_suffix, client, urgency, adapters
        )
        stream, worker = await self._let_in(
            submit, entry, lambda: Stream(request_id, decoding.n, self._cancel, joining=joining)
        )
        stream.listener = listener
        try:
            worker.send(submit)
            await stream.accepted
        except BaseException:
            await stream.aclose()
            raise
        return stream

    def _take(self, request: Stream, answer: PromptLogprobs | Embedded) -> None:
        if isinstance(answer, PromptLogprobs):
            request.prompt_logprobs = answer.tokens

    def _take_outputs(self, step: Step) -> None:
        streams, now = self._requests, time.perf_counter()
        self._backlog.served([(each.id, each.tokens, each.finish) for each in step.outputs])
        for output in step.outputs:
            stream = streams.get(output.id)
            if stream is None:
                continue
            self.latencies.said(stream, output, now)
            stream.put(output)
            if stream.done:
                self._end(stream)

    def _log_end(self, request: Stream) -> None:
        seconds = max(each.prompt_ms + each.decode_ms for each in request.finishes) / 1e3
        answered = request.answered()
        _log.info(
            "request %d: %d tokens in %.2f s, prompt %d (cached %d), %s",
            request.id,
            answered.completion_tokens,
            seconds,
            answered.prompt_tokens,
            answered.cached_tokens,
            "/".join(answered.reasons),
            extra={"about": request.about, "fields": answered.fields()},
        )
