"""Server to worker."""

from __future__ import annotations

from enum import IntEnum, StrEnum

from msgspec import Struct

from colonnade.messages.statistics import Look


class Sampling(Struct, frozen=True, array_like=True, gc=False):
    """How the next token is drawn: llama.cpp's samplers, with llama.cpp's defaults.

    A sampler whose value is its neutral one (noted where it is not obvious) is left out.
    """

    temperature: float = 0.8
    """0 is greedy."""
    dynatemp_range: float = 0.0
    dynatemp_exponent: float = 1.0
    top_k: int = 40
    """0 for all."""
    top_p: float = 0.95
    min_p: float = 0.05
    typical_p: float = 1.0
    top_n_sigma: float = -1.0
    """0 or less for off."""
    xtc_probability: float = 0.0
    xtc_threshold: float = 0.1
    dry_multiplier: float = 0.0
    dry_base: float = 1.75
    dry_allowed_length: int = 2
    dry_penalty_last_n: int = -1
    """-1 for the whole context."""
    dry_sequence_breakers: tuple[str, ...] = ("\n", ":", '"', "*")
    repeat_penalty: float = 1.0
    repeat_last_n: int = 64
    """How many last tokens the three penalties look at; -1 for the whole context."""
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    mirostat: int = 0
    """0 off, 1 or 2 the version; replaces the truncating samplers."""
    mirostat_tau: float = 5.0
    mirostat_eta: float = 0.1
    seed: int | None = None
    """None draws a fresh one. Choice ``i`` of a request uses ``seed + i``."""
    logit_bias: tuple[tuple[int, float], ...] = ()
    """(token id, added to its logit). -100 or less forbids a token."""
    biased_texts: tuple[tuple[str, float], ...] = ()
    """(text, added to the logit of each of its tokens)."""
    samplers: tuple[str, ...] | None = None
    """The samplers to apply, in this order, by llama.cpp's names; None for all in its own order.
    Mirostat and greedy drawing have no use for it."""
    min_keep: int = 0
    """Tokens that ``typical_p``, ``top_p``, ``min_p`` and XTC leave at least."""
    adaptive_target: float = -1.0
    """Negative for off; otherwise adaptive-p draws, tokens of about this probability."""
    adaptive_decay: float = 0.9


class GrammarSyntax(StrEnum):
    """The notations that a grammar may be written in."""

    LARK = "lark"
    """llguidance's dialect of Lark. ``<[id]>`` stands for a token that no text can spell."""
    GBNF = "gbnf"
    """llama.cpp's."""


class JsonPlace(Struct, frozen=True, array_like=True, gc=False):
    """What a value has to keep to where it stands, beyond what a grammar can say, and the places of
    the values within it: numbers of ``Differences.places``, -1 for none. A place is one schema, and
    what stands there keeps to all that hold for the ``same`` value too."""

    different: bool = False
    """The items of an array are all different."""
    scarce: bool = False
    """There may be few such items, or few keys of an object: before each it has to be seen whether
    any is left."""
    same: tuple[int, ...] = ()
    properties: tuple[tuple[str, int], ...] = ()
    others: tuple[int, ...] = ()
    """Of the values of all other keys."""
    patterns: tuple[int, ...] = ()
    """Of the values of any key."""
    first: tuple[int, ...] = ()
    """Of an array's first items, each."""
    items: tuple[int, ...] = ()
    """Of the other items."""
    values: int = 0
    """So many different items, or keys, there are at least; 0 where that is not known."""
    lists: bool = False
    """Whether it says anything of arrays."""
    maps: bool = False
    """Whether it says anything of objects."""


class JsonStart(Struct, frozen=True, array_like=True, gc=False):
    """Where JSON begins in a text: right behind what matches ``pattern``, once ``scope`` has been
    matched and no other start's scope since. Regular expressions of Python; an empty scope stands
    for the whole text, an empty pattern for the scope's end."""

    scope: str
    pattern: str
    places: tuple[int, ...] = ()


class Differences(Struct, frozen=True, array_like=True, gc=False):
    """What has to differ in the JSON of a text, which no grammar can say: the keys of each object,
    and the items of some arrays."""

    starts: tuple[JsonStart, ...]
    places: tuple[JsonPlace, ...] = ()


class Constraint(Struct, frozen=True, array_like=True, gc=False):
    """What may be generated, as a grammar for everything up to the end of the turn.

    With ``triggers`` the text is free until one of them appears; the grammar then holds from that
    trigger's first character on. A thought comes before all of it and is always free.
    """

    grammar: str
    syntax: GrammarSyntax = GrammarSyntax.LARK
    triggers: tuple[str, ...] = ()
    differences: Differences | None = None
    """What else has to hold; None where the grammar says all."""


class Thought(Struct, frozen=True, array_like=True, gc=False):
    """The markers around the model's reasoning, such as ``<think>`` and ``</think>``."""

    opening: str
    closing: str
    open: bool = False
    """The prompt ends inside a thought: it begins with the first token."""
    budget: int | None = None
    """Tokens after which the thought is closed for the model; None for no limit."""
    ending: str = ""
    """The text that closes a thought at the end of its budget; empty for ``closing`` alone."""


class Decoding(Struct, frozen=True, array_like=True, gc=False):
    """Everything about a generation but its prompt."""

    sampling: Sampling = Sampling()
    max_tokens: int | None = None
    """None: up to the end of the context."""
    stop: tuple[str, ...] = ()
    ignore_eos: bool = False
    n: int = 1
    """Choices, all from one prefill."""
    logprobs: int | None = None
    """Alternatives to report beside each sampled token, 0 for the token alone; None for neither."""
    prompt_logprobs: int | None = None
    """The same for the tokens of the prompt."""
    constraint: Constraint | None = None
    thought: Thought | None = None
    shown: tuple[int, ...] = ()
    """Control tokens whose names are part of the text: the markers that a parser looks for."""
    begun: str = ""
    """What stands at the end of the prompt and belongs to the answer: the constraint holds for it
    and for what is generated, together."""
    stop_tokens: tuple[int, ...] = ()
    """Tokens that end a choice, beside the model's own."""
    show_stop: bool = False
    """Whether the text holds what ended it: the stop string, or the stop token's text."""
    logprob_of_end: bool = False
    """Report the token that ends a choice, too, although it is no part of the text."""
    min_tokens: int = 0
    """Tokens that come before any end; until then no stop string is looked for either."""
    bad_words: tuple[str, ...] = ()
    """What must not be said, at the beginning of a word or within it."""
    allowed_tokens: tuple[int, ...] | None = None
    """The only tokens that may be drawn; None for all."""
    show_special: bool = False
    """Whether names of control tokens are part of the text."""
    token_ids: bool = False
    """Report the ids of the prompt's and of all generated tokens."""
    logprob_tokens: tuple[int, ...] = ()
    """The alternatives to report in place of the most likely ones; ``logprobs`` is set then."""
    predict_ms: int | None = None
    """Milliseconds from the first token on, after which the next line break ends a choice."""
    most_prompt: int | None = None
    """Tokens of the prompt to read, the last ones; -1: as many as leave room for the answer."""
    first_of_prompt: bool = False
    """The first ones instead."""
    reuse: bool = True
    """Whether what was read before may stand for a part of the prompt."""
    share: bool = True
    """Whether others may use what this request has read."""
    prediction: str = ""
    """What the answer is expected to be like: guesses are taken from it."""
    timings: bool = False
    """Report counts and times with each output."""
    progress: bool = False
    """Report how much of the prompt is read, as it is."""


class TextPart(Struct, frozen=True, array_like=True, tag="text", gc=False):
    """Text to tokenize. ``special``: names of special tokens in it become those tokens."""

    text: str
    special: bool = True


class TokenPart(Struct, frozen=True, array_like=True, tag="tokens", gc=False):
    """Token ids as they are (range-checked by the worker)."""

    ids: tuple[int, ...]


class MediaKind(StrEnum):
    """What a media file holds."""

    IMAGE = "image"
    AUDIO = "audio"


class MediaPart(Struct, frozen=True, array_like=True, tag="media", gc=False):
    """A picture or a sound, where it stands in the prompt.

    The server has looked at no more than its header: what it claims to be, its format and its
    dimensions, is within bounds. The worker decodes it, and refuses what is broken.
    """

    kind: MediaKind
    data: bytes
    """The file as it came: PNG, JPEG, BMP, GIF; WAV, MP3, FLAC."""
    digest: str
    """SHA-256 of ``data``, in hexadecimal digits."""


PromptPart = TextPart | TokenPart | MediaPart


class Tier(IntEnum):
    """A class of requests, the most urgent first."""

    PRIORITY = 0
    DEFAULT = 1
    FLEX = 2


class Urgency(Struct, frozen=True, order=True, array_like=True, gc=False):
    """Who comes first where slots are few. The less, the sooner."""

    tier: Tier = Tier.DEFAULT
    priority: int = 0
    """Within the tier."""


AdapterSet = tuple[tuple[int, float], ...]
"""Adapters that are applied together: each one's place among the model's, and its scale. By place,
each once, none with a scale of 0, scales as 32-bit floats: the same set is written one way only."""


class Submit(Struct, frozen=True, array_like=True, tag="submit", gc=False):
    """Generate. Answered by ``Accepted`` or ``Refused``, then by outputs in ``Step`` messages."""

    id: int
    prompt: tuple[PromptPart, ...]
    decoding: Decoding
    add_bos: bool = False
    """Put the BOS token first."""
    infill_suffix: str | None = None
    """When given, the prompt is the text before a gap and this is the text after it."""
    client: str = ""
    """Who asks: slots are shared fairly between clients."""
    urgency: Urgency = Urgency()
    adapters: AdapterSet = ()


class Cancel(Struct, frozen=True, array_like=True, tag="cancel", gc=False):
    """Forget a request, wherever it stands. Not answered; unknown ids are ignored."""

    id: int


class EmbedInput(Struct, frozen=True, array_like=True, gc=False):
    """A text to embed, or a pair of texts to score."""

    parts: tuple[PromptPart, ...]
    second: tuple[PromptPart, ...] | None = None
    """The other text of a pair, which the vocabulary's separators stand between. Where an input is
    cut, this one is."""
    tail: tuple[PromptPart, ...] = ()
    """What comes behind it, and is never cut off."""
    bare: bool = False
    """Its tokens are taken as they are: none are put around them."""


def parts_of(given: EmbedInput) -> tuple[PromptPart, ...]:
    """All parts of an input."""
    return (*given.parts, *(given.second or ()), *given.tail)


class Embed(Struct, frozen=True, array_like=True, tag="embed", gc=False):
    """Embed, or score. A request of many inputs comes in several of these, one behind the other.

    Answered by ``Accepted``, once the last one's tokens are known, or by ``Refused``; the rows come
    in ``Embedded``, perhaps before.
    """

    id: int
    inputs: tuple[EmbedInput, ...]
    first: int
    """Which of the request's inputs the first one is, from 0 on."""
    count: int
    """Inputs of the whole request."""
    most_tokens: int | None = None
    """Tokens of an input to read, at most; -1 for as many as the context has room for. None: an
    input that is too long is refused."""
    last_tokens: bool = False
    """Which of them: the last ones, not the first ones."""
    dimensions: int | None = None
    """Numbers of a row to keep, the first ones."""
    norm: float | None = 2.0
    """Rows are divided by their norm of this order; 0 for the largest number, None for not."""
    client: str = ""
    """Who asks: the model's time is shared fairly between clients."""


class Retire(Struct, frozen=True, array_like=True, tag="retire", gc=False):
    """Keep what can be kept for a later worker of the same model, in the file that the worker was
    started with. Answered by ``Retired``; there is nothing more to do for the worker then."""

    most_bytes: int
    seconds: float
    """After which no other state is begun."""


class CacheShare(Struct, frozen=True, array_like=True, tag="share", gc=False):
    """Keep no more than so many bytes of states of earlier prompts from now on. Not answered."""

    most_bytes: int


ToWorker = Submit | Cancel | Look | Embed | Retire | CacheShare
