"""A request in the worker, and the sequences (one a choice) that answer it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from colonnade.messages import (
    Decoding,
    Finish,
    FinishReason,
    MediaKind,
    SlotUse,
    TokenLogprob,
    Urgency,
)
from colonnade.worker.text import TextStream

if TYPE_CHECKING:
    from collections.abc import Callable

    from colonnade.messages import AdapterSet
    from colonnade.worker.guide import Guide
    from colonnade.worker.masks import Job
    from colonnade.worker.ports import Foresight, Sampler, State
    from colonnade.worker.prediction import Prediction
    from colonnade.worker.restraint import Restraint
    from colonnade.worker.spans import Span


GENERATED = 4.0
"""Cost of a generated token: so many tokens of a prompt are read in its time, more or fewer."""


@dataclass(eq=False, slots=True)
class Request:
    """A prompt with its wishes. Times are ``time.perf_counter`` seconds."""

    id: int
    prompt: list[int]
    decoding: Decoding
    samplers: Callable[[int, list[int]], Sampler]
    """Makes that of a choice, for a prompt."""
    guides: Callable[[int], Guide | None]
    """Makes that of a choice; None where anything may be said."""
    submitted: float
    client: str = ""
    """Who asks."""
    urgency: Urgency = field(default_factory=Urgency)
    unfinished: int = 0
    """Choices still to finish."""
    shared: State | None = None
    """State of all but the prompt's last token, from which further choices start."""
    followers: list[Sequence] = field(default_factory=list)
    """Choices that wait for ``shared``."""
    to_start: int = 0
    """Choices without a slot that start from ``shared``."""
    prompt_logprobs: list[TokenLogprob] = field(default_factory=list)
    restraint: Restraint | None = None
    prediction: Prediction | None = None
    """What the client takes the answer to be like."""
    adapters: AdapterSet = ()
    """What it is answered with beside the model's own weights. Whatever is read with other ones is
    of no use to it."""
    media: list[Span] = field(default_factory=list)
    """Pictures and sounds in the prompt, in its order."""
    made: list[Sampler] = field(default_factory=list)
    """The samplers of the choices that have begun."""

    def sequences(self) -> list[Sequence]:
        """Make the sequences of all choices. They are small until they begin."""
        made = [Sequence(self, choice) for choice in range(self.decoding.n)]
        self.unfinished = len(made)
        return made

    def close(self) -> None:
        """Free the samplers and the shared state."""
        self.shared = None
        self.followers.clear()
        for sampler in self.made:
            sampler.close()
        self.made.clear()
        for span in self.media:
            span.rows = None


class Draft(NamedTuple):
    """Guessed tokens, and how many more are read for nothing, to read as many as others.

    ``predicted``: they come from the text that the client predicts.
    """

    tokens: list[int]
    filler: int
    predicted: bool = False

    @property
    def read(self) -> int:
        """Tokens that a step reads of it."""
        return len(self.tokens) + self.filler


class Sequence:
    """One choice: its tokens, and how far the model has read them. What draws and guides it is made
    when it begins, for many may wait."""

    __slots__ = (
        "accepted",
        "behind",
        "cached",
        "charged",
        "checkpoint",
        "choice",
        "draft",
        "drafted",
        "first_token",
        "foresight",
        "guide",
        "limit",
        "mask",
        "media",
        "pending_logprobs",
        "position",
        "predicted",
        "predicted_right",
        "request",
        "sampler",
        "slot",
        "started",
        "stop_token",
        "text",
        "tokens",
        "unsaid",
    )

    def __init__(self, request: Request, choice: int) -> None:
        self.request = request
        self.choice = choice
        self.sampler: Sampler
        """There once it has begun."""
        self.guide: Guide | None = None
        self.tokens: list[int] = []
        """The prompt, then what was generated; empty until it begins."""
        self.position = 0
        """How many of ``tokens`` the model has read."""
        self.cached = 0
        """How many of the prompt's tokens were there already."""
        self.charged = 0.0
        """How much of its cost its client has been charged."""
        self.media: list[Span] = []
        """The request's, as far as they are to be read yet."""
        self.checkpoint = 0
        """Where in its prompt it stops for a moment, so that others can start from its state."""
        self.behind: Sequence | None = None
        """Whom it waits for, who is reading what it begins with."""
        self.slot = -1
        self.limit = 0
        """Length of ``tokens`` at which the sequence ends."""
        self.started = request.submitted
        """When it got its slot."""
        self.first_token: float | None = None
        """When the prompt was read."""
        self.foresight: Foresight | None = None
        """What guesses its next tokens."""
        self.draft: Draft | None = None
        """What the next step reads behind ``tokens``."""
        self.drafted = 0
        self.accepted = 0
        """Of all guessed tokens, those that came true."""
        self.predicted = 0
        """Of all guessed tokens, those from the client's prediction."""
        self.predicted_right = 0
        decoding = request.decoding
        self.text = TextStream(decoding.stop, show_stop=decoding.show_stop)
        self.stop_token: int | None = None
        """The token that ended it, if one of the request's did."""
        self.unsaid = 0
        """How many tokens were generated since something was sent."""
        self.pending_logprobs: list[tuple[int, TokenLogprob]] = []
        """Entries whose text is held back, each with the character at which its text begins."""

    def begin(self) -> None:
        """Get ready to run.

        Raises:
            Failure: its grammar is too complex to go on with.
        """
        request = self.request
        self.sampler = request.samplers(self.choice, request.prompt)
        request.made.append(self.sampler)
        self.guide = request.guides(self.choice)
        self.mask: Job | None = None
        """What its guide allows next, where that is computed beside."""
        self.tokens = list(request.prompt)
        if self.guide is not None:
            self.tokens += self.guide.begin()

    @property
    def unread(self) -> int:
        """How many of ``tokens`` the model has yet to read."""
        return len(self.tokens) - self.position

    @property
    def lacks(self) -> Span | None:
        """The picture or sound that it would read next, while that is not encoded."""
        if not self.media:
            return None
        span = self.media[0]
        return span if span.rows is None and span.start <= self.position else None

    @property
    def run(self) -> int:
        """How many of its tokens, from the next one on, may be read at once: text up to a picture,
        or what is left of one."""
        if not self.media:
            return self.unread
        span = self.media[0]
        return (span.end if span.start <= self.position else span.start) - self.position

    def go_to(self, position: int) -> None:
        """Note that so many tokens are read; fewer than before, where some were forgotten."""
        self.position = position
        if self.request.media:
            self.media = [span for span in self.request.media if span.end > position]

    @property
    def prompt_is_read(self) -> bool:
        """From here on each step draws a token."""
        return self.position >= len(self.request.prompt)

    @property
    def cost(self) -> float:
        """What was computed for it, in tokens of a prompt read."""
        read = min(self.position, len(self.request.prompt)) - self.cached
        return max(0, read) + GENERATED * max(0, self.generated)

    @property
    def shows_logprobs(self) -> bool:
        """Log probabilities of its tokens are asked for."""
        return self.request.decoding.logprobs is not None

    @property
    def complete(self) -> bool:
        """Its guide allows nothing more. What was certain from the start may have been cut off by
        the limit: then there are fewer tokens than the guide has forced."""
        guide = self.guide
        return guide is not None and guide.done and self.generated >= guide.forced

    @property
    def generated(self) -> int:
        """Number of tokens generated."""
        return len(self.tokens) - len(self.request.prompt)

    def use(self, now: float) -> SlotUse:
        """How it stands, while it holds a slot, at time ``now``."""
        read_at = now if self.first_token is None else self.first_token
        return SlotUse(
            slot=self.slot,
            request=self.request.id,
            choice=self.choice,
            prompt_tokens=len(self.request.prompt),
            cached_tokens=self.cached,
            read=self.position,
            generated=max(0, self.generated),
            remaining=max(0, self.limit - len(self.tokens)),
            prefill=read_at - self.started,
            decode=now - read_at,
            constrained=self.guide is not None,
            drafted=self.drafted,
            accepted=self.accepted,
            adapters=self.request.adapters,
        )

    def finish(self, reason: FinishReason, now: float) -> Finish:
        """The closing account, at time ``now``."""
        request = self.request
        first = self.first_token if self.first_token is not None else now
        return Finish(
            reason=reason,
            prompt_tokens=len(request.prompt),
            cached_tokens=self.cached,
            completion_tokens=self.generated,
            queue_ms=(self.started - request.submitted) * 1e3,
            prompt_ms=(first - self.started) * 1e3,
            decode_ms=(now - first) * 1e3,
            stop_string=self.text.stopped_by,
            forced_tokens=0 if self.guide is None else min(self.guide.forced, self.generated),
            drafted_tokens=self.drafted,
            accepted_tokens=self.accepted,
            stop_token=self.stop_token,
            predicted_tokens=self.predicted,
            predicted_right_tokens=self.predicted_right,
            image_tokens=_length(request.media, MediaKind.IMAGE),
            audio_tokens=_length(request.media, MediaKind.AUDIO),
        )


def _length(media: list[Span], kind: MediaKind) -> int:
    """Tokens of a prompt that stand for files of a kind."""
    return sum(span.run.length for span in media if span.part.kind is kind)
