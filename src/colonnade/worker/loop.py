"""The decode loop: plan, decode, draw, and one message that says it all."""

from __future__ import annotations

import time
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from colonnade.messages import (
    CacheShare,
    Cancel,
    FailureKind,
    Look,
    Part,
    Refused,
    Retire,
    Retired,
    Statistics,
    Step,
)
from colonnade.worker.answers import Answers
from colonnade.worker.encodings import Encoded, Encodings
from colonnade.worker.invariant import InvariantScheduler
from colonnade.worker.meter import Meter
from colonnade.worker.pacer import PrefillPacer
from colonnade.worker.ports import DecodeError
from colonnade.worker.pulse import Task, Work
from colonnade.worker.scheduler import Limits, Plan, Scheduler
from colonnade.worker.sequence import Request, Sequence
from colonnade.worker.speculation import Speculation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from colonnade.messages import AdapterSet, FromWorker
    from colonnade.worker.ports import Model, Projector
    from colonnade.worker.rows import Rows
    from colonnade.worker.speculation import Guesser
    from colonnade.worker.spinning import Spinning
    from colonnade.worker.states import Offer, StateCache

Command = Request | Cancel | Look | Retire | CacheShare | Encoded

_PATIENCE = 0.05
"""What part of a step's time masks may keep those waiting whose tokens are there."""

_A_WHILE = 0.005
"""Seconds."""

_NO_WORK = Work()

_EMBEDDINGS = 8
"""One part in so many of the memory for states is for embeddings of pictures and sounds."""


def keep_none(_offers: Iterable[Offer], _retire: Retire) -> Retired:
    """Keep no state beyond the worker's end."""
    return Retired(0, 0)


class Loop:
    """Generates for all requests at once. Runs in the worker's main thread."""

    def __init__(
        self,
        model: Model,
        send: Callable[[FromWorker], None],
        *,
        prefill_step_ms: float = 100.0,
        cache_size: int = 0,
        guesser: Guesser | None = None,
        spinning: Spinning | None = None,
        invariant_rows: int = 0,
        pulse: Task | None = None,
        work: Work = _NO_WORK,
        keep: Callable[[Iterable[Offer], Retire], Retired] = keep_none,
        projector: Projector | None = None,
        encoding: Task | None = None,
    ) -> None:
        """``cache_size``: bytes of host memory for the states of earlier prompts. ``guesser`` gives
        tokens to read ahead, where the model can forget the wrong ones. ``spinning`` decides how
        the model's threads wait, where that can be decided. ``invariant_rows``: keep to batches
        in which no row is rounded by its neighbours, made of so many rows; 0 does not. ``pulse``
        is told of each step, which may take what the ``work`` of its rows takes. ``keep`` keeps
        states for a later worker. ``projector`` makes embeddings of pictures and sounds, which
        ``encoding`` is told of."""
        self.commands: SimpleQueue[Command] = SimpleQueue()
        self._model = model
        self._send = send
        limits = Limits(
            model.slots, model.ctx_size, model.batch_size, model.max_outputs, cache_size
        )
        self._speculation = Speculation(guesser) if guesser and model.forgets else None
        self._scheduler = (
            InvariantScheduler(limits, model, invariant_rows, tell=self._tell)
            if invariant_rows
            else Scheduler(limits, model, self._speculation, tell=self._tell)
        )
        self._spinning = spinning
        self._pacer = PrefillPacer(prefill_step_ms, model.batch_size)
        self._pulse = pulse or Task("a step of the model")
        self._work = work
        self._meter = Meter()
        self._answers = Answers(model, send, self._end, self._give_up, self._meter)
        self._requests: dict[int, Request] = {}
        self._adapters: AdapterSet = ()
        """Of the latest step."""
        self._keep = keep
        self._encodings = (
            None
            if projector is None
            else Encodings(
                projector,
                cache_size // _EMBEDDINGS,
                self.commands.put,
                encoding or Task("encoding a picture or a sound"),
            )
        )
        self._stands = False
        """Nothing is to be done until something comes in."""

    @property
    def idle(self) -> bool:
        """Nothing runs and nothing waits."""
        return self._scheduler.idle

    @property
    def states(self) -> StateCache:
        """The states that are kept beside the slots."""
        return self._scheduler.states

    @property
    def _tries_waits(self) -> bool:
        """The step says nothing of others: its threads wait in another way, to try it."""
        return self._spinning is not None and self._spinning.trying

    def run(self) -> None:
        """Step while there is work, sleep while there is none; for ever."""
        while True:
            self._take_commands()
            self._pulse.begin()
            self.step()
            self._pulse.end()

    def step(self) -> None:
        """Run one batch, if there is one, and send what came of it."""
        meter = self._meter
        meter.begin()
        plan = self._plan()
        while self._scheduler.failed:
            request, failure = self._scheduler.failed.pop()
            self._give_up(request, failure.kind, failure.message)
        if plan is None:
            self._draw_late()
            return
        if not plan.chunks:
            msg = "the plan is empty, although sequences run"
            raise RuntimeError(msg)
        meter.mark(Part.PLAN)
        self._pulse.allowed = self._work.seconds(plan.rows)
        began = time.perf_counter()
        for sequence in plan.started:
            sequence.started = began
        self._answers.begin(plan)
        changes = self._use(plan.adapters)
        telling = not changes and not self._tries_waits
        try:
            logits = self._model.decode(plan.chunks)
        except DecodeError as error:
            self._fail(plan, str(error))
            return
        meter.mark(Part.DECODE)
        self._scheduler.applied(plan, time.perf_counter() - began)
        meter.mark(Part.PLAN)
        now = time.perf_counter()
        if (plan.prefill_tokens or plan.width == 1) and telling:
            # with prefill, each sequence that decodes has one token: others would mislead
            self._pacer.observe(plan.prefill_tokens, now - began, decoding=plan.decoding)
        ready = self._answers.draw(plan, logits, now, _PATIENCE * (now - began))
        self._learn(plan, ready, began, telling=telling)
        meter.mark(Part.PLAN)
        outputs = self._answers.take()
        if outputs:
            self._send(Step(outputs))
        meter.mark(Part.SEND)
        meter.end(sum([len(chunk.tokens) for chunk in plan.chunks]))
        self._watch_waits(0 if changes else plan.rows, now - began, now)

    def _use(self, adapters: AdapterSet) -> bool:
        """Have the next step computed with these adapters. Returns whether that is a change, for
        which the step takes longer than others of its rows."""
        changed = adapters != self._adapters
        if changed:
            self._model.use(adapters)
            self._adapters = adapters
        return changed

    def _plan(self) -> Plan | None:
        """The next batch; sees to it that pictures are encoded which sequences come to."""
        plan = self._scheduler.plan(self._pacer.budget)
        if self._encodings is None:
            return plan
        for request, failure in self._encodings.collect():
            self._give_up(request, failure.kind, failure.message)
        coming = [each for each in self._scheduler.running if each.media]
        for sequence in coming:
            if sequence.media[0].rows is None:
                self._encodings.want(sequence.request, sequence.media[0])
        if plan is None and any(each.lacks is None for each in coming):
            plan = self._scheduler.plan(self._pacer.budget)
        self._stands = plan is None and not self._answers.waiting and self._encodings.pending
        return plan

    def _tell(self, request: Request) -> None:
        """Say that a request begins, before anything is done for it: the process may die of it."""
        self._send(Step((), (request.id,)))

    def _draw_late(self) -> None:
        """Nothing is to be read. Where that is because masks are late, wait for one of them, but
        not for so long that whoever comes would notice."""
        if not self._answers.waiting:
            return
        drawn = self._answers.draw_late(time.perf_counter(), _A_WHILE)
        if self._speculation is not None and drawn:
            self._speculation.follow(drawn)
        outputs = self._answers.take()
        if outputs:
            self._send(Step(outputs, ()))

    def _watch_waits(self, rows: int, seconds: float, now: float) -> None:
        """See whether the threads had better wait in another way: after a step's answers are out,
        since a change takes some time."""
        if self._spinning is None:
            return
        changed = self._spinning.observe(rows, seconds, now)
        if changed and self._speculation is not None:
            self._speculation.costs.forget()

    def _learn(self, plan: Plan, ready: list[Rows], began: float, *, telling: bool) -> None:
        """Forget guesses that did not come true, and see what came of the others. ``telling``: the
        step's time says something of others."""
        for rows in ready:
            if rows.draft is not None:
                self._scheduler.settle(rows)
        if self._speculation is not None:
            self._speculation.follow(ready)
            if plan.width and telling:
                self._speculation.time_step(plan.rows, time.perf_counter() - began)

    def _take_commands(self) -> None:
        """Obey everything that came in; wait for the first when there is nothing else to do."""
        wait = self.idle or self._stands
        while True:
            try:
                command = self.commands.get(block=wait)
            except Empty:
                return
            wait = False
            self.obey(command)

    def obey(self, command: Command) -> None:
        """Take one command."""
        match command:
            case Request():
                self._requests[command.id] = command
                self._scheduler.add(command)
            case Cancel(request_id):
                self._cancel(request_id)
            case Look():
                self._send(self._statistics())
            case Retire():
                for request_id in list(self._requests):
                    self._cancel(request_id)
                self._send(self._keep(self._scheduler.offers(), command))
            case CacheShare(most_bytes):
                self._scheduler.states.resize(most_bytes)
            case Encoded():
                pass  # the next plan sees to it

    def _statistics(self) -> Statistics:
        """What has been done since the last time, and how it stands."""
        meter, states, now = self._meter, self._scheduler.states, time.perf_counter()
        found = Statistics(
            seconds=tuple(meter.seconds),
            step_seconds=tuple(meter.steps.counts),
            step_tokens=tuple(meter.tokens.counts),
            tokens=int(meter.tokens.sum),
            cache_hits=states.take_hits(),
            cache_states=len(states),
            cache_bytes=states.size,
            slots=tuple([each.use(now) for each in self._scheduler.running]),
        )
        meter.clear()
        return found

    def _cancel(self, request_id: int) -> None:
        request = self._requests.pop(request_id, None)
        if request is not None:
            self._scheduler.remove(request)
            self._close(request)

    def _close(self, request: Request) -> None:
        request.close()
        if self._encodings is not None:
            self._encodings.forget(request)

    def _fail(self, plan: Plan, message: str) -> None:
        """Give up every request of a batch that failed; those that wait go on."""
        for request in {id(each.request): each.request for each in plan.sequences}.values():
            self._give_up(request, FailureKind.INTERNAL, message)
        self._scheduler.forget()
        if self._speculation is not None:
            self._speculation.give_up()

    def _give_up(self, request: Request, kind: FailureKind, message: str) -> None:
        self._cancel(request.id)
        self._send(Refused(request.id, kind, message))

    def _end(self, sequence: Sequence) -> None:
        """A sequence has said all: free what it held."""
        self._scheduler.release(sequence)
        sequence.sampler.close()
        request = sequence.request
        request.unfinished -= 1
        if not request.unfinished:
            del self._requests[request.id]
            self._close(request)
