"""Token counts and times, as responses report them."""

from msgspec import Struct


class PromptTokensDetails(Struct):
    """What the prompt's tokens were."""

    cached_tokens: int
    audio_tokens: int = 0
    image_tokens: int = 0


class CompletionTokensDetails(Struct):
    """What the generated tokens were."""

    reasoning_tokens: int = 0
    audio_tokens: int = 0
    accepted_prediction_tokens: int = 0
    """Guessed from the prediction and drawn then, so that they took no step of their own."""
    rejected_prediction_tokens: int = 0
    """Guessed from the prediction, and wrong. Ours are no part of ``completion_tokens``."""


class Usage(Struct, kw_only=True):
    """Tokens of a whole request."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptTokensDetails
    completion_tokens_details: CompletionTokensDetails


class Timings(Struct, kw_only=True):
    """How long a request took, in llama-server's shape. ``prompt_n`` leaves cached tokens out."""

    cache_n: int
    queue_ms: float
    """Before it got a slot; llama-server does not tell."""
    prompt_n: int
    prompt_ms: float
    prompt_per_token_ms: float
    prompt_per_second: float
    predicted_n: int
    forced_n: int
    """Of those, the ones that a constraint left no choice in; llama-server does not tell."""
    draft_n: int
    """Tokens that were guessed."""
    draft_n_accepted: int
    """Of those, the ones that came true, so that they took no step of their own."""
    predicted_ms: float
    predicted_per_token_ms: float
    predicted_per_second: float


class Progress(Struct, kw_only=True):
    """How much of a prompt is read, in llama-server's shape."""

    total: int
    cache: int
    processed: int
    """Those that were there already included."""
    time_ms: float


class Narrowing(Struct, kw_only=True):
    """Values that a schema of the request allows, and the answer could not have.

    ``place`` is the field and the JSON pointer of the keyword in its schema.
    """

    keyword: str
    place: str
    what: str
