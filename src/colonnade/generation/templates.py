"""A model's chat template, which renders in processes of its own, where clients take turns.

A template is a program of whoever made the model's file, so it may take any time and memory. There
are two lanes, each with one process. What is short goes through the first, which gives it a moment;
what is long, or takes longer, goes to the second. All of it is talked over sockets on the event
loop: threads would have to wait for the interpreter's lock, which costs more than to render.
"""

from __future__ import annotations

import asyncio
import pickle
import signal
from typing import TYPE_CHECKING

from colonnade.generation.fair_queue import Turns
from colonnade.generation.template_process import EndedError, TemplateProcess
from colonnade.messages import Failure, FailureKind
from colonnade.prompt.renderer import Choice, Known, Late, Outcome, Refused, Studied
from colonnade.prompt.rendering import Rendered

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from colonnade.messages import ModelInfo
    from colonnade.prompt.rendering import Study, Wish

STUDY_SECONDS = 3.0
"""Of a processor, to find out what a template takes: thirty times what a large one needs."""
MOMENT = 0.25
RENDER_SECONDS = 10.0
"""Of a processor, for a prompt, in the first lane and in the second."""
_SHORT = 1 << 17
"""Bytes of a wish that the first lane takes."""
_FULL = "Too many conversations wait to be rendered."


class Template:
    """The template of one model. ``close`` ends the processes."""

    def __init__(
        self, first: TemplateProcess, known: bytes, start: Callable[[], Awaitable[TemplateProcess]]
    ) -> None:
        """``first`` is a process that is ready; ``start`` makes another one."""
        found: Known = pickle.loads(known)  # noqa: S301 - the study of a process of ours
        self.study: Study = found.study
        self._quick = _Lane(start, MOMENT, first)
        self._slow = _Lane(start, RENDER_SECONDS, kills=True)

    @classmethod
    async def start(
        cls,
        info: ModelInfo,
        *,
        override: str | None = None,
        hint: str = "",
        seconds: float = STUDY_SECONDS,
    ) -> Template:
        """Choose a model's template, as ``choose_template`` has it, and get it ready.

        Raises:
            Failure: as there; or the template takes too much time or memory.
        """
        process = await TemplateProcess.start()
        try:
            choice = Choice(info, override, hint)
            known = await _chosen(process, choice, seconds)
        except BaseException:
            await process.close()
            raise

        async def another() -> TemplateProcess:
            process = await TemplateProcess.start()
            try:
                await _chosen(process, choice._replace(known=known), seconds)
            except Failure as failure:  # of no request, for the template is known to be good
                await process.close()
                raise _not_started(failure) from failure
            except BaseException:
                await process.close()
                raise
            return process

        return cls(process, known, another)

    async def render(self, wish: Wish, client: str) -> Rendered:
        """Render a prompt in a client's turn. Who is cancelled takes the work along.

        Raises:
            Failure: the template refuses the messages, or takes too much time or memory on them;
                too many wait already.
        """
        try:
            order = pickle.dumps(wish, pickle.HIGHEST_PROTOCOL)
        except RecursionError as error:
            msg = "The messages are nested too deeply."
            raise Failure(FailureKind.INVALID_REQUEST, msg, param="messages") from error
        if len(order) <= _SHORT:
            outcome = await self._quick.ask(client, order)
            if not isinstance(outcome, Late):
                return _rendered(outcome)
        return _rendered(await self._slow.ask(client, order))

    async def close(self) -> None:
        """End the processes; what is under way fails."""
        await asyncio.gather(self._quick.close(), self._slow.close())


class _Lane:
    """One process, which does one order after the other, and those that wait for it."""

    def __init__(
        self,
        start: Callable[[], Awaitable[TemplateProcess]],
        seconds: float,
        process: TemplateProcess | None = None,
        *,
        kills: bool = False,
    ) -> None:
        """``seconds`` of a processor are what an order gets. ``kills``: a cancelled order's process
        is ended, for it might run on for long."""
        self._start = start
        self._seconds = seconds
        self._process = process
        self._kills = kills
        self._turns: Turns[asyncio.Future[None]] = Turns(512, 2048, _FULL)
        self._busy = False
        self._closed = False

    async def ask(self, client: str, order: bytes) -> Outcome:
        """Have an order done in a client's turn.

        Raises:
            Failure: too many wait already, or the process dies of the order.
        """
        try:
            return await self._asked(client, order)
        except EndedError as ended:
            if ended.code == -signal.SIGXCPU:
                return Late()
            if self._closed:
                raise _gone() from ended
        try:  # it may have been ended by whoever else, or for the sake of the order before
            return await self._asked(client, order)
        except EndedError as ended:
            msg = f"The chat template's process does not survive these messages: {ended}."
            raise Failure(FailureKind.TEMPLATE_REFUSED, msg, param="messages") from ended

    async def close(self) -> None:
        """End the process; whoever waits is told."""
        self._closed = True
        while (waiting := self._turns.take()) is not None:
            if not waiting.done():
                waiting.set_exception(_gone())
        if self._process is not None:
            await self._process.close()

    async def _asked(self, client: str, order: bytes) -> Outcome:
        await self._turn(client)
        try:
            process = await self._ready()
            outcome = process.ask(order, self._seconds)
        except BaseException:
            self._next()
            raise
        outcome.add_done_callback(self._over)
        try:
            await asyncio.wait((outcome,))
        except asyncio.CancelledError:
            if self._kills:
                process.kill()
            raise
        return outcome.result()

    def _over(self, outcome: asyncio.Future[Outcome]) -> None:
        if not outcome.cancelled():
            outcome.exception()  # it is known, though nobody may wait for it any more
        self._next()

    async def _turn(self, client: str) -> None:
        if self._closed:
            raise _gone()
        if not self._busy:
            self._busy = True
            return
        mine = asyncio.get_running_loop().create_future()
        self._turns.put(client, mine)
        try:
            await mine
        except asyncio.CancelledError:
            self._turns.discard(client, mine)
            # One that is cancelled itself was passed over, though it may be taken out already.
            if not mine.cancelled() and not self._closed:
                self._next()  # it was given already
            raise

    def _next(self) -> None:
        while (waiting := self._turns.take()) is not None:
            if not waiting.done():
                waiting.set_result(None)
                return
        self._busy = False

    async def _ready(self) -> TemplateProcess:
        if self._process is None or self._process.ended:
            self._process = None
            self._process = await self._start()
        if self._closed:
            self._process.kill()
            raise _gone()
        return self._process


async def _chosen(process: TemplateProcess, choice: Choice, seconds: float) -> bytes:
    """What a process finds out of a model's template. Raises ``Failure``."""
    try:
        outcome = await process.ask(pickle.dumps(choice, pickle.HIGHEST_PROTOCOL), seconds)
    except EndedError as ended:
        outcome = Late() if ended.code == -signal.SIGXCPU else _died(ended)
    if isinstance(outcome, Studied):
        return outcome.known
    if isinstance(outcome, Refused):
        raise Failure(outcome.kind, outcome.message, param=outcome.param)
    msg = "The chat template takes too long, whatever it is given."
    raise Failure(FailureKind.TEMPLATE_REFUSED, msg)


def _died(ended: EndedError) -> Refused:
    msg = f"The chat template cannot be used: {ended}."
    return Refused(FailureKind.TEMPLATE_REFUSED, msg)


def _rendered(outcome: Outcome) -> Rendered:
    if isinstance(outcome, Rendered):
        return outcome
    if isinstance(outcome, Refused):
        raise Failure(outcome.kind, outcome.message, param=outcome.param)
    msg = "The chat template takes too long on these messages."
    raise Failure(FailureKind.TEMPLATE_REFUSED, msg, param="messages")


def _not_started(why: Failure) -> Failure:
    msg = "The chat template's process could not be started again."
    kind = FailureKind.MODEL_UNAVAILABLE
    return Failure(kind, msg, retry_after=1.0, detail=f"{msg} {why.message}")


def _gone() -> Failure:
    return Failure(FailureKind.MODEL_UNAVAILABLE, "The model was unloaded.")
