"""Keeps a worker alive: starts it, follows what it says, replaces it when it dies."""

from __future__ import annotations

import asyncio
import logging
import time
from contextvars import Context
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from colonnade.engine.process import End, WorkerProcess
from colonnade.engine.restarts import Restarts
from colonnade.messages import (
    Accepted,
    Alive,
    CacheShare,
    Embedded,
    LoadFailed,
    Loading,
    LogLine,
    ModelInfo,
    PromptLogprobs,
    Ready,
    Refused,
    Retire,
    Retired,
    Statistics,
    Step,
    Stuck,
    ThreadWait,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from colonnade.engine.kept import StatesFile
    from colonnade.messages import FromWorker, LoadModel

_SIGNS = 4
"""Looks for a sign of life in the time that a worker may be silent."""

_STARTING = 10
"""By how much longer a process that starts may be silent: its program has to be read, and some of
what is made ready keeps the interpreter's lock."""

_FIRST_GUESS = 2.0
"""Seconds that loading a model takes, before it is known."""

_COPYING = 5.0
"""Seconds that a worker has to write its states down, before it begins no other."""

_RETIRING = 15.0
"""Seconds after which it is ended without: the step that it is in may take some of them."""

_log = logging.getLogger(__name__)

T = TypeVar("T")

Answer = Step | Accepted | Refused | PromptLogprobs | Embedded | LogLine | Statistics
"""What a worker says of requests."""


class LoadError(Exception):
    """A model could not be loaded; the message is for the user."""


class Supervisor:
    """One worker after the other, all for the same model.

    A worker that dies, or of which nothing is heard, is replaced, at once or after a pause (see
    ``Restarts``).
    """

    def __init__(
        self,
        load: LoadModel,
        on_answer: Callable[[Answer], None],
        on_death: Callable[[str], None],
    ) -> None:
        """``on_death`` is told how the worker ended."""
        self._load = load
        self._kept: StatesFile | None = None
        """States of an earlier worker, until the first one has them."""
        self._retired: asyncio.Future[StatesFile | None] | None = None
        """What comes of asking the worker for its states."""
        self._closed = False
        self._on_answer = on_answer
        self._on_death = on_death
        self._on_progress: Callable[[float], None] = lambda _: None
        self._task: asyncio.Task[None] | None = None
        self.worker: WorkerProcess | None = None
        """The worker, while one is ready."""
        self.thread_wait: ThreadWait | None = None
        """How the worker's threads wait for each other, where it chooses that."""
        self.trouble = ""
        """Why there is no worker, for clients; empty while one is ready."""
        self.restarts = 0
        """Workers that were started in the place of one that died."""
        self._policy = Restarts(load.path)
        self._settled = asyncio.Event()
        """A worker is ready, or none will be."""
        self._served = False
        self._ready_at = 0.0
        self._due = 0.0
        """When the next worker starts, or was started."""
        self._load_seconds = _FIRST_GUESS

    def hand_over(
        self, on_answer: Callable[[Answer], None], on_death: Callable[[str], None]
    ) -> None:
        """Tell somebody else from here on what the worker answers, and how it ends."""
        self._on_answer, self._on_death = on_answer, on_death

    @property
    def hopeless(self) -> bool:
        """No other worker will be started."""
        return self._policy.hopeless

    @property
    def seconds_to_ready(self) -> float:
        """How long it takes until a worker is ready, as far as one can tell."""
        return max(0.1, self._due + self._load_seconds - time.monotonic())

    def served(self) -> None:
        """Note that the worker has finished a request."""
        self._served = True

    async def settled(self) -> None:
        """Wait until a worker is ready, or none will be."""
        await self._settled.wait()

    async def start(
        self, on_progress: Callable[[float], None], kept: StatesFile | None = None
    ) -> ModelInfo:
        """Start the first worker and wait until it is ready. ``on_progress`` gets 0 to 1. ``kept``:
        states of an earlier worker, closed once this one has them.

        Raises:
            LoadError: the model could not be loaded.
        """
        self._on_progress = on_progress
        self._kept = kept
        loaded: asyncio.Future[ModelInfo] = asyncio.get_running_loop().create_future()
        # In no request's context: what a worker does is not about the one that had it loaded.
        self._task = asyncio.create_task(self._supervise(loaded), context=Context())
        try:
            return await loaded
        except BaseException:
            await self.close()
            raise

    def share_cache(self, most_bytes: int) -> None:
        """Tell the worker, and each of its successors, how much it may keep of earlier prompts."""
        self._load = msgspec.structs.replace(self._load, cache_size=most_bytes >> 20)
        if self.worker is not None:
            self.worker.send(CacheShare(most_bytes))

    async def retire(self, most_bytes: int) -> StatesFile | None:
        """Ask the worker for its states, before it is ended; None where it has none, or does not
        answer in time. It serves nobody from here on."""
        worker = self.worker
        if worker is None or not most_bytes:
            return None
        self._retired = asyncio.get_running_loop().create_future()
        worker.send(Retire(most_bytes, _COPYING))
        try:
            async with asyncio.timeout(_RETIRING):
                return await self._retired
        except TimeoutError:
            _log.warning("the worker process did not hand its states over in %.0f s", _RETIRING)
            return None
        finally:
            self._retired = None

    async def close(self) -> None:
        """End the worker and start no other."""
        self._closed = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._settled.set()

    async def _supervise(self, loaded: asyncio.Future[ModelInfo]) -> None:
        while True:
            self._ready_at = 0.0
            self._served = False
            self._due = time.monotonic()
            try:
                end = await self._live(loaded)
            except Exception as error:  # noqa: BLE001 - no process to be had, or it spoke nonsense
                _log.exception("the worker process failed")
                end = End(f"{type(error).__name__}: {error}")
            if not loaded.done():
                msg = f"the worker process died of it: {end}"
                loaded.set_exception(LoadError(msg))
                return
            if self._closed:  # a task may miss that it is cancelled
                return
            self._count(end)
            if self.hopeless:
                self._settled.set()
                return
            self._due = time.monotonic() + self._policy.pause
            await asyncio.sleep(self._policy.pause)
            self.restarts += 1

    def _count(self, end: End) -> None:
        """Decide what comes of a worker's death, and say so."""
        policy = self._policy
        if self._ready_at:
            seconds = time.monotonic() - self._ready_at
            policy.was_ready(served=self._served, seconds=seconds)
            self.trouble = f"The model is being loaded again: its worker process died ({end.how})."
        else:
            policy.was_loading()
            self.trouble = f"The model is being loaded again, after a try that failed: {end.how}."
        if policy.hopeless:
            self.trouble = (
                f"The model could not be loaded again, {policy.unready} times in a row: {end.how}. "
                "Nothing tries any more."
            )
            _log.error(
                "the model could not be loaded again, %d times in a row; the last time: %s. "
                "No other worker is started: mend the file and load it, or restart the server.",
                policy.unready,
                end,
            )
            return
        _log.error("the worker process died (%s); starting another in %.1f s", end, policy.pause)

    async def _live(self, loaded: asyncio.Future[ModelInfo]) -> End:
        """One worker's life; returns how it ended."""
        worker = await WorkerProcess.start(self._load, self._kept)
        watch = asyncio.create_task(self._watch(worker))
        try:
            await worker.follow(lambda message: self._take(message, worker, loaded))
        finally:  # the end may also be that nobody wants the worker any more
            watch.cancel()
            self.worker = self.thread_wait = None
            self._settled.clear()
            worker.kill()
            end = await _whole(worker.wait())
            self._note_retired(worker)
            self._on_death(end.how)
        return end

    async def _watch(self, worker: WorkerProcess) -> None:
        """End a worker of which nothing is heard. Time in which this process itself stood still
        does not count."""
        limit = self._load.hang_seconds
        heard, silent = worker.heard, 0
        while limit:
            await asyncio.sleep(limit / _SIGNS)
            silent = silent + 1 if worker.heard == heard else 0
            heard = worker.heard
            most = _SIGNS * (1 if worker.loaded else _STARTING)
            if silent > most:
                worker.cause = f"it hung: nothing was heard of it for {silent * limit / _SIGNS:g} s"
                worker.kill()

    def _take(
        self, message: FromWorker, worker: WorkerProcess, loaded: asyncio.Future[ModelInfo]
    ) -> None:
        match message:
            case Alive():
                pass
            case Retired(_, states):
                self._note_retired(worker, states)
            case Stuck(what):
                worker.cause = f"it hung: {what}"
            case Loading(progress):
                self._on_progress(progress)
            case ThreadWait():
                self._note_wait(message)
            case Ready(info, load):
                self._note_ready(worker, load)
                if not loaded.done():
                    loaded.set_result(info)
            case LoadFailed(text):
                worker.cause = text.replace(self._load.path, Path(self._load.path).name)
                if not loaded.done():
                    loaded.set_exception(LoadError(text))
            case _:
                self._on_answer(message)

    def _note_ready(self, worker: WorkerProcess, load: LoadModel | None) -> None:
        self._ready_at = time.monotonic()
        self._load_seconds = self._ready_at - self._due
        self.trouble = ""
        # The next one is the same, whatever this one had to choose.
        self._load = msgspec.structs.replace(load or self._load, check_room=False)
        self.worker = worker
        worker.loaded = True
        if self._kept is not None:
            self._kept.close()  # the worker's now: what it drops is to be free
            self._kept = None
        self._settled.set()

    def _note_retired(self, worker: WorkerProcess, states: int = 0) -> None:
        """The worker has handed so many states over, or has ended."""
        if self._retired is not None and not self._retired.done():
            self._retired.set_result(worker.keep.move() if states else None)

    def _note_wait(self, wait: ThreadWait) -> None:
        self.thread_wait = wait
        how = "spin for a moment before they sleep" if wait.spins else "sleep at once"
        _log.debug(
            "threads that wait for each other %s: %.1f ms a step with spinning, %.1f without",
            how,
            wait.spinning_ms,
            wait.asleep_ms,
        )


async def _whole(ending: Coroutine[Any, Any, T]) -> T:
    """Wait for something that is to come to its end also where whoever waits is cancelled."""
    task = asyncio.ensure_future(ending)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait((task,))
        raise
