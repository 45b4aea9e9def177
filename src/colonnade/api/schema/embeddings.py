"""``/v1/embeddings``: request and response."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from colonnade.api.schema.requests import Limit


class TextFields(Struct, kw_only=True):
    """What requests for embeddings and for scores have in common."""

    model: str | None = None
    truncate_prompt_tokens: Limit | None = None
    """Tokens of each input to read; -1 for as many as the model can."""
    user: Any = None
    """Accepted and ignored."""
    priority: Any = None
    """Refused: inputs are computed in the turns of their clients."""


class EmbeddingRequest(TextFields, kw_only=True):
    """A request for embeddings."""

    input: str | list[str | int | list[int]] | None = None
    """A string, a list of strings, token ids, or a list of lists of token ids."""
    encoding_format: Literal["float", "base64"] | None = None
    """Floats unless this says otherwise; base64 is of little-endian float32."""
    dimensions: Annotated[int, Meta(ge=1)] | None = None
    """Numbers to keep of each embedding, the first ones."""
    truncation_side: Literal["left", "right"] | None = None
    """Where to cut what is truncated; the end unless this says otherwise."""
    add_special_tokens: bool | None = None
    normalize: bool | None = None
    embd_normalize: Annotated[int, Meta(ge=-1)] | None = None
    """llama-server's: -1 not at all, 0 by the largest number, else by the norm of that order."""
    input_type: str | None = None
    """Cohere's and others': ``query`` or ``document``, under several names."""
    embed_dtype: Any = None
    """Refused, as all that follow, where they ask for something."""
    endianness: Any = None
    messages: Any = None
    content: Any = None


class Embedding(Struct, kw_only=True):
    """The embedding of one input."""

    object: Literal["embedding"] = "embedding"
    index: int
    embedding: list[float] | str
    """Numbers, or their base64."""


class TextUsage(Struct, kw_only=True):
    """Tokens of a whole request."""

    prompt_tokens: int
    total_tokens: int


class EmbeddingList(Struct, kw_only=True):
    """The embeddings, in the order of their inputs."""

    object: Literal["list"] = "list"
    model: str
    usage: TextUsage
    data: list[Embedding]
