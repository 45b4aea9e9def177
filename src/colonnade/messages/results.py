"""Worker to server."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from colonnade.messages.failures import FailureKind  # noqa: TC001 - msgspec reads the annotation
from colonnade.messages.model import LoadModel, ModelInfo  # noqa: TC001 - msgspec reads the annotation
from colonnade.messages.statistics import Statistics


class FinishReason(StrEnum):
    """Why a choice ended."""

    STOP = "stop"
    """An end-of-generation token or a stop string."""
    LENGTH = "length"
    """``max_tokens`` or the end of the context."""


class Alternative(Struct, frozen=True, array_like=True, gc=False):
    """A token that might have been drawn. ``logprob`` is the natural logarithm of its probability
    in the model's unmodified distribution."""

    id: int
    token: bytes
    logprob: float


class TokenLogprob(Struct, frozen=True, array_like=True, gc=False):
    """A token with its log probability and the most likely tokens at its place, best first.

    ``logprob`` is None for the first token of a prompt alone.
    """

    id: int
    token: bytes
    logprob: float | None
    top: tuple[Alternative, ...] = ()
    rank: int = 0
    """Its place among all tokens by likelihood, from 1 on; of a prompt's tokens alone."""


class Finish(Struct, frozen=True, array_like=True, gc=False):
    """The end of one choice, with its counts (tokens) and times (milliseconds)."""

    reason: FinishReason
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    queue_ms: float
    prompt_ms: float
    decode_ms: float
    stop_string: str | None = None
    """The stop string that ended it, if one did."""
    forced_tokens: int = 0
    """Completion tokens that were not drawn: their constraint left no other."""
    drafted_tokens: int = 0
    """Tokens that were guessed and read beside the drawn ones."""
    accepted_tokens: int = 0
    """Of those, the ones that were drawn then."""
    stop_token: int | None = None
    """The token that ended it, if one of those that were asked to did."""
    predicted_tokens: int = 0
    """Of the guessed ones, those that came from the client's prediction."""
    predicted_right_tokens: int = 0
    """Of those, the ones that were drawn then."""
    image_tokens: int = 0
    """Tokens of the prompt that stand for pictures."""
    audio_tokens: int = 0
    """The same for sounds."""


class Output(Struct, frozen=True, array_like=True, gc=False):
    """What one step added to one choice of one request."""

    id: int
    choice: int
    text: str
    """Whole characters; text that may be the start of a stop string is held back."""
    logprobs: tuple[TokenLogprob, ...] = ()
    """Of the tokens whose text is out, when asked for."""
    finish: Finish | None = None
    tokens: int = 0
    """Tokens generated since the choice's last output."""
    ids: tuple[int, ...] = ()
    """Their ids, when asked for."""
    so_far: Finish | None = None
    """The account up to now, when asked for; its reason says nothing."""
    read: int = 0
    """Tokens of the prompt that are read, when asked for, in an output that says nothing else."""


class Step(Struct, frozen=True, array_like=True, tag="step", gc=False):
    """All that one step of the loop has to say: one message a step, for all slots."""

    outputs: tuple[Output, ...]
    started: tuple[int, ...] = ()
    """Requests that leave the queue. It comes before anything is done for them."""


class Accepted(Struct, frozen=True, array_like=True, tag="accepted", gc=False):
    """The request stands in the queue."""

    id: int
    prompt_tokens: int
    prompt_ids: tuple[int, ...] = ()
    """The prompt's tokens, when asked for."""


class Refused(Struct, frozen=True, array_like=True, tag="refused", gc=False):
    """The request failed, before or after it was accepted. Nothing more comes of it."""

    id: int
    kind: FailureKind
    message: str
    param: str | None = None


class PromptLogprobs(Struct, frozen=True, array_like=True, tag="prompt_logprobs", gc=False):
    """The prompt's tokens with their log probabilities, once its prefill is done."""

    id: int
    tokens: tuple[TokenLogprob, ...]


class Embedded(Struct, frozen=True, array_like=True, tag="embedded", gc=False):
    """Rows of a request, in the order of its inputs."""

    id: int
    first: int
    """The input that the first one belongs to."""
    count: int
    rows: bytes
    """Of float32, little-endian, (count, numbers of a row)."""
    finish: Finish | None = None
    """With the last ones: the account of the request."""


class Loading(Struct, frozen=True, array_like=True, tag="loading", gc=False):
    """How far the model file is read, from 0 to 1."""

    progress: float


class Ready(Struct, frozen=True, array_like=True, tag="ready", gc=False):
    """The model is loaded; requests are served from here on."""

    model: ModelInfo
    load: LoadModel | None = None
    """How it is loaded, where the worker has chosen some of that."""


class Alive(Struct, frozen=True, array_like=True, tag="alive", gc=False):
    """The worker's process runs. Comes several times in ``hang_seconds``, from its start on."""


class Stuck(Struct, frozen=True, array_like=True, tag="stuck", gc=False):
    """Something in the worker does not come to its end. The worker ends after this message."""

    message: str


class ThreadWait(Struct, frozen=True, array_like=True, tag="thread_wait", gc=False):
    """How the model's threads wait for each other from here on, and what a step took either way, in
    milliseconds."""

    spins: bool
    """For a moment, before they sleep."""
    spinning_ms: float
    asleep_ms: float


class Retired(Struct, frozen=True, array_like=True, tag="retired", gc=False):
    """All that is kept is in the file: so many bytes of so many states."""

    size: int
    states: int


class LogLine(Struct, frozen=True, array_like=True, tag="log_line", gc=False):
    """A line for the server's log, on one line already."""

    level: int
    """Of the logging module."""
    logger: str
    text: str
    request: int = 0
    """The request that it is about; 0 for none."""


class LoadFailed(Struct, frozen=True, array_like=True, tag="load_failed", gc=False):
    """The model could not be loaded. The worker ends after this message."""

    message: str


FromWorker = (
    Step
    | Accepted
    | Refused
    | PromptLogprobs
    | Embedded
    | Loading
    | Ready
    | ThreadWait
    | LogLine
    | Statistics
    | LoadFailed
    | Alive
    | Stuck
    | Retired
)
