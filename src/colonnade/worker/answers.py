"""Answers: tokens drawn from the logits of a step, and what they add to each choice."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from colonnade.messages import Failure, FailureKind, FinishReason, Output, Part, PromptLogprobs
from colonnade.worker.logprobs import log_softmax, prompt_logprobs, token_logprob
from colonnade.worker.masks import Masks
from colonnade.worker.rows import Rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from colonnade.messages import Finish, FromWorker, TokenLogprob
    from colonnade.worker.guide import Guide
    from colonnade.worker.meter import Meter
    from colonnade.worker.ports import Chunk, Model
    from colonnade.worker.restraint import Restraint
    from colonnade.worker.scheduler import Plan
    from colonnade.worker.sequence import Request, Sequence


_NOTHING_LEFT = "Of the allowed tokens, none may be said at this place: the others forbid it."

_NO_LOGITS = np.empty((0, 0), dtype=np.float32)


class Answers:
    """Draws for all sequences of a step, and collects its outputs."""

    def __init__(
        self,
        model: Model,
        send: Callable[[FromWorker], None],
        end: Callable[[Sequence], None],
        give_up: Callable[[Request, FailureKind, str], None],
        meter: Meter,
    ) -> None:
        """``end`` frees what a sequence held that has said all, ``give_up`` drops a request.
        ``meter`` is told what has taken time."""
        self._meter = meter
        self._model = model
        self._pieces = model.pieces
        self._ends = model.ends
        self._send = send
        self._free = end
        self._give_up = give_up
        self._outputs: list[Output] = []
        self._masks = Masks()
        self._late: list[Rows] = []
        """Rows that are kept until their masks are there."""

    @property
    def waiting(self) -> bool:
        """Some sequences have a row of logits and no mask for it yet."""
        return bool(self._late)

    def take(self) -> tuple[Output, ...]:
        """What has been said since the last call."""
        outputs = tuple(self._outputs)
        self._outputs.clear()
        return outputs

    def begin(self, plan: Plan) -> None:
        """Let masks that may take long be computed while a plan is run."""
        for sequence in plan.sequences:
            if sequence.guide is not None:
                self._masks.begin(sequence)

    def draw(
        self, plan: Plan, logits: NDArray[np.float32], now: float, patience: float = 0.0
    ) -> list[Rows]:
        """Draw the next tokens from a plan's logits, and note what they add. Returns the rows of
        those that had one to draw. Masks that are late are waited for ``patience`` seconds, in all;
        whose mask is later keeps the row, and is not waited for again."""
        read = set(plan.sequences) if self._late else ()  # what was kept of them is old
        woken = [rows for rows in self._woken() if rows.sequence not in read]
        ready = [*woken, *self._ready(plan, logits, now)]
        self._meter.mark(Part.TEXT)
        late = self._draw_there(ready, logits, now)
        until = time.perf_counter() + patience
        while any(rows.apart is None for rows in late):  # the others were waited for before
            left = until - time.perf_counter()
            if left <= 0 or not self._masks.collect(left):
                break
            late = self._draw_there(late, logits, now)
        self._late += [rows.kept(logits) for rows in late if rows.sequence.slot >= 0]
        self._meter.mark(Part.MASKS)
        return ready

    def draw_late(self, now: float, patience: float) -> list[Rows]:
        """Draw from rows that were kept, when their masks are there; waits so many seconds for the
        first one. Returns the rows from which a token was drawn."""
        self._masks.collect(patience)
        woken = self._woken()
        late = self._draw_there(woken, _NO_LOGITS, now)
        self._late += late
        return [rows for rows in woken if rows not in late]

    def _woken(self) -> list[Rows]:
        """The rows that were kept, of sequences that still run."""
        self._masks.collect()
        kept, self._late = self._late, []
        return [rows for rows in kept if rows.sequence.slot >= 0]

    def _draw_there(self, ready: list[Rows], logits: NDArray[np.float32], now: float) -> list[Rows]:
        """Draw from the rows whose masks are there, as far as their drafts come true. Returns those
        whose masks are not."""
        late: list[Rows] = []
        going_on = ready
        while going_on:
            there: list[Rows] = []
            for rows in going_on:
                free = rows.sequence.guide is None
                (there if free or self._masks.is_there(rows.sequence) else late).append(rows)
            self._draw(there, logits, now)
            going_on = [rows for rows in there if rows.walk()]
        return late

    def _ready(self, plan: Plan, logits: NDArray[np.float32], now: float) -> list[Rows]:
        """The rows of those whose next token is to be drawn."""
        ready: list[Rows] = []
        row = 0
        for sequence, chunk in zip(plan.sequences, plan.chunks, strict=True):
            if sequence.request.decoding.progress and sequence.first_token is None:
                self._tell_progress(sequence, now)
            if not chunk.outputs:
                continue
            first, row = row, row + chunk.outputs
            if sequence.request.decoding.prompt_logprobs is not None:
                self._note_prompt(sequence, chunk, logits[first : row - chunk.filler])
            if sequence.slot < 0 or sequence.position != len(sequence.tokens):
                continue
            if sequence.first_token is None:
                self._begin(sequence, now)
                if sequence.slot < 0:  # it has ended with what was certain
                    continue
            ready.append(Rows(sequence, row - chunk.filler))
        return ready

    def _tell_progress(self, sequence: Sequence, now: float) -> None:
        """Say how much of a prompt is read; the first choice reads it for all."""
        if sequence.choice == 0:
            request = sequence.request
            read = min(sequence.position, len(request.prompt))
            so_far = sequence.finish(FinishReason.LENGTH, now)
            self._outputs.append(Output(request.id, 0, "", so_far=so_far, read=read))

    def _begin(self, sequence: Sequence, now: float) -> None:
        """Say what was certain before the first draw, and has been read with the prompt."""
        sequence.first_token = now
        certain = sequence.tokens[len(sequence.request.prompt) :]
        if certain:
            del sequence.tokens[len(sequence.request.prompt) :]
            self._accept(sequence, certain)
            self._advance(sequence, certain, None, now)
        elif len(sequence.tokens) >= sequence.limit:  # nothing was to be generated at all
            self._end(sequence, "", FinishReason.LENGTH, now)

    def _draw(self, ready: list[Rows], logits: NDArray[np.float32], now: float) -> None:
        """Draw a token from the next row of each, all together."""
        for rows in ready:
            sequence = rows.sequence
            if sequence.guide is not None and sequence.slot >= 0:
                rows.mask = self._mask(sequence, sequence.guide)
            if sequence.request.decoding.logprobs is not None:
                # drawing may change the row, and these are of what the model made
                rows.logprobs = log_softmax(rows.values(logits))
            if sequence.request.restraint is not None and sequence.slot >= 0:
                self._restrain(rows, sequence.request.restraint, rows.values(logits))
        # of a request that was given up just now, the samplers are gone
        alive = [rows for rows in ready if rows.sequence.slot >= 0]
        self._meter.mark(Part.MASKS)
        tokens = self._model.draw(alive)
        self._meter.mark(Part.DRAW)
        for rows, token in zip(alive, tokens, strict=True):
            sequence = rows.sequence
            if sequence.guide is None:
                self._advance(sequence, [token], rows.logprobs, now)
            elif sequence.slot >= 0:  # else another choice of its request has failed just now
                self._take(sequence, sequence.guide, token, rows.logprobs, now)
        self._meter.mark(Part.TEXT)

    def _restrain(self, rows: Rows, restraint: Restraint, row: NDArray[np.float32]) -> None:
        """Forbid what the request does; gives it up where that leaves nothing to say."""
        sequence = rows.sequence
        restraint.apply(row, sequence.tokens, len(sequence.request.prompt))
        if rows.mask is None:
            if restraint.leaves_nothing(row):
                request = sequence.request
                self._give_up(request, FailureKind.INVALID_REQUEST, _NOTHING_LEFT)
            rows.mask = restraint.mask

    def _mask(self, sequence: Sequence, guide: Guide) -> NDArray[np.uint8] | None:
        """Which tokens its guide allows; gives the request up where that cannot be said."""
        try:
            return self._masks.take(sequence, guide)
        except Failure as failure:
            self._give_up(sequence.request, failure.kind, failure.message)
            return None

    def _take(
        self,
        sequence: Sequence,
        guide: Guide,
        token: int,
        logprobs: NDArray[np.float32] | None,
        now: float,
    ) -> None:
        """Go on with a drawn token, and with those that it settles."""
        try:
            tokens = guide.take(token)
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
        stream, guide = sequence.text, sequence.guide
        said = stream.let_go() if guide is not None and guide.owes else ""
        for number, token in enumerate(tokens, 1):
            sequence.tokens.append(token)
            sequence.unsaid += 1
            if self._is_end(sequence, token):
                said += self._close(sequence, token, logprobs)
                reason: FinishReason | None = FinishReason.STOP
            else:
                said += self._push(sequence, token, logprobs)
                reason = self._reason(sequence, token, number == len(tokens), now)
            if reason is not None:
                rest = "" if stream.stopped_by is not None else stream.flush()
                self._end(sequence, said + rest, reason, now)
                return
        if said:
            self._say(sequence, said, stream.released, now)

    def _is_end(self, sequence: Sequence, token: int) -> bool:
        """Whether a token ends its sequence: one of the model's own, or one that was asked to."""
        decoding = sequence.request.decoding
        if token in self._ends and not decoding.ignore_eos:
            return True
        if token in decoding.stop_tokens and not (sequence.guide and sequence.guide.owes):
            sequence.stop_token = token
            return True
        return False

    def _close(self, sequence: Sequence, token: int, logprobs: NDArray[np.float32] | None) -> str:
        """Take in the token that ends a sequence; returns what it adds to the text."""
        decoding = sequence.request.decoding
        if decoding.show_stop:
            return self._push(sequence, token, logprobs)
        if decoding.logprob_of_end:
            self._note_logprob(sequence, token, logprobs)
        return ""

    def _push(self, sequence: Sequence, token: int, logprobs: NDArray[np.float32] | None) -> str:
        """Take in a token's text; returns what can be shown now."""
        decoding = sequence.request.decoding
        if logprobs is not None:
            self._note_logprob(sequence, token, logprobs)
        shown = decoding.show_special or token in decoding.shown
        piece = self._model.name(token) if shown else self._pieces[token]
        return sequence.text.push(piece, look=sequence.generated > decoding.min_tokens)

    def _note_logprob(
        self, sequence: Sequence, token: int, logprobs: NDArray[np.float32] | None
    ) -> None:
        """Keep the entry of a token whose text begins here, if entries are wanted."""
        decoding = sequence.request.decoding
        if logprobs is not None and decoding.logprobs is not None:
            top = decoding.logprob_tokens or decoding.logprobs
            entry = token_logprob(logprobs, token, top, self._model.name)
            sequence.pending_logprobs.append((sequence.text.received, entry))

    def _reason(
        self, sequence: Sequence, token: int, last: bool, now: float
    ) -> FinishReason | None:
        """Why a sequence ends behind a token that is no end itself, None where it goes on.
        ``last``: the guide has taken no further one yet."""
        if sequence.text.stopped_by is not None:
            return FinishReason.STOP
        if sequence.guide is not None and last and sequence.complete:
            return FinishReason.STOP
        if len(sequence.tokens) >= sequence.limit:
            return FinishReason.LENGTH
        most = sequence.request.decoding.predict_ms
        if most is not None and b"\n" in self._pieces[token]:
            began = now if sequence.first_token is None else sequence.first_token
            return FinishReason.LENGTH if (now - began) * 1e3 > most else None
        return None

    def _end(self, sequence: Sequence, text: str, reason: FinishReason, now: float) -> None:
        stream = sequence.text
        until = stream.received + 1 if stream.stopped_by is None else stream.released
        self._say(sequence, text, until, now, sequence.finish(reason, now))
        self._free(sequence)

    def _say(
        self,
        sequence: Sequence,
        text: str,
        until: int,
        now: float,
        finish: Finish | None = None,
    ) -> None:
        """Put out text, with the log probabilities of tokens that begin before ``until``."""
        entries = _released(sequence, until) if sequence.pending_logprobs else ()
        request, choice = sequence.request.id, sequence.choice
        decoding = sequence.request.decoding
        ids: tuple[int, ...] = ()
        if decoding.token_ids:
            ids = tuple(sequence.tokens[len(sequence.tokens) - sequence.unsaid :])
        so_far = sequence.finish(FinishReason.LENGTH, now) if decoding.timings else None
        output = Output(request, choice, text, entries, finish, sequence.unsaid, ids, so_far)
        self._outputs.append(output)
        sequence.unsaid = 0

    def _note_prompt(self, sequence: Sequence, chunk: Chunk, rows: NDArray[np.float32]) -> None:
        """Collect the log probabilities of a prompt's tokens; sends them once all are there."""
        request = sequence.request
        top = request.decoding.prompt_logprobs
        if top is None or sequence.choice > 0 or chunk.position >= len(request.prompt):
            return
        found = request.prompt_logprobs
        found += prompt_logprobs(request.prompt, chunk.position, rows, top, self._model.name)
        if len(found) == len(request.prompt) and sequence.prompt_is_read:
            self._send(PromptLogprobs(request.id, tuple(found)))


def _released(sequence: Sequence, until: int) -> tuple[TokenLogprob, ...]:
    """Take the entries of tokens whose text begins before character ``until``."""
    pending = sequence.pending_logprobs
    count = sum(1 for begin, _ in pending if begin < until)
    entries = tuple(entry for _, entry in pending[:count])
    del pending[:count]
    return entries
