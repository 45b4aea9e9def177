"""An engine: one model, and the requests that its worker works on."""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from typing import TYPE_CHECKING

from colonnade.engine.backlog import Backlog, Bounds, Entry
from colonnade.engine.latencies import Latencies
from colonnade.engine.observation import Observation
from colonnade.engine.stream import Stream
from colonnade.engine.supervisor import Supervisor
from colonnade.engine.suspects import Suspects, deadly
from colonnade.engine.totals import Totals
from colonnade.messages import (
    Accepted,
    Cancel,
    Failure,
    FailureKind,
    LogLine,
    ModelInfo,
    PromptLogprobs,
    Refused,
    Statistics,
    Step,
    Submit,
    Urgency,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from colonnade.engine.process import WorkerProcess
    from colonnade.engine.supervisor import Answer
    from colonnade.messages import Decoding, LoadModel, PromptPart, ThreadWait
    from colonnade.watch import About

_PATIENCE = 10.0
"""Seconds that a request waits for a worker's successor, where that loads in half of them."""

_USUAL = Urgency()

_USUAL_BOUNDS = Bounds()

_log = logging.getLogger(__name__)


class Engine:
    """Submits requests to a worker and hands out what comes back.

    When the worker dies its requests fail, and the next ones are served by its successor. Make
    one with ``start``.
    """

    def __init__(self, load: LoadModel, bounds: Bounds) -> None:
        self._bounds = bounds
        self._backlog = Backlog(load.slots, bounds.queue_size, bounds.queue_memory)
        self._ids = itertools.count(1)
        self._streams: dict[int, Stream] = {}
        self._supervisor = Supervisor(load, self._hand_out, self._on_death)
        self._suspects = Suspects()
        self._coming = 0
        """Requests that wait for a worker to be there."""
        self._info: ModelInfo | None = None
        self._closed: Failure | None = None
        """What requests are told, once the engine is closed."""
        self.totals = Totals()
        self.latencies = Latencies()
        self.observation = Observation()
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def thread_wait(self) -> ThreadWait | None:
        """How the worker's threads wait for each other, where it has chosen that."""
        return self._supervisor.thread_wait

    @classmethod
    async def start(
        cls,
        load: LoadModel,
        *,
        bounds: Bounds = _USUAL_BOUNDS,
        on_progress: Callable[[float], None] = lambda _: None,
    ) -> Engine:
        """Load a model in a worker process. ``on_progress`` gets 0 to 1.

        Raises:
            LoadError: the model could not be loaded.
        """
        engine = cls(load, bounds)
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
    def trouble(self) -> str:
        """Why no request would be served now; empty while there is a worker."""
        return self._supervisor.trouble

    @property
    def restarts(self) -> int:
        """Workers that were started in the place of one that died."""
        return self._supervisor.restarts

    @property
    def active(self) -> int:
        """Requests under way, those that wait included."""
        return len(self._streams)

    @property
    def waiting(self) -> int:
        """Requests that have no slot yet. One of several prompts counts once."""
        return self._backlog.waiting

    @property
    def waiting_size(self) -> int:
        """Bytes that requests take which have no slot yet, about."""
        return self._backlog.waiting_size

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
        request_id = next(self._ids)
        entry = Entry.of(prompt, decoding, client, urgency, joining=joining)
        submit = Submit(request_id, prompt, decoding, add_bos, infill_suffix, client, urgency)
        digest = await self._suspects.admit(submit)
        try:
            worker = await self._worker()
            if not joining:
                self._backlog.check(client, entry.tier, entry.size)
        except BaseException:
            self._suspects.left(request_id)
            raise
        stream = Stream(request_id, decoding.n, self._cancel, joining=joining)
        stream.submit, stream.digest = submit, digest
        self._suspects.watch(stream)
        self._streams[stream.id] = stream
        self._backlog.add(stream.id, entry)
        self._idle.clear()
        self._set_deadlines(stream)
        try:
            worker.send(submit)
            await stream.accepted
        except BaseException:
            await stream.aclose()
            raise
        return stream

    def about(self, request_id: int) -> About | None:
        """What is known of the client's request that a request of the engine belongs to."""
        stream = self._streams.get(request_id)
        return None if stream is None else stream.about

    async def observe(self) -> Observation:
        """What the workers have done up to now, and how the present one stands."""
        worker = self._supervisor.worker
        if worker is not None:
            await self.observation.renew(worker.send)
        return self.observation

    def check_room(self, client: str, urgency: Urgency) -> None:
        """Refuse a request that ``submit`` would refuse for want of room, before any work is done
        for it.

        Raises:
            Failure: the queue is full.
        """
        self._backlog.check(client, urgency.tier)

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

    async def _worker(self) -> WorkerProcess:
        """The worker; one that is about to be ready is waited for.

        Raises:
            Failure: there is none, and there will be none soon.
        """
        supervisor = self._supervisor
        if self._closed is None and supervisor.worker is None and not supervisor.hopeless:
            await self._wait_for_worker()
        if self._closed is not None:
            raise Failure(self._closed.kind, self._closed.message)
        if supervisor.worker is not None:
            return supervisor.worker
        if supervisor.hopeless:
            raise Failure(FailureKind.MODEL_FAILED, supervisor.trouble)
        retry = supervisor.seconds_to_ready
        raise Failure(FailureKind.MODEL_UNAVAILABLE, supervisor.trouble, retry_after=retry)

    async def _wait_for_worker(self) -> None:
        """Wait for the next one, where that is a matter of seconds and few others do."""
        soon = self._supervisor.seconds_to_ready <= _PATIENCE / 2
        if not soon or self._coming > self._bounds.queue_size:
            return
        self._coming += 1
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._supervisor.settled()
        except TimeoutError:
            pass  # whoever asks is told
        finally:
            self._coming -= 1

    def _cancel(self, request_id: int) -> None:
        worker = self._supervisor.worker
        stream = self._forget(request_id)
        if stream is not None and worker is not None:
            worker.send(Cancel(request_id))
            self.totals.ends["cancelled"] += 1
            _log.info("request %d: cancelled", request_id, extra={"about": stream.about})

    def _hand_out(self, answer: Answer) -> None:
        """Put an answer into its requests' streams. For requests cancelled meanwhile it is lost."""
        if isinstance(answer, Step):
            self._hand_out_step(answer)
            return
        if isinstance(answer, LogLine):
            self._log_line(answer)
            return
        if isinstance(answer, Statistics):
            self.observation.add(answer)
            return
        stream = self._streams.get(answer.id)
        if stream is None:
            return
        match answer:
            case Accepted(_, tokens, ids):
                stream.accept(tokens, ids)
                self._backlog.accepted(stream.id, tokens)
            case Refused(_, kind, text, param):
                self._forget(answer.id)
                stream.fail(Failure(kind, text, param=param))
            case PromptLogprobs(_, logprobs):
                stream.prompt_logprobs = logprobs

    def _log_line(self, line: LogLine) -> None:
        """Put a line of the worker's into the log, with what is known of its request."""
        stream = self._streams.get(line.request)
        extra = {"about": None if stream is None else stream.about}
        logging.getLogger(line.logger).log(line.level, "%s", line.text, extra=extra)

    def _hand_out_step(self, step: Step) -> None:
        streams, now = self._streams, time.perf_counter()
        for request_id in step.started:
            if request_id in streams:
                self._start(streams[request_id])
        self._backlog.served([(each.id, each.tokens, each.finish) for each in step.outputs])
        for output in step.outputs:
            stream = streams.get(output.id)
            if stream is None:
                continue
            self.latencies.said(stream, output, now)
            stream.put(output)
            if stream.done:
                self._suspects.answered(stream)
                self._supervisor.served()
                self._forget(output.id)
                self._account(stream)

    def _account(self, stream: Stream) -> None:
        """Note a request's end."""
        finishes = stream.finishes
        self.totals.add(finishes)
        seconds = max(each.prompt_ms + each.decode_ms for each in finishes) / 1e3
        answered = stream.answered()
        self.latencies.answered(stream, answered)
        if stream.about is not None:
            stream.about.answers.append(answered)
        _log.info(
            "request %d: %d tokens in %.2f s, prompt %d (cached %d), %s",
            stream.id,
            answered.completion_tokens,
            seconds,
            answered.prompt_tokens,
            answered.cached_tokens,
            "/".join(answered.reasons),
            extra={"about": stream.about, "fields": answered.fields()},
        )

    def _forget(self, request_id: int) -> Stream | None:
        """Have no more to do with a request; None where that was so already."""
        stream = self._streams.pop(request_id, None)
        self._suspects.left(request_id)
        self._backlog.remove(request_id)
        if not self._streams:
            self._idle.set()
        if stream is not None:
            stream.forget_deadlines()
        return stream

    def _set_deadlines(self, stream: Stream) -> None:
        loop, bounds = asyncio.get_running_loop(), self._bounds
        if bounds.request_seconds:
            stream.deadline = loop.call_later(bounds.request_seconds, self._expire, stream)
        if bounds.queue_seconds and not stream.joining:
            stream.patience = loop.call_later(bounds.queue_seconds, self._wait_no_more, stream)

    def _start(self, stream: Stream) -> None:
        """Note that a request has a slot."""
        stream.started = True
        self._backlog.started(stream.id)
        if stream.patience is not None:
            stream.patience.cancel()

    def _expire(self, stream: Stream) -> None:
        self._cancel(stream.id)
        msg = f"The answer took longer than {self._bounds.request_seconds:g} seconds."
        stream.fail(Failure(FailureKind.TIMEOUT, msg))

    def _wait_no_more(self, stream: Stream) -> None:
        """Give up a request that has waited for too long."""
        seconds = self._backlog.seconds
        self._cancel(stream.id)
        msg = f"The server is busy: no slot became free in {self._bounds.queue_seconds:g} seconds."
        stream.fail(Failure(FailureKind.QUEUE_FULL, msg, retry_after=seconds))

    def _on_death(self, how: str) -> None:
        """A worker has died: its requests fail, and are remembered if it worked on them."""
        self.observation.worker_ended()
        worked_on = [each for each in self._streams.values() if each.worked_on]
        self._suspects.died(worked_on)
        for stream in worked_on:
            if self._suspects.refuses(stream):
                self._fail(stream, deadly())
        msg = f"The worker process died under this request ({how}); the next one is served again."
        self._fail_all(FailureKind.WORKER_DIED, msg)

    def _fail_all(self, kind: FailureKind, text: str) -> None:
        for stream in list(self._streams.values()):
            self._fail(stream, Failure(kind, text))

    def _fail(self, stream: Stream, failure: Failure) -> None:
        self.totals.ends[failure.kind.value] += 1
        self._forget(stream.id)
        stream.fail(failure)
