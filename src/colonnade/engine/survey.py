"""Looks at model files without loading them, in a child process of its own.

What a file says of itself may be made to be expensive, and llama.cpp ends its process on some of
it: such an order fails, and the next one gets another process.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from collections import OrderedDict, deque
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import msgspec

from colonnade.engine.process import child_environment
from colonnade.engine.supervisor import LoadError
from colonnade.messages import (
    Described,
    DescribeOrder,
    FileFacts,
    Fit,
    FitOrder,
    FrameReader,
    FromSurvey,
    LoadModel,
    ToSurvey,
    Unfit,
    encode_frame,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_MODULE = "colonnade.worker.llama.survey"
_SECONDS = 60.0
"""Of the clock, after which a process that does not answer is ended: an order takes a second or two
of the largest files, more where a disk is slow."""
_IDLE_SECONDS = 20.0
"""After which a process that has nothing to do is ended."""
_CACHE = 4 << 20
"""Bytes of outcomes that are kept."""
_CHUNK = 1 << 18
_CHOSEN = ("ctx_size", "slots", "gpu_layers", "task")
_MATTERS_NOT = {
    "cache_size": 0,
    "prefill_step_ms": 1.0,
    "speculate": False,
    "max_grammar_size": 0,
    "max_grammar_depth": 0,
    "hang_seconds": 0.0,
    "choose_wait": False,
    "check_room": False,
    "memory": 0,
}
"""Fields of a load that do not change what it takes."""

_log = logging.getLogger(__name__)

Outcome = TypeVar("Outcome", Fit, Described)


class Surveyor:
    """Says what model files are and what they take. One order is done after the other, those of
    loads before those of lists. ``close`` ends the process."""

    def __init__(self, seconds: float = _SECONDS, idle_seconds: float = _IDLE_SECONDS) -> None:
        """``seconds`` of the clock are what an order gets; after ``idle_seconds`` without one the
        process ends."""
        self._seconds = seconds
        self._idle_seconds = idle_seconds
        self._child: _Child | None = None
        self._urgent: deque[_Job] = deque()
        self._others: deque[_Job] = deque()
        self._jobs: dict[bytes, _Job] = {}
        self._known = _Known(_CACHE)
        self._runner: asyncio.Task[None] | None = None
        self._idle: asyncio.TimerHandle | None = None
        self._closed = False

    @property
    def pid(self) -> int | None:
        """The process's id, None while there is none."""
        return None if self._child is None else self._child.pid

    async def fit(
        self,
        load: LoadModel,
        budget: int | None,
        gpu_budget: tuple[int, ...] | None = None,
    ) -> Fit:
        """Choose what a load leaves open, and say what the model takes then.

        ``budget``: bytes of the machine's memory that it may take in all, None for any number;
        ``gpu_budget``: of each GPU, None for most of what is free there.

        Raises:
            LoadError: it does not fit, with the sums, or the file is no model.
        """
        # Where nothing is chosen by it, what is known for one budget is known for all.
        chooses = load.ctx_size == 0 or load.slots == 0
        matters = msgspec.structs.replace(load, **_MATTERS_NOT)
        order = FitOrder(matters, budget if chooses else None, gpu_budget)
        found = await self._do(order, load.path, Fit, _files(load))
        if budget is not None and found.footprint.total > budget:
            raise LoadError(found.beyond(budget))
        chosen = {name: getattr(found.load, name) for name in _CHOSEN}
        return Fit(msgspec.structs.replace(load, **chosen), found.footprint)

    async def describe(self, path: Path | str) -> FileFacts:
        """Say what a file is, by its header alone.

        Raises:
            LoadError: it is no GGUF file, or is damaged.
        """
        found = await self._do(DescribeOrder(str(path)), str(path), Described, [Path(path)])
        return found.facts

    async def close(self) -> None:
        """End the process. What is under way fails."""
        self._closed = True
        self._stop_timer()
        if self._runner is not None:
            self._runner.cancel()
            await asyncio.gather(self._runner, return_exceptions=True)
        for job in list(self._jobs.values()):
            self._finish(job, Unfit("the server is shutting down"))
        await self._end_child()

    async def _do(
        self, order: ToSurvey, path: str, kind: type[Outcome], files: list[Path]
    ) -> Outcome:
        """Have an order done, unless its outcome is known."""
        key = encode_frame(order) + (await asyncio.to_thread(_identity, files)).encode()
        outcome = self._known.get(bytes(key))
        if outcome is None:
            outcome = await asyncio.shield(self._job(bytes(key), order).outcome)
        if isinstance(outcome, kind):
            return outcome
        text = outcome.text if isinstance(outcome, Unfit) else "its process spoke nonsense"
        raise LoadError(text if path in text else f"{path}: {text}")

    def _job(self, key: bytes, order: ToSurvey) -> _Job:
        """The job of an order: the same one for all who ask for it meanwhile."""
        job = self._jobs.get(key)
        if job is not None:
            return job
        job = self._jobs[key] = _Job(key, order, asyncio.get_running_loop().create_future())
        (self._urgent if isinstance(order, FitOrder) else self._others).append(job)
        if self._closed:
            self._finish(job, Unfit("the server is shutting down"))
        elif self._runner is None or self._runner.done():
            self._stop_timer()
            self._runner = asyncio.create_task(self._run())
        return job

    async def _run(self) -> None:
        """Do what there is to do."""
        while queue := self._urgent or self._others:
            job = queue.popleft()
            outcome = await self._outcome(job.order)
            if _holds(job.order, outcome):
                self._known.put(job.key, outcome)
            self._finish(job, outcome)
        loop = asyncio.get_running_loop()
        self._idle = loop.call_later(self._idle_seconds, self._end_idle)

    def _finish(self, job: _Job, outcome: FromSurvey) -> None:
        self._jobs.pop(job.key, None)
        if not job.outcome.done():
            job.outcome.set_result(outcome)

    async def _outcome(self, order: ToSurvey) -> FromSurvey:
        try:
            if self._child is not None and self._child.ended:  # while it had nothing to do
                await self._end_child()
            if self._child is None:
                self._child = await _Child.start()
            async with asyncio.timeout(self._seconds):
                return await self._child.ask(order)
        except TimeoutError:
            why = f"looking at it took longer than {self._seconds:g} seconds"
        except (OSError, EOFError, msgspec.DecodeError) as error:
            why = f"looking at it failed: {error}"
        words = await self._end_child()
        return Unfit(f"{why}{f' ({words})' if words else ''}")

    async def _end_child(self) -> str:
        """End the process; returns how it had ended before, if it had."""
        child, self._child = self._child, None
        return "" if child is None else await child.end()

    def _end_idle(self) -> None:
        if not self._jobs and not self._closed:
            self._runner = asyncio.create_task(self._end_quietly())

    async def _end_quietly(self) -> None:
        await self._end_child()
        if self._urgent or self._others:  # somebody came meanwhile
            await self._run()

    def _stop_timer(self) -> None:
        if self._idle is not None:
            self._idle.cancel()


class _Job(NamedTuple):
    """An order, and where its outcome is put."""

    key: bytes
    order: ToSurvey
    outcome: asyncio.Future[FromSurvey]


class _Known:
    """Outcomes by key; the ones unused for longest go first."""

    def __init__(self, most: int) -> None:
        """``most``: bytes of all."""
        self._most = most
        self._size = 0
        self._frames: OrderedDict[bytes, bytes] = OrderedDict()
        self._decoder: msgspec.msgpack.Decoder[FromSurvey] = msgspec.msgpack.Decoder(FromSurvey)

    def get(self, key: bytes) -> FromSurvey | None:
        """The outcome that was put there."""
        frame = self._frames.get(key)
        if frame is None:
            return None
        self._frames.move_to_end(key)
        return self._decoder.decode(frame)

    def put(self, key: bytes, outcome: FromSurvey) -> None:
        """Keep an outcome."""
        frame = msgspec.msgpack.encode(outcome)
        self._size += len(key) + len(frame) - len(self._frames.get(key, b""))
        self._frames[key] = frame
        while self._size > self._most:
            old, frame = self._frames.popitem(last=False)
            self._size -= len(old) + len(frame)


class _Child:
    """The process and the socket to it."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._process = process
        self._reader, self._writer = reader, writer
        self._frames: FrameReader[FromSurvey] = FrameReader(msgspec.msgpack.Decoder(FromSurvey))

    @classmethod
    async def start(cls) -> _Child:
        """Start a process."""
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    "-P",  # not from the current directory, whatever lies there
                    "-m",
                    _MODULE,
                    str(theirs.fileno()),
                    pass_fds=(theirs.fileno(),),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=asyncio.subprocess.DEVNULL,
                    stderr=asyncio.subprocess.DEVNULL,
                    start_new_session=True,  # a terminal's Ctrl-C is for the server process alone
                    env=child_environment(os.environ),
                )
            except BaseException:
                ours.close()
                raise
        return cls(process, *await asyncio.open_connection(sock=ours))

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    @property
    def ended(self) -> bool:
        """Whether the process has come to its end."""
        return self._process.returncode is not None

    async def ask(self, order: ToSurvey) -> FromSurvey:
        """Have an order done.

        Raises:
            EOFError, OSError: the process came to its end.
        """
        self._writer.write(encode_frame(order))
        while data := await self._reader.read(_CHUNK):
            if outcomes := list(self._frames.feed(data)):
                return outcomes[0]
        msg = "its process ended"
        raise EOFError(msg)

    async def end(self) -> str:
        """End the process, unless it has; returns how it had."""
        with contextlib.suppress(TimeoutError):  # the socket's end comes before the process's
            async with asyncio.timeout(0.1):
                await self._process.wait()
        code = self._process.returncode
        if code is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()
        if code is None:
            return ""
        return signal.Signals(-code).name if code < 0 else f"exit code {code}"


def _files(load: LoadModel) -> list[Path]:
    """The files that a load names."""
    adapters = *(path for path, _ in load.tuning.lora or ()), *(path for _, path in load.adapters)
    files = load.path, load.draft_path, load.projector_path, *adapters
    return [Path(each) for each in files if each]


def _identity(files: list[Path]) -> str:
    """What changes when a file does."""
    return "\0".join(_identities(files))


def _identities(files: list[Path]) -> Iterator[str]:
    for file in files:
        try:
            found = file.stat()
        except OSError as error:
            yield f"{file}: {error.errno}"
        else:
            yield f"{file}: {found.st_size} {found.st_mtime_ns} {found.st_ino}"


def _holds(order: ToSurvey, outcome: FromSurvey) -> bool:
    """Whether an outcome holds as long as the file does: not where it is about what is free on GPUs
    now, and not where looking failed."""
    if isinstance(outcome, Unfit):
        return False
    asks = isinstance(order, FitOrder) and order.load.gpu_layers < 0 and order.gpu_budget is None
    return not (asks and isinstance(outcome, Fit) and outcome.footprint.gpus)
