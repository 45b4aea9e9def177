"""Makes requests ready for the loop: tokens, checks, samplers. Runs beside it, in a thread.

Tokenizing a long prompt or building a sampler takes milliseconds that running sequences must not
wait for; llama.cpp releases the GIL for both.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, NamedTuple, Protocol

from colonnade.messages import (
    Accepted,
    Cancel,
    Failure,
    FailureKind,
    MediaPart,
    Refused,
    Submit,
    TextPart,
    TokenPart,
)
from colonnade.worker.guide import Guide
from colonnade.worker.lane import Lane
from colonnade.worker.media_layouts import MediaLayouts, check_beside_media
from colonnade.worker.prediction import Prediction
from colonnade.worker.sequence import Request
from colonnade.worker.spans import Span, told
from colonnade.worker.wishes import check_wishes, cut_prompt, restraint, with_biased_texts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from colonnade.messages import CacheShare, Constraint, Decoding, FromWorker, Look, Retire
    from colonnade.worker.ports import Grammars, Matcher, Model, Projector
    from colonnade.worker.restraint import Restraint

_LONG = 1 << 17
"""Characters or ids of a prompt that takes tens of milliseconds to tokenize."""

_PART = 1 << 6
"""Characters that take as long as a part of a prompt without any."""

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

    def parts(self, text: str, *, special: bool) -> Iterator[list[int]]:
        """The same in parts, made as they are asked for."""
        ...

    def least(self, texts: Iterable[str]) -> int:
        """A number of tokens that texts have at least, found quickly."""
        ...

    def shared(self, ids: Iterable[int]) -> list[int]:
        """The same ids, in less memory."""
        ...


class _Left(Exception):  # noqa: N818 - no error: nobody wants the request any more
    """A request was cancelled while it was made ready."""


class _Settled(NamedTuple):
    """What follows from a ``Decoding`` and not from the prompt: prompts of one request share it."""

    wished: Decoding
    decoding: Decoding
    """With tokens for texts."""
    restraint: Restraint | None
    guides: Callable[[int], Guide | None]


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
        pass_on: Callable[[Request | Cancel | Look | Retire | CacheShare], None],
        send: Callable[[FromWorker], None],
        projector: Projector | None = None,
    ) -> None:
        self._media = MediaLayouts(projector)
        self._model = model
        self._vocabulary = vocabulary
        self._grammars = grammars
        self._pass_on = pass_on
        self._send = send
        self._slow_lane, self._media_lane = self._lanes = [
            Lane(self._take, lambda number: pass_on(Cancel(number))) for _ in range(2)
        ]
        self._last: _Settled | None = None

    def submit(self, submit: Submit) -> None:
        """Make a request ready and pass it on, or refuse it."""
        if any(isinstance(part, MediaPart) for part in submit.prompt):
            self._media_lane.put(submit)
        elif not self._is_slow(submit):
            self._take(submit)
        else:
            self._slow_lane.put(submit)

    def cancel(self, cancel: Cancel) -> None:
        """Pass a cancellation on, behind the request that it is for."""
        if not any(lane.cancel(cancel.id) for lane in self._lanes):
            self._pass_on(cancel)

    def look(self, look: Look) -> None:
        """Pass on that the server asks how the loop stands."""
        self._pass_on(look)

    def share(self, share: CacheShare) -> None:
        """Pass on how much may be kept of earlier prompts."""
        self._pass_on(share)

    def retire(self, retire: Retire) -> None:
        """Pass on that the server wants states kept, and no more requests served."""
        self._pass_on(retire)

    def _is_long(self, submit: Submit) -> bool:
        length = len(submit.infill_suffix or "") + len(submit.decoding.prediction)
        for part in submit.prompt:
            length += _PART
            if isinstance(part, TextPart):
                length += len(part.text)
            elif isinstance(part, TokenPart):
                length += len(part.ids)
        return length > _LONG

    def _is_slow(self, submit: Submit) -> bool:
        constraint = submit.decoding.constraint
        return (
            self._is_long(submit)
            or len(submit.decoding.begun) > _LONG_BEGUN
            or submit.decoding.sampling.dry_multiplier > 0
            or bool(submit.decoding.bad_words)
            or not (constraint is None or self._grammars.has(constraint))
        )

    def _take(self, submit: Submit) -> None:
        try:
            request = self._request(submit)
        except _Left:
            return
        except Exception:  # noqa: BLE001 - whatever it is, the request must be answered
            about = {"request": submit.id}
            _log.exception("request %d could not be taken in", submit.id, extra=about)
            self._send(Refused(submit.id, FailureKind.INTERNAL, "The server failed on it."))
            return
        if request is not None:
            self._pass_on(request)

    def _request(self, submit: Submit) -> Request | None:
        submitted = time.perf_counter()
        try:
            check_wishes(submit.decoding, self._vocabulary.size)
            media: list[Span] = []
            prompt = self._prompt(submit, media)
            _, decoding, held, guides = self._settled(submit.decoding)
        except Failure as failure:
            self._send(Refused(submit.id, failure.kind, failure.message, failure.param))
            return None
        samplers = self._model.samplers(decoding)
        prediction = self._prediction(decoding.prediction)
        ids = told(prompt) if decoding.token_ids else ()
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
            adapters=submit.adapters,
            media=media,
        )

    def _settled(self, wished: Decoding) -> _Settled:
        """What is wished for, made ready for any prompt."""
        last = self._last
        if last is None or last.wished != wished:
            decoding = with_biased_texts(wished, self._vocabulary)
            held = self._restraint(decoding)
            last = self._last = _Settled(wished, decoding, held, self._guides(decoding))
        return last

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
        shown = frozenset(decoding.shown)
        first = Guide(
            constraint,
            None if constraint is None else self._matcher(constraint, decoding.begun),
            thought,
            spell=lambda token: model.name(token) if token in shown else pieces[token],
            tokens=grammars.tokens,
            ends=model.ends,
            vocab_size=self._vocabulary.size,
            stepwise=decoding.logprobs is not None,
        )
        first.begin()  # here, for it may have to wait for a mask of the same grammar
        return lambda _choice: first.branch()

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

    def _prompt(self, submit: Submit, media: list[Span]) -> list[int]:
        """The prompt's tokens; adds the pictures and sounds among them to ``media``."""
        vocabulary, decoding = self._vocabulary, submit.decoding
        room = self._model.ctx_size - (0 if decoding.max_tokens == 0 else 1)
        refusable = decoding.most_prompt is None and self._is_long(submit)  # else the count is told
        if refusable:
            self._check_least(submit, room)
        tokens = self._tokens(submit, media, room if refusable else None)
        if submit.infill_suffix is not None:
            tokens = self._infill(tokens, submit.infill_suffix)
        wants_bos = submit.add_bos or not tokens  # the emptiest prompt that a model can read
        if wants_bos and vocabulary.bos is not None and tokens[:1] != [vocabulary.bos]:
            tokens.insert(0, vocabulary.bos)
            for span in media:
                span.start += 1
        if not tokens:
            raise Failure(FailureKind.INVALID_REQUEST, "The prompt is empty.", param="prompt")
        bos = vocabulary.bos if wants_bos else None
        tokens = cut_prompt(tokens, decoding, self._model.ctx_size, bos)
        if len(tokens) > room:
            raise _too_long(self._model.ctx_size, str(len(tokens)))
        return tokens

    def _tokens(self, submit: Submit, media: list[Span], room: int | None) -> list[int]:
        """The tokens of the prompt's parts; what is known to be more than the ``room``, or has
        pictures and is more than the context, is not made to its end."""
        tokens: list[int] = []
        for part in self._parts(submit):
            if isinstance(part, Span):
                part.start = len(tokens)
                media.append(part)
                room = self._model.ctx_size
                tokens += part.stand_ins()
            else:
                tokens += part
            if room is not None and len(tokens) > room:
                raise _too_long(self._model.ctx_size, f"at least {len(tokens)}")
        if media:
            check_beside_media(submit, media, len(tokens))
        return tokens

    def _check_least(self, submit: Submit, room: int) -> None:
        """Refuse what cannot fit, before it is made into tokens."""
        ids = sum(len(part.ids) for part in submit.prompt if isinstance(part, TokenPart))
        texts = [part.text for part in submit.prompt if isinstance(part, TextPart)]
        least = ids + self._vocabulary.least([*texts, submit.infill_suffix or ""])
        if least > room:
            raise _too_long(self._model.ctx_size, f"at least {least}")

    def _parts(self, submit: Submit) -> Iterator[list[int] | Span]:
        """The prompt's tokens in parts, as long as somebody wants them."""
        for part in submit.prompt:
            match part:
                case TextPart(text, special):
                    for tokens in self._vocabulary.parts(text, special=special):
                        yield tokens
                        self._check_left(submit)
                case TokenPart(ids):
                    yield self._checked(ids)
                case MediaPart():
                    for piece in self._media.pieces(part):
                        yield piece if isinstance(piece, Span) else self._vocabulary.shared(piece)
                    self._check_left(submit)

    def _check_left(self, submit: Submit) -> None:
        if any(lane.left(submit.id) for lane in self._lanes):
            raise _Left

    def _checked(self, ids: tuple[int, ...]) -> list[int]:
        size = self._vocabulary.size
        for token in (min(ids, default=0), max(ids, default=0)):
            if not 0 <= token < size:
                msg = f"There is no token {token}: this model's tokens go from 0 to {size - 1}."
                raise Failure(FailureKind.INVALID_REQUEST, msg, param="prompt")
        return self._vocabulary.shared(ids)

    def _infill(self, prefix: list[int], suffix: str) -> list[int]:
        """Prefix and suffix behind their markers, ending where the middle begins."""
        before, after, middle = self._vocabulary.infill
        if before is None or after is None or middle is None:
            msg = "This model has no infill tokens: it cannot fill a gap."
            raise Failure(FailureKind.UNSUPPORTED, msg, param="suffix")
        text = self._vocabulary.tokenize(suffix, special=False)
        return [before, *prefix, after, *text, middle]


def _too_long(ctx_size: int, tokens: str) -> Failure:
    """The refusal, in words by which clients of OpenAI, vLLM and llama-server know it."""
    msg = (
        f"This model's maximum context length is {ctx_size} tokens. However, your prompt "
        f"resulted in {tokens} tokens: the prompt is too long, it exceeds the "
        "available context size."
    )
    return Failure(FailureKind.CONTEXT_LENGTH_EXCEEDED, msg, param="messages")
