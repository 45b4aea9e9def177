"""Makes requests ready for the loop: tokens, checks, samplers. Runs beside it, in a thread.

Tokenizing a long prompt or building a sampler takes milliseconds that running sequences must not
wait for; llama.cpp releases the GIL for both.
"""

from __future__ import annotations

import logging
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Protocol

from colonnade.messages import (
    Accepted,
    Failure,
    FailureKind,
    Refused,
    Submit,
    TextPart,
    TokenPart,
)
from colonnade.worker.guide import Guide
from colonnade.worker.prediction import Prediction
from colonnade.worker.sequence import Request
from colonnade.worker.wishes import check_wishes, cut_prompt, restraint, with_biased_texts

if TYPE_CHECKING:
    from collections.abc import Callable

    from colonnade.messages import Cancel, Constraint, Decoding, FromWorker
    from colonnade.worker.ports import Grammars, Matcher, Model
    from colonnade.worker.restraint import Restraint

_LONG = 1 << 17
"""Characters or ids of a prompt that takes tens of milliseconds to tokenize."""

_LONG_BEGUN = 1 << 12
"""Characters of a begun answer that take a grammar milliseconds to go through."""

_CHARACTERS = 16
"""More than a token has in almost any text."""

_log = logging.getLogger(__name__)


class Vocabulary(Protocol):
    """What the intake needs of a vocabulary."""

    size: int
    bos: int | None
    infill: tuple[int | None, int | None, int | None]

    def tokenize(self, text: str, *, special: bool) -> list[int]:
        """Tokens of a text."""
        ...


class Intake:
    """Turns ``Submit`` messages into requests; answers each with ``Accepted`` or ``Refused``.

    What takes long, a very long prompt, a new grammar or a DRY sampler, goes through a lane of its
    own, so that others overtake it.
    """

    def __init__(
        self,
        model: Model,
        vocabulary: Vocabulary,
        grammars: Grammars,
        pass_on: Callable[[Request | Cancel], None],
        send: Callable[[FromWorker], None],
    ) -> None:
        self._model = model
        self._vocabulary = vocabulary
        self._grammars = grammars
        self._pass_on = pass_on
        self._send = send
        self._slow_lane = ThreadPoolExecutor(1, thread_name_prefix="intake-slow")
        self._in_slow_lane: dict[int, Future[None]] = {}

    def submit(self, submit: Submit) -> None:
        """Make a request ready and pass it on, or refuse it."""
        if not self._is_slow(submit):
            self._take(submit)
        else:
            future = self._slow_lane.submit(self._take, submit)
            self._in_slow_lane[submit.id] = future
            future.add_done_callback(lambda _: self._in_slow_lane.pop(submit.id, None))

    def cancel(self, cancel: Cancel) -> None:
        """Pass a cancellation on, behind the request that it is for."""
        future = self._in_slow_lane.get(cancel.id)
        if future is None:
            self._pass_on(cancel)
        elif not future.cancel():
            future.add_done_callback(lambda _: self._pass_on(cancel))

    def _is_slow(self, submit: Submit) -> bool:
        length = len(submit.infill_suffix or "") + len(submit.decoding.prediction)
        length += sum(
            len(part.text) if isinstance(part, TextPart) else len(part.ids)
            for part in submit.prompt
        )
        constraint = submit.decoding.constraint
        return (
            length > _LONG
            or len(submit.decoding.begun) > _LONG_BEGUN
            or submit.decoding.sampling.dry_multiplier > 0
            or bool(submit.decoding.bad_words)
            or not (constraint is None or self._grammars.has(constraint))
        )

    def _take(self, submit: Submit) -> None:
        try:
            request = self._request(submit)
        except Exception:  # noqa: BLE001 - whatever it is, the request must be answered
            _log.exception("request %d could not be taken in", submit.id)
            self._send(Refused(submit.id, FailureKind.INTERNAL, "The server failed on it."))
            return
        if request is not None:
            self._pass_on(request)

    def _request(self, submit: Submit) -> Request | None:
        submitted = time.perf_counter()
        try:
            prompt = self._prompt(submit)
            check_wishes(submit.decoding, self._vocabulary.size)
            self._check_length(prompt, submit.decoding)
            decoding = with_biased_texts(submit.decoding, self._vocabulary)
            held = self._restraint(decoding)
            guides = self._guides(decoding)
        except Failure as failure:
            self._send(Refused(submit.id, failure.kind, failure.message, failure.param))
            return None
        samplers = self._model.samplers(decoding)
        prediction = self._prediction(decoding.prediction)
        ids = tuple(prompt) if decoding.token_ids else ()
        self._send(Accepted(submit.id, len(prompt), ids))
        return Request(
            submit.id,
            prompt,
            decoding,
            samplers,
            guides,
            submitted,
            submit.client,
            submit.urgency,
            restraint=held,
            prediction=prediction,
        )

    def _restraint(self, decoding: Decoding) -> Restraint | None:
        return restraint(decoding, self._model.ends, self._grammars.tokens, self._vocabulary.size)

    def _prediction(self, text: str) -> Prediction | None:
        """As much of it as an answer can have."""
        most = self._model.ctx_size
        text = text[: most * _CHARACTERS]
        tokens = self._vocabulary.tokenize(text, special=False)[:most] if text else []
        return Prediction(tokens) if tokens else None

    def _guides(self, decoding: Decoding) -> Callable[[int], Guide | None]:
        """What makes the guide of a choice; None for those that need none."""
        constraint, thought = decoding.constraint, decoding.thought
        if constraint is None and (thought is None or thought.budget is None):
            return lambda _choice: None
        model, grammars, pieces = self._model, self._grammars, self._model.pieces
        matcher = None if constraint is None else self._matcher(constraint, decoding.begun)
        shown = frozenset(decoding.shown)
        return lambda _choice: Guide(
            constraint,
            None if matcher is None else matcher.branch(),
            thought,
            spell=lambda token: model.name(token) if token in shown else pieces[token],
            tokens=grammars.tokens,
            ends=model.ends,
            vocab_size=self._vocabulary.size,
            stepwise=decoding.logprobs is not None,
        )

    def _matcher(self, constraint: Constraint, begun: str) -> Matcher:
        """A matcher behind what the answer begins with."""
        matcher = self._grammars.matcher(constraint)
        if begun:
            tokens = matcher.tokens(begun.encode())
            if not matcher.accepts(tokens):
                msg = "The message that is to be continued does not begin as the answer has to."
                raise Failure(FailureKind.INVALID_REQUEST, msg)
            matcher.consume(tokens)
        return matcher

    def _prompt(self, submit: Submit) -> list[int]:
        vocabulary = self._vocabulary
        tokens: list[int] = []
        for part in submit.prompt:
            match part:
                case TextPart(text, special):
                    tokens += vocabulary.tokenize(text, special=special)
                case TokenPart(ids):
                    tokens += self._checked(ids)
        if submit.infill_suffix is not None:
            tokens = self._infill(tokens, submit.infill_suffix)
        wants_bos = submit.add_bos or not tokens  # the emptiest prompt that a model can read
        if wants_bos and vocabulary.bos is not None and tokens[:1] != [vocabulary.bos]:
            tokens.insert(0, vocabulary.bos)
        if not tokens:
            raise Failure(FailureKind.INVALID_REQUEST, "The prompt is empty.", param="prompt")
        bos = vocabulary.bos if wants_bos else None
        return cut_prompt(tokens, submit.decoding, self._model.ctx_size, bos)

    def _checked(self, ids: tuple[int, ...]) -> tuple[int, ...]:
        size = self._vocabulary.size
        for token in ids:
            if not 0 <= token < size:
                msg = f"There is no token {token}: this model's tokens go from 0 to {size - 1}."
                raise Failure(FailureKind.INVALID_REQUEST, msg, param="prompt")
        return ids

    def _infill(self, prefix: list[int], suffix: str) -> list[int]:
        """Prefix and suffix behind their markers, ending where the middle begins."""
        before, after, middle = self._vocabulary.infill
        if before is None or after is None or middle is None:
            msg = "This model has no infill tokens: it cannot fill a gap."
            raise Failure(FailureKind.UNSUPPORTED, msg, param="suffix")
        text = self._vocabulary.tokenize(suffix, special=False)
        return [before, *prefix, after, *text, middle]

    def _check_length(self, prompt: list[int], decoding: Decoding) -> None:
        ctx_size = self._model.ctx_size
        room = ctx_size - (0 if decoding.max_tokens == 0 else 1)
        if len(prompt) > room:
            # In words by which clients of OpenAI, vLLM and llama-server know this failure.
            msg = (
                f"This model's maximum context length is {ctx_size} tokens. However, your prompt "
                f"resulted in {len(prompt)} tokens: the prompt is too long, it exceeds the "
                "available context size."
            )
            raise Failure(FailureKind.CONTEXT_LENGTH_EXCEEDED, msg, param="messages")
