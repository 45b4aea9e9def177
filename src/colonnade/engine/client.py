"""An engine: one model's worker, kept alive, and the requests it works on."""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from typing import TYPE_CHECKING

from colonnade.engine.process import WorkerProcess
from colonnade.engine.stream import Stream
from colonnade.messages import (
    Accepted,
    Cancel,
    Failure,
    FailureKind,
    LoadFailed,
    Loading,
    ModelInfo,
    PromptLogprobs,
    Ready,
    Refused,
    Step,
    Submit,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from colonnade.messages import Decoding, Finish, LoadModel, PromptPart

_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 30.0
_HEALTHY = 60.0
"""Seconds of life after which a worker's end does not count against its successor."""

_NEWEST = 0.1
"""Weight of the newest request in the mean time of a request."""

_log = logging.getLogger(__name__)


class LoadError(Exception):
    """A model could not be loaded; the message is for the user."""


class Engine:
    """Submits requests to a worker and hands out what comes back.

    When the worker dies, its requests fail and a successor is started, after a pause that grows
    while workers die young. Make one with ``start``.
    """

    def __init__(self, load: LoadModel, queue_size: int) -> None:
        self._load = load
        self._queue_size = queue_size
        self._ids = itertools.count(1)
        self._streams: dict[int, Stream] = {}
        self._worker: WorkerProcess | None = None
        self._info: ModelInfo | None = None
        self._supervisor: asyncio.Task[None] | None = None
        self._closing = False
        self._turn_seconds = 1.0
        """How long a request takes, a running mean, for Retry-After."""

    @classmethod
    async def start(
        cls,
        load: LoadModel,
        *,
        queue_size: int = 64,
        on_progress: Callable[[float], None] = lambda _: None,
    ) -> Engine:
        """Load a model in a worker process.

        ``queue_size`` bounds the requests that wait for a slot. ``on_progress`` gets 0 to 1.

        Raises:
            LoadError: the model could not be loaded.
        """
        engine = cls(load, queue_size)
        worker = await WorkerProcess.start(load)
        ready = asyncio.get_running_loop().create_future()
        engine._supervisor = asyncio.create_task(engine._supervise(worker, on_progress, ready))
        try:
            await ready
        except BaseException:
            engine._closing = True
            worker.kill()
            await engine._supervisor
            raise
        return engine

    @property
    def info(self) -> ModelInfo:
        """The loaded model."""
        if self._info is None:  # cannot be: ``start`` returns after Ready
            msg = "the model is not loaded yet"
            raise RuntimeError(msg)
        return self._info

    @property
    def ready(self) -> bool:
        """Whether a worker is there to serve the next request."""
        return self._worker is not None

    @property
    def active(self) -> int:
        """Requests under way, those that wait included."""
        return len(self._streams)

    @property
    def waiting(self) -> int:
        """Requests that have no slot yet."""
        return sum(not stream.started for stream in self._streams.values())

    @property
    def pid(self) -> int | None:
        """The worker's process id, None while there is no worker."""
        return None if self._worker is None else self._worker.pid

    async def submit(
        self,
        prompt: tuple[PromptPart, ...],
        decoding: Decoding,
        *,
        add_bos: bool = False,
        infill_suffix: str | None = None,
    ) -> Stream:
        """Queue a request and wait until the worker has accepted it.

        Raises:
            Failure: no worker is there, the queue is full, or the worker refuses the request.
        """
        worker = self._available()
        stream = Stream(next(self._ids), decoding.n, self._cancel)
        self._streams[stream.id] = stream
        worker.send(Submit(stream.id, prompt, decoding, add_bos, infill_suffix))
        try:
            await stream.accepted
        except BaseException:
            await stream.aclose()
            raise
        return stream

    async def close(self) -> None:
        """End the worker. Requests under way fail."""
        self._closing = True
        self._fail_all(FailureKind.SHUTTING_DOWN, "The server is shutting down.")
        if self._worker is not None:
            await self._worker.stop()
        if self._supervisor is not None:
            self._supervisor.cancel()
            await asyncio.gather(self._supervisor, return_exceptions=True)

    def _available(self) -> WorkerProcess:
        if self._closing:
            raise Failure(FailureKind.SHUTTING_DOWN, "The server is shutting down.")
        if self._worker is None:
            msg = "The model is restarting after a crash."
            raise Failure(FailureKind.MODEL_UNAVAILABLE, msg, retry_after=_FIRST_PAUSE * 4)
        waiting = self.waiting
        if waiting >= self._queue_size + self._free_slots():
            msg = f"{waiting} requests wait already; the queue holds {self._queue_size}."
            pause = self._turn_seconds * (waiting / self.info.slots)
            raise Failure(FailureKind.QUEUE_FULL, msg, retry_after=max(1.0, pause))
        return self._worker

    def _free_slots(self) -> int:
        """Slots that requests not yet started are about to take."""
        return max(0, self.info.slots - (len(self._streams) - self.waiting))

    def _cancel(self, request_id: int) -> None:
        if self._streams.pop(request_id, None) is not None and self._worker is not None:
            self._worker.send(Cancel(request_id))
            _log.info("request %d: cancelled", request_id)

    async def _supervise(
        self,
        worker: WorkerProcess,
        on_progress: Callable[[float], None],
        ready: asyncio.Future[ModelInfo],
    ) -> None:
        """Serve workers one after the other, for as long as the engine is open."""
        pause = _FIRST_PAUSE
        while True:
            began = time.monotonic()
            try:
                how = await self._follow(worker, on_progress, ready)
            finally:  # the engine may be closed while a worker loads
                worker.kill()
                await worker.wait()
            if not ready.done():
                ready.set_exception(LoadError(f"the worker process died: {how}"))
                return
            if self._closing or ready.cancelled() or ready.exception() is not None:
                return
            if time.monotonic() - began > _HEALTHY:
                pause = _FIRST_PAUSE
            _log.error("the worker process died (%s); starting another in %.1f s", how, pause)
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
            worker = await WorkerProcess.start(self._load)

    async def _follow(
        self,
        worker: WorkerProcess,
        on_progress: Callable[[float], None],
        ready: asyncio.Future[ModelInfo],
    ) -> str:
        """Hand out a worker's messages until it ends; returns how it ended."""
        async for messages in worker.receive():
            for message in messages:
                match message:
                    case Loading(progress):
                        on_progress(progress)
                    case Ready(info):
                        self._info, self._worker = info, worker
                        if not ready.done():
                            ready.set_result(info)
                    case LoadFailed(text):
                        if not ready.done():
                            ready.set_exception(LoadError(text))
                    case _:
                        self._hand_out(message)
        self._worker = None
        how = await worker.wait()
        msg = "The worker process died while it served this request; the next one is served again."
        self._fail_all(FailureKind.WORKER_DIED, msg)
        return how

    def _hand_out(self, message: Step | Accepted | Refused | PromptLogprobs) -> None:
        """Put a message into its requests' streams. Those of requests cancelled meanwhile fall."""
        if isinstance(message, Step):
            self._hand_out_step(message)
            return
        stream = self._streams.get(message.id)
        if stream is None:
            return
        match message:
            case Accepted(_, tokens):
                stream.accept(tokens)
            case Refused(_, kind, text, param):
                del self._streams[message.id]
                stream.fail(Failure(kind, text, param=param))
            case PromptLogprobs(_, logprobs):
                stream.prompt_logprobs = logprobs

    def _hand_out_step(self, step: Step) -> None:
        streams = self._streams
        for request_id in step.started:
            if request_id in streams:
                streams[request_id].started = True
        for output in step.outputs:
            stream = streams.get(output.id)
            if stream is None:
                continue
            stream.put(output)
            if stream.done:
                del streams[output.id]
            if output.finish is not None:
                self._account(output.id, output.choice, output.finish)

    def _account(self, request_id: int, choice: int, finish: Finish) -> None:
        """Note a choice's end."""
        seconds = (finish.prompt_ms + finish.decode_ms) / 1e3
        self._turn_seconds += _NEWEST * (seconds - self._turn_seconds)
        _log.info(
            "request %d.%d: %s after %d tokens in %.2f s (prompt %d, cached %d)",
            request_id,
            choice,
            finish.reason.value,
            finish.completion_tokens,
            seconds,
            finish.prompt_tokens,
            finish.cached_tokens,
        )

    def _fail_all(self, kind: FailureKind, text: str) -> None:
        streams = list(self._streams.values())
        self._streams.clear()
        for stream in streams:
            stream.fail(Failure(kind, text))
