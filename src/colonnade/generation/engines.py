"""Several workers of one model as one engine: each request goes to one of them.

They share its weights, as pages of a mapped file, and nothing else: a request goes to the one that
has read its beginning, unless another one is sooner done (``routing``). When one dies its requests
fail, and the others serve on.
"""

from __future__ import annotations

import asyncio
import time
from array import array
from typing import TYPE_CHECKING, Protocol

import msgspec

from colonnade.engine import Bounds, Engine, LoadError, start_engine
from colonnade.engine.front import Common
from colonnade.generation.routing import Chain, Member, Routes
from colonnade.messages import Failure, FailureKind, MediaPart, TextPart, Urgency

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from colonnade.engine import AnyEngine, KeptStates, Stream
    from colonnade.engine.totals import Totals
    from colonnade.messages import (
        AdapterSet,
        Decoding,
        LoadModel,
        ModelInfo,
        Output,
        PromptPart,
        ThreadWait,
    )
    from colonnade.watch import About

_USUAL = Urgency()

_USUAL_BOUNDS = Bounds()

_LATELY = 32.0
"""Requests by which it is judged what an engine takes for one; earlier ones count for less."""

_TOKEN = 4.0
"""Bytes of a token, where no prompt has come yet."""

_ELSEWHERE = frozenset({FailureKind.QUEUE_FULL, FailureKind.MODEL_UNAVAILABLE})
"""Refusals that say nothing of the request: another engine may take it."""


class ServingEngine(Protocol):
    """What generates for a model, as generation and the doors use it: one worker or several."""

    @property
    def info(self) -> ModelInfo:
        """The loaded model. Its slots are those of all workers."""

    @property
    def members(self) -> tuple[AnyEngine, ...]:
        """The engines of one worker each that it is made of, whose numbers are counted."""

    @property
    def ready(self) -> bool:
        """Whether a worker is there to serve the next request."""

    @property
    def trouble(self) -> str:
        """Why no request would be served now; empty while there is a worker."""

    @property
    def thread_wait(self) -> ThreadWait | None:
        """How a worker's threads wait for each other, where it has chosen that."""

    @property
    def active(self) -> int:
        """Requests under way, those that wait included."""

    @property
    def waiting(self) -> int:
        """Requests that have no slot yet."""

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
    ) -> Stream:
        """See ``Engine.submit``."""

    def about(self, request_id: int) -> About | None:
        """What is known of the client's request that a request of the engine belongs to."""

    def check_room(self, client: str, urgency: Urgency) -> None:
        """See ``Engine.check_room``."""

    async def drained(self) -> None:
        """Wait until no request is under way."""

    async def close(self, why: Failure | None = None) -> None:
        """See ``Engine.close``."""

    async def retire(self, why: Failure | None = None) -> None:
        """See ``Engine.retire``."""


async def start_engines(
    load: LoadModel,
    *,
    bounds: Bounds = _USUAL_BOUNDS,
    on_progress: Callable[[float], None] = lambda _: None,
    kept: KeptStates | None = None,
    routes: Routes | None = None,
) -> ServingEngine:
    """Load a model for what its file is made for, in one worker or in several that generate; see
    ``start_engine`` and ``EngineGroup.start``.

    Raises:
        LoadError: the model could not be loaded.
    """
    if load.workers == 1:
        return await start_engine(load, bounds=bounds, on_progress=on_progress, kept=kept)
    return await EngineGroup.start(
        load, bounds=bounds, on_progress=on_progress, kept=kept, routes=routes
    )


class _Pace:
    """What an engine has taken for a request lately."""

    def __init__(self) -> None:
        self._seen = (0.0, 0.0, 0.0, 0.0)
        self._sums = [0.0, 0.0, 0.0, 0.0]

    def renew(self, totals: Totals) -> None:
        """Take in what it has done since."""
        now = (
            float(totals.prompt_tokens - totals.cached_tokens),
            totals.prompt_seconds,
            float(totals.requests),
            totals.prompt_seconds + totals.decode_seconds,
        )
        for place, (new, old) in enumerate(zip(now, self._seen, strict=True)):
            self._sums[place] += new - old
        self._seen = now
        if self._sums[2] > _LATELY:
            self._sums = [each * _LATELY / self._sums[2] for each in self._sums]

    @property
    def rate(self) -> float:
        """Tokens of prompts that it reads in a second; 0 where that is not known."""
        tokens, seconds, _, _ = self._sums
        return tokens / seconds if seconds else 0.0

    @property
    def turn(self) -> float:
        """Seconds that a request has a slot; 0 where that is not known."""
        _, _, requests, seconds = self._sums
        return seconds / requests if requests else 0.0


class EngineGroup:
    """Engines of one model, side by side. Make one with ``start``."""

    def __init__(self, engines: Sequence[Engine], routes: Routes, name: str) -> None:
        """``name``: by which the engines are told from those of other models in ``routes``."""
        self._name = name
        self._engines = {f"{name}/{number}": each for number, each in enumerate(engines)}
        self._routes = routes
        self._paces = {each: _Pace() for each in self._engines}
        self._pids = {each: engine.pid for each, engine in self._engines.items()}
        self._bytes = self._tokens = 0.0
        """Of prompts that came."""
        for each, engine in self._engines.items():
            if not engine.resumed:
                routes.forget(each)
        first = engines[0].info
        self._info = msgspec.structs.replace(
            first,
            slots=sum(each.info.slots for each in engines),
            memory=sum(each.info.memory for each in engines),
        )

    @classmethod
    async def start(
        cls,
        load: LoadModel,
        *,
        bounds: Bounds = _USUAL_BOUNDS,
        on_progress: Callable[[float], None] = lambda _: None,
        kept: KeptStates | None = None,
        routes: Routes | None = None,
    ) -> EngineGroup:
        """Load a model in as many workers as it says, side by side. What may be taken of the queue
        and of memory for states is divided between them; each has all slots. ``routes``: what is
        known of earlier prompts, where the model was here before; see ``Engine.start``.

        Raises:
            LoadError: the model could not be loaded.
        """
        count = load.workers
        load = msgspec.structs.replace(load, cache_size=load.cache_size // count)
        if load.huge_pages == "auto":  # weights of its own for each would be dearer than faster
            load = msgspec.structs.replace(load, huge_pages="off")
        bounds = bounds._replace(
            queue_size=-(-bounds.queue_size // count), queue_memory=bounds.queue_memory // count
        )
        common, progress = Common(), [0.0] * count

        async def start(number: int) -> Engine:
            def note(done: float) -> None:
                progress[number] = done
                on_progress(min(progress))

            return await Engine.start(
                load, bounds=bounds, on_progress=note, kept=kept, common=common, number=number
            )

        tasks = [asyncio.create_task(start(number)) for number in range(count)]
        try:
            engines = await asyncio.gather(*tasks)
        except BaseException:
            await _give_up(tasks)
            raise
        if not engines[0].info.decoder:
            await _give_up(tasks)
            msg = f"{load.path} is made for embeddings, which one worker makes: workers is {count}"
            raise LoadError(msg)
        name = engines[0].mark.hex() or load.path
        return cls(engines, Routes() if routes is None else routes, name)

    @property
    def info(self) -> ModelInfo:
        """See ``ServingEngine``."""
        return self._info

    @property
    def members(self) -> tuple[AnyEngine, ...]:
        """See ``ServingEngine``."""
        return tuple(self._engines.values())

    @property
    def ready(self) -> bool:
        """See ``ServingEngine``."""
        return any(each.ready for each in self._engines.values())

    @property
    def trouble(self) -> str:
        """See ``ServingEngine``."""
        return "" if self.ready else next(iter(self._engines.values())).trouble

    @property
    def thread_wait(self) -> ThreadWait | None:
        """See ``ServingEngine``. Of the first worker that has chosen."""
        found = (each.thread_wait for each in self._engines.values())
        return next((each for each in found if each is not None), None)

    @property
    def active(self) -> int:
        """See ``ServingEngine``."""
        return sum(each.active for each in self._engines.values())

    @property
    def waiting(self) -> int:
        """See ``ServingEngine``."""
        return sum(each.waiting for each in self._engines.values())

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
    ) -> Stream:
        """See ``Engine.submit``: of the engine that is likely to answer first, or of the next one
        where that has no room."""
        chain = Chain(self._name, repr(adapters))
        _add(chain, prompt)
        refusals: list[Failure] = []
        for choice in self._routes.rank(chain, self._stand(), time.monotonic()):
            answer = _Answer(chain, choice.id, self._routes)
            self._routes.note(chain, choice.id)  # now, for those who come beside it
            try:
                stream = await self._engines[choice.id].submit(
                    prompt,
                    decoding,
                    add_bos=add_bos,
                    infill_suffix=infill_suffix,
                    joining=joining,
                    client=client,
                    urgency=urgency,
                    adapters=adapters,
                    listener=answer,
                )
            except Failure as failure:
                if failure.kind not in _ELSEWHERE:
                    raise
                self._routes.refused(choice.id, time.monotonic())
                refusals.append(failure)
            else:
                self._bytes += chain.size
                self._tokens += stream.prompt_tokens
                return stream
        raise _soonest(refusals)

    def about(self, request_id: int) -> About | None:
        """See ``ServingEngine``. Numbers of requests are those of one engine alone."""
        found = (each.about(request_id) for each in self._engines.values())
        return next((each for each in found if each is not None), None)

    def check_room(self, client: str, urgency: Urgency) -> None:
        """See ``Engine.check_room``: none of them has room."""
        refusals: list[Failure] = []
        for engine in self._usable().values():
            try:
                engine.check_room(client, urgency)
            except Failure as failure:
                refusals.append(failure)
            else:
                return
        raise _soonest(refusals)

    async def drained(self) -> None:
        """See ``ServingEngine``."""
        while self.active:
            await asyncio.gather(*(each.drained() for each in self._engines.values()))

    async def close(self, why: Failure | None = None) -> None:
        """See ``Engine.close``."""
        for each in self._engines:
            self._routes.forget(each)
        await asyncio.gather(*(each.close(why) for each in self._engines.values()))

    async def retire(self, why: Failure | None = None) -> None:
        """See ``Engine.retire``."""
        await asyncio.gather(*(each.retire(why) for each in self._engines.values()))

    def _usable(self) -> dict[str, Engine]:
        """Those that have a worker; all where none has."""
        ready = {name: each for name, each in self._engines.items() if each.ready}
        return ready or self._engines

    def _stand(self) -> list[Member]:
        """How those stand that may be asked."""
        size = self._bytes / self._tokens if self._tokens else _TOKEN
        members = []
        for name, engine in self._usable().items():
            pace, pid = self._paces[name], engine.pid
            if pid != self._pids[name]:  # a successor knows nothing
                self._pids[name] = pid
                self._routes.forget(name)
            pace.renew(engine.totals)
            running = engine.active - engine.waiting
            slots, rate = engine.info.slots, pace.rate * size
            members.append(Member(name, slots, running, engine.waiting, rate, pace.turn))
        return members


class _Answer:
    """Hears an answer, which belongs to what its engine has read."""

    def __init__(self, chain: Chain, name: str, routes: Routes) -> None:
        self._chain, self._name, self._routes = chain, name, routes

    def __call__(self, output: Output) -> None:
        """Take what a step added."""
        if output.choice:  # the first one is enough to know the way back
            return
        self._chain.add(output.text.encode("utf-8", "surrogatepass"))
        if output.finish is not None:
            self._routes.note(self._chain, self._name)


def _add(chain: Chain, prompt: tuple[PromptPart, ...]) -> None:
    for part in prompt:
        if isinstance(part, TextPart):
            chain.add(part.text.encode("utf-8", "surrogatepass"))
        elif isinstance(part, MediaPart):
            chain.add(bytes.fromhex(part.digest))
        else:
            chain.add(array("q", part.ids).tobytes())


def _soonest(refusals: list[Failure]) -> Failure:
    """The one after which to come again first."""
    return min(refusals, key=lambda each: each.retry_after or 0.0)


async def _give_up(tasks: list[asyncio.Task[Engine]]) -> None:
    """End what was started beside one that failed."""
    for task in tasks:
        task.cancel()
    for found in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(found, Engine):
            await found.close()
