"""An engine: one model, and the requests that its worker works on."""

from __future__ import annotations

import asyncio
import itertools
import logging
from typing import TYPE_CHECKING

from colonnade.engine.stream import Stream
from colonnade.engine.supervisor import Supervisor
from colonnade.engine.totals import Totals
from colonnade.messages import (
    Accepted,
    Cancel,
    Failure,
    FailureKind,
    ModelInfo,
    PromptLogprobs,
    Refused,
    Step,
    Submit,
    Urgency,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from colonnade.engine.process import WorkerProcess
    from colonnade.engine.supervisor import Answer
    from colonnade.messages import Decoding, LoadModel, PromptPart, ThreadWait

_LOAD_SECONDS = 2.0
"""What loading a model takes, for Retry-After."""

_NEWEST = 0.1
"""Weight of the newest request in the mean time of a request."""

_USUAL = Urgency()

_log = logging.getLogger(__name__)


class Engine:
    """Submits requests to a worker and hands out what comes back.

    When the worker dies its requests fail, and the next ones are served by its successor. Make
    one with ``start``.
    """

    def __init__(self, load: LoadModel, queue_size: int, request_seconds: float) -> None:
        self._queue_size = queue_size
        self._request_seconds = request_seconds
        self._ids = itertools.count(1)
        self._streams: dict[int, Stream] = {}
        self._supervisor = Supervisor(load, self._hand_out, self._on_death)
        self._info: ModelInfo | None = None
        self._closed: Failure | None = None
        """What requests are told, once the engine is closed."""
        self.totals = Totals()
        self._idle = asyncio.Event()
        self._idle.set()
        self._turn_seconds = 1.0
        """How long a request takes, a running mean, for Retry-After."""

    @property
    def thread_wait(self) -> ThreadWait | None:
        """How the worker's threads wait for each other, where it has chosen that."""
        return self._supervisor.thread_wait

    @classmethod
    async def start(
        cls,
        load: LoadModel,
        *,
        queue_size: int = 64,
        request_seconds: float = 0.0,
        on_progress: Callable[[float], None] = lambda _: None,
    ) -> Engine:
        """Load a model in a worker process.

        ``queue_size`` bounds the requests that wait for a slot, ``request_seconds`` the time that
        one may take, waiting included (0: no bound). ``on_progress`` gets 0 to 1.

        Raises:
            LoadError: the model could not be loaded.
        """
        engine = cls(load, queue_size, request_seconds)
        engine._info = await engine._supervisor.start(on_progress)
        return engine

    @property
    def info(self) -> ModelInfo:
        """The loaded model."""
        if self._info is None:  # cannot be: ``start`` returns with it
            msg = "the model is not loaded yet"
            raise RuntimeError(msg)
        return self._info

    @property
    def ready(self) -> bool:
        """Whether a worker is there to serve the next request."""
        return self._supervisor.worker is not None

    @property
    def active(self) -> int:
        """Requests under way, those that wait included."""
        return len(self._streams)

    @property
    def waiting(self) -> int:
        """Requests that have no slot yet. One of several prompts counts once."""
        return sum(not (each.started or each.joining) for each in self._streams.values())

    @property
    def pid(self) -> int | None:
        """The worker's process id, None while there is no worker."""
        worker = self._supervisor.worker
        return None if worker is None else worker.pid

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
    ) -> Stream:
        """Queue a request and wait until the worker has accepted it.

        ``joining``: the queue takes it even when it is full. ``client``: who asks.
        ``urgency``: its place in the queue.

        Raises:
            Failure: no worker is there, the queue is full, or the worker refuses the request.
        """
        worker = self._available()
        if not joining:
            self._check_queue()
        stream = Stream(next(self._ids), decoding.n, self._cancel, joining=joining)
        self._streams[stream.id] = stream
        self._idle.clear()
        if self._request_seconds:
            loop = asyncio.get_running_loop()
            stream.deadline = loop.call_later(self._request_seconds, self._expire, stream)
        try:
            worker.send(
                Submit(stream.id, prompt, decoding, add_bos, infill_suffix, client, urgency)
            )
            await stream.accepted
        except BaseException:
            await stream.aclose()
            raise
        return stream

    async def drained(self) -> None:
        """Wait until no request is under way."""
        while self._streams:
            await self._idle.wait()

    async def close(self, why: Failure | None = None) -> None:
        """End the worker. Requests under way, and those that still come, fail with ``why``."""
        if why is None:
            why = Failure(FailureKind.SHUTTING_DOWN, "The server is shutting down.")
        self._closed = why
        self._fail_all(why.kind, why.message)
        await self._supervisor.close()

    def _available(self) -> WorkerProcess:
        """The worker, when there is one."""
        if self._closed is not None:
            raise Failure(self._closed.kind, self._closed.message)
        worker = self._supervisor.worker
        if worker is None:
            msg = "The model is restarting after a crash."
            raise Failure(
                FailureKind.MODEL_UNAVAILABLE,
                msg,
                retry_after=_LOAD_SECONDS + self._supervisor.pause,
            )
        return worker

    def _check_queue(self) -> None:
        waiting = self.waiting
        running = sum(each.started for each in self._streams.values())
        about_to_start = max(0, self.info.slots - running)
        if waiting >= self._queue_size + about_to_start:
            msg = f"The server is busy: {running} requests run, {waiting} wait."
            pause = self._turn_seconds * (waiting / self.info.slots)
            raise Failure(FailureKind.QUEUE_FULL, msg, retry_after=max(1.0, pause))

    def _cancel(self, request_id: int) -> None:
        worker = self._supervisor.worker
        if self._forget(request_id) and worker is not None:
            worker.send(Cancel(request_id))
            self.totals.ends["cancelled"] += 1
            _log.info("request %d: cancelled", request_id)

    def _hand_out(self, answer: Answer) -> None:
        """Put an answer into its requests' streams. For requests cancelled meanwhile it is lost."""
        if isinstance(answer, Step):
            self._hand_out_step(answer)
            return
        stream = self._streams.get(answer.id)
        if stream is None:
            return
        match answer:
            case Accepted(_, tokens, ids):
                stream.accept(tokens, ids)
            case Refused(_, kind, text, param):
                self._forget(answer.id)
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
                self._forget(output.id)
                self._account(stream)

    def _account(self, stream: Stream) -> None:
        """Note a request's end."""
        finishes = stream.finishes
        self.totals.add(finishes)
        seconds = max(each.prompt_ms + each.decode_ms for each in finishes) / 1e3
        self._turn_seconds += _NEWEST * (seconds - self._turn_seconds)
        _log.info(
            "request %d: %d tokens in %.2f s, prompt %d (cached %d), %s",
            stream.id,
            sum(each.completion_tokens for each in finishes),
            seconds,
            finishes[0].prompt_tokens,
            min(each.cached_tokens for each in finishes),
            "/".join(sorted({each.reason.value for each in finishes})),
        )

    def _forget(self, request_id: int) -> bool:
        """Have no more to do with a request; False where that was so already."""
        stream = self._streams.pop(request_id, None)
        if not self._streams:
            self._idle.set()
        if stream is not None and stream.deadline is not None:
            stream.deadline.cancel()
        return stream is not None

    def _expire(self, stream: Stream) -> None:
        self._cancel(stream.id)
        msg = f"The answer took longer than {self._request_seconds:g} seconds."
        stream.fail(Failure(FailureKind.TIMEOUT, msg))

    def _on_death(self) -> None:
        msg = "The worker process died while it served this request; the next one is served again."
        self._fail_all(FailureKind.WORKER_DIED, msg)

    def _fail_all(self, kind: FailureKind, text: str) -> None:
        self.totals.ends[kind.value] += len(self._streams)
        for stream in list(self._streams.values()):
            self._forget(stream.id)
            stream.fail(Failure(kind, text))
