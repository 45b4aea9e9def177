"""The decode loop: plan, run, apply, and one message that says it all."""

from __future__ import annotations

import time
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from colonnade.messages import (
    Cancel,
    Failure,
    FailureKind,
    FinishReason,
    Output,
    PromptLogprobs,
    Refused,
    Step,
    TokenLogprob,
)
from colonnade.worker.logprobs import log_softmax, token_logprob
from colonnade.worker.pacer import PrefillPacer
from colonnade.worker.ports import DecodeError, Draw
from colonnade.worker.rows import Rows
from colonnade.worker.scheduler import Limits, Plan, Scheduler
from colonnade.worker.sequence import Request, Sequence
from colonnade.worker.speculation import Speculation

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from colonnade.messages import Decoding, Finish, FromWorker
    from colonnade.worker.ports import Chunk, Model
    from colonnade.worker.speculation import Guesser

Command = Request | Cancel


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
    ) -> None:
        """``cache_size``: bytes of host memory for the states of earlier prompts. ``guesser`` gives
        tokens to read ahead, where the model can forget the wrong ones."""
        self.commands: SimpleQueue[Command] = SimpleQueue()
        self._model = model
        self._send = send
        limits = Limits(
            model.slots, model.ctx_size, model.batch_size, model.max_outputs, cache_size
        )
        self._speculation = Speculation(guesser) if guesser and model.forgets else None
        self._scheduler = Scheduler(limits, model, self._speculation)
        self._pacer = PrefillPacer(prefill_step_ms, model.batch_size)
        self._requests: dict[int, Request] = {}
        self._outputs: list[Output] = []

    @property
    def idle(self) -> bool:
        """Nothing runs and nothing waits."""
        return self._scheduler.idle

    def run(self) -> None:
        """Step while there is work, sleep while there is none; for ever."""
        while True:
            self._take_commands()
            self.step()

    def step(self) -> None:
        """Run one batch, if there is one, and send what came of it."""
        plan = self._scheduler.plan(self._pacer.budget)
        if plan is None:
            return
        if not plan.chunks:
            msg = "the plan is empty, although sequences run"
            raise RuntimeError(msg)
        now = time.perf_counter()
        for sequence in plan.started:
            sequence.started = now
        started = tuple(each.request.id for each in plan.started if each.choice == 0)
        try:
            rows = self._model.decode(plan.chunks)
        except DecodeError as error:
            self._fail(plan, started, str(error))
            return
        self._scheduler.applied(plan)
        finished = time.perf_counter()
        if plan.prefill_tokens or all(len(chunk.tokens) == 1 for chunk in plan.chunks):
            # with prefill, each sequence that decodes has one token: others would mislead
            self._pacer.observe(plan.prefill_tokens, finished - now, decoding=plan.decoding)
        self._apply(plan, rows, finished)
        if self._speculation is not None and not plan.prefill_tokens:
            self._speculation.time_step(plan.chunks, time.perf_counter() - now)
        if self._outputs or started:
            self._send(Step(tuple(self._outputs), started))
            self._outputs.clear()

    def _take_commands(self) -> None:
        """Obey everything that came in; wait for the first when there is nothing else to do."""
        wait = self.idle
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

    def _cancel(self, request_id: int) -> None:
        request = self._requests.pop(request_id, None)
        if request is not None:
            self._scheduler.remove(request)
            request.close()

    def _fail(self, plan: Plan, started: tuple[int, ...], message: str) -> None:
        """Give up every request of a batch that failed; those that wait go on."""
        if started:
            self._send(Step((), started))
        for request in {id(each.request): each.request for each in plan.sequences}.values():
            self._give_up(request, FailureKind.INTERNAL, message)
        self._scheduler.forget()

    def _give_up(self, request: Request, kind: FailureKind, message: str) -> None:
        self._cancel(request.id)
        self._send(Refused(request.id, kind, message))

    def _apply(self, plan: Plan, logits: NDArray[np.float32], now: float) -> None:
        """Draw the next tokens from each chunk's logits, and note what they add."""
        ready = self._rows(plan, logits, now)
        going_on = ready
        while going_on:
            self._draw(going_on, now)
            going_on = [rows for rows in going_on if rows.walk()]
        for rows in ready:
            if rows.read:
                self._scheduler.settle(rows)
        if self._speculation is not None:
            self._speculation.follow(ready)

    def _rows(self, plan: Plan, logits: NDArray[np.float32], now: float) -> list[Rows]:
        """The rows of those whose next token is to be drawn."""
        ready: list[Rows] = []
        row = index = 0
        for sequence, chunk in zip(plan.sequences, plan.chunks, strict=True):
            index += len(chunk.tokens)
            if not chunk.outputs:
                continue
            first, row = row, row + chunk.outputs
            if sequence.request.decoding.prompt_logprobs is not None:
                self._note_prompt(sequence, chunk, logits[first:row])
            if sequence.slot < 0 or sequence.position != len(sequence.tokens):
                continue
            if sequence.first_token is None:
                sequence.first_token = now
                self._begin(sequence, now)
            if sequence.slot >= 0:  # else it has ended with what was certain
                count = 1 + len(sequence.draft) + sequence.filler
                ready.append(Rows(sequence, logits[row - count : row], index - count))
        return ready

    def _begin(self, sequence: Sequence, now: float) -> None:
        """Say what was certain before the first draw, and has been read with the prompt."""
        certain = sequence.tokens[len(sequence.request.prompt) :]
        if certain:
            del sequence.tokens[len(sequence.request.prompt) :]
            self._accept(sequence, certain)
            self._advance(sequence, certain, None, now)
        elif len(sequence.tokens) >= sequence.limit:  # nothing was to be generated at all
            self._end(sequence, "", FinishReason.LENGTH, now)

    def _draw(self, ready: list[Rows], now: float) -> None:
        """Draw a token from the next row of each, all together."""
        masks = [self._mask(rows.sequence) for rows in ready]
        # of a request that was given up just now, the samplers are gone
        alive = [(rows, mask) for rows, mask in zip(ready, masks, strict=True) if _runs(rows)]
        draws = [Draw(rows.sequence.sampler, rows.logits, rows.place, mask) for rows, mask in alive]
        # drawing may change the rows, and the log probabilities are of those that the model made
        logprobs = [
            None if rows.sequence.request.decoding.logprobs is None else log_softmax(rows.logits)
            for rows, _ in alive
        ]
        tokens = self._model.draw(draws)
        for (rows, _), token, row in zip(alive, tokens, logprobs, strict=True):
            if _runs(rows):  # else another choice of its request has failed just now
                self._take(rows.sequence, token, row, now)

    def _mask(self, sequence: Sequence) -> NDArray[np.uint8] | None:
        """Which tokens its guide allows; gives the request up where that cannot be said."""
        if sequence.guide is None or sequence.slot < 0:
            return None
        try:
            return sequence.guide.mask()
        except Failure as failure:
            self._give_up(sequence.request, failure.kind, failure.message)
            return None

    def _take(
        self, sequence: Sequence, token: int, logprobs: NDArray[np.float32] | None, now: float
    ) -> None:
        """Go on with a drawn token, and with those that it settles."""
        tokens = [token]
        if sequence.guide is not None:
            try:
                tokens = sequence.guide.take(token)
            except Failure as failure:
                self._give_up(sequence.request, failure.kind, failure.message)
                return
            self._accept(sequence, tokens[1:] if tokens[:1] == [token] else tokens)
        self._advance(sequence, tokens, logprobs, now)

    def _accept(self, sequence: Sequence, tokens: list[int]) -> None:
        for token in tokens:
            sequence.sampler.accept(token)

    def _advance(
        self,
        sequence: Sequence,
        tokens: list[int],
        logprobs: NDArray[np.float32] | None,
        now: float,
    ) -> None:
        """Note what tokens add to their sequence."""
        decoding = sequence.request.decoding
        stream = sequence.text
        said = ""
        if sequence.guide is not None and sequence.guide.owes:
            said = stream.let_go()
        for number, token in enumerate(tokens, 1):
            sequence.tokens.append(token)
            sequence.unsaid += 1
            if self._model.is_end(token) and not decoding.ignore_eos:
                self._end(sequence, said + stream.flush(), FinishReason.STOP, now)
                return
            begin = stream.received
            said += stream.push(self._spell(decoding, token))
            if logprobs is not None and decoding.logprobs is not None:
                entry = token_logprob(logprobs, token, decoding.logprobs, self._model.name)
                sequence.pending_logprobs.append((begin, entry))
            if stream.stopped_by is not None:
                self._end(sequence, said, FinishReason.STOP, now)
                return
            if number == len(tokens) and sequence.complete:
                self._end(sequence, said + stream.flush(), FinishReason.STOP, now)
                return
            if len(sequence.tokens) >= sequence.limit:
                self._end(sequence, said + stream.flush(), FinishReason.LENGTH, now)
                return
        if said:
            self._say(sequence, said, _released(sequence, stream.released))

    def _spell(self, decoding: Decoding, token: int) -> bytes:
        """What a token adds to the text."""
        model = self._model
        return model.name(token) if token in decoding.shown else model.piece(token)

    def _end(self, sequence: Sequence, text: str, reason: FinishReason, now: float) -> None:
        stream = sequence.text
        cut = stream.received + 1 if stream.stopped_by is None else stream.released
        entries = _released(sequence, cut)
        finish = sequence.finish(reason, now)
        request = sequence.request
        self._say(sequence, text, entries, finish)
        self._scheduler.release(sequence)
        sequence.sampler.close()
        request.unfinished -= 1
        if not request.unfinished:
            del self._requests[request.id]
            request.close()

    def _say(
        self,
        sequence: Sequence,
        text: str,
        entries: tuple[TokenLogprob, ...],
        finish: Finish | None = None,
    ) -> None:
        request_id, choice, tokens = sequence.request.id, sequence.choice, sequence.unsaid
        self._outputs.append(Output(request_id, choice, text, entries, finish, tokens))
        sequence.unsaid = 0

    def _note_prompt(self, sequence: Sequence, chunk: Chunk, rows: NDArray[np.float32]) -> None:
        """Collect the log probabilities of a prompt's tokens; sends them once all are there."""
        request = sequence.request
        top = request.decoding.prompt_logprobs
        if top is None or sequence.choice > 0 or chunk.position >= len(request.prompt):
            return
        name = self._model.name
        found = request.prompt_logprobs
        if not found:
            found.append(_unconditional(request.prompt[0], name))
        for offset, row in enumerate(rows, chunk.position + 1):
            if offset < len(request.prompt):
                found.append(token_logprob(log_softmax(row), request.prompt[offset], top, name))
        if len(found) == len(request.prompt) and sequence.prompt_is_read:
            self._send(PromptLogprobs(request.id, tuple(found)))


def _runs(rows: Rows) -> bool:
    return rows.sequence.slot >= 0


def _unconditional(token: int, name: Callable[[int], bytes]) -> TokenLogprob:
    """The entry of a prompt's first token, which nothing precedes."""
    return TokenLogprob(token, name(token), None)


def _released(sequence: Sequence, until: int) -> tuple[TokenLogprob, ...]:
    """Take the entries of tokens whose text begins before character ``until``."""
    pending = sequence.pending_logprobs
    if not pending:
        return ()
    count = sum(1 for begin, _ in pending if begin < until)
    entries = tuple(entry for _, entry in pending[:count])
    del pending[:count]
    return entries
