"""Keeps a worker alive: starts it, follows what it says, replaces it when it dies."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from colonnade.engine.process import WorkerProcess
from colonnade.messages import (
    Accepted,
    LoadFailed,
    Loading,
    ModelInfo,
    PromptLogprobs,
    Ready,
    Refused,
    Step,
    ThreadWait,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from colonnade.messages import FromWorker, LoadModel

_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 30.0
_HEALTHY = 60.0
"""Seconds of life after which a worker's end does not count against its successor."""

_log = logging.getLogger(__name__)

Answer = Step | Accepted | Refused | PromptLogprobs
"""What a worker says of requests."""


class LoadError(Exception):
    """A model could not be loaded; the message is for the user."""


class Supervisor:
    """One worker after the other, all for the same model.

    After a death the next one starts after a pause, which grows while workers die young.
    """

    def __init__(
        self, load: LoadModel, on_answer: Callable[[Answer], None], on_death: Callable[[], None]
    ) -> None:
        self._load = load
        self._on_answer = on_answer
        self._on_death = on_death
        self._on_progress: Callable[[float], None] = lambda _: None
        self._task: asyncio.Task[None] | None = None
        self.worker: WorkerProcess | None = None
        """The worker, while one is ready."""
        self.thread_wait: ThreadWait | None = None
        """How the worker's threads wait for each other, where it chooses that."""
        self.pause = _FIRST_PAUSE
        """Seconds before the next one starts, when the worker dies."""

    async def start(self, on_progress: Callable[[float], None]) -> ModelInfo:
        """Start the first worker and wait until it is ready. ``on_progress`` gets 0 to 1.

        Raises:
            LoadError: the model could not be loaded.
        """
        self._on_progress = on_progress
        loaded: asyncio.Future[ModelInfo] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._supervise(loaded))
        try:
            return await loaded
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """End the worker and start no other."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _supervise(self, loaded: asyncio.Future[ModelInfo]) -> None:
        while True:
            began = time.monotonic()
            try:
                how = await self._live(loaded)
            except Exception as error:  # noqa: BLE001 - no process to be had, or it spoke nonsense
                _log.exception("the worker process failed")
                how = f"{type(error).__name__}: {error}"
            if not loaded.done():
                loaded.set_exception(LoadError(f"the worker process died: {how}"))
                return
            if time.monotonic() - began > _HEALTHY:
                self.pause = _FIRST_PAUSE
            _log.error("the worker process died (%s); starting another in %.1f s", how, self.pause)
            await asyncio.sleep(self.pause)
            self.pause = min(self.pause * 2, _LONGEST_PAUSE)

    async def _live(self, loaded: asyncio.Future[ModelInfo]) -> str:
        """One worker's life; returns how it ended."""
        worker = await WorkerProcess.start(self._load)
        try:
            await worker.follow(lambda message: self._take(message, worker, loaded))
        finally:  # the end may also be that nobody wants the worker any more
            self.worker = self.thread_wait = None
            worker.kill()
            how = await worker.wait()
            self._on_death()
        return how

    def _take(
        self, message: FromWorker, worker: WorkerProcess, loaded: asyncio.Future[ModelInfo]
    ) -> None:
        match message:
            case Loading(progress):
                self._on_progress(progress)
            case ThreadWait():
                self._note_wait(message)
            case Ready(info):
                self.worker = worker
                worker.loaded = True
                if not loaded.done():
                    loaded.set_result(info)
            case LoadFailed(text):
                if loaded.done():
                    _log.error("the model cannot be loaded again: %s", text)
                else:
                    loaded.set_exception(LoadError(text))
            case _:
                self._on_answer(message)

    def _note_wait(self, wait: ThreadWait) -> None:
        self.thread_wait = wait
        how = "spin for a moment before they sleep" if wait.spins else "sleep at once"
        _log.debug(
            "threads that wait for each other %s: %.1f ms a step with spinning, %.1f without",
            how,
            wait.spinning_ms,
            wait.asleep_ms,
        )
