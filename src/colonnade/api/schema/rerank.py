"""``/v1/rerank`` and ``/v1/score``: requests and responses."""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from colonnade.api.schema.embeddings import TextFields, TextUsage


class TextObject(Struct, kw_only=True):
    """A document as an object: its text."""

    text: str


class RerankRequest(TextFields, kw_only=True):
    """A request for documents in the order in which they answer a query, in Jina's, Cohere's or
    (with ``texts``) Hugging Face's shape."""

    query: str | TextObject | None = None
    documents: list[str | TextObject] | None = None
    texts: list[str] | None = None
    """The documents, under TEI's name; the answer has TEI's shape then."""
    top_n: Annotated[int, Meta(ge=1)] | None = None
    """Documents to return; all unless this says otherwise."""
    return_documents: bool | None = None
    return_text: bool | None = None
    """TEI's name of the same."""
    raw_scores: bool | None = None
    """TEI's: false for scores between 0 and 1."""
    use_activation: bool | None = None
    """vLLM's: true for scores between 0 and 1."""
    max_tokens_per_doc: Any = None
    """Refused, as all that follow, where they ask for something."""
    max_chunks_per_doc: Any = None
    rank_fields: Any = None


class RankedDocument(Struct, kw_only=True):
    """A document's place in the ranking."""

    index: int
    """Of the document in the request."""
    relevance_score: float
    document: TextObject | UnsetType = UNSET
    """When asked for."""


class Ranking(Struct, kw_only=True):
    """The best documents, the best one first."""

    id: str
    object: Literal["list"] = "list"
    model: str
    usage: TextUsage
    results: list[RankedDocument]


class RankedText(Struct, kw_only=True):
    """A document's place in a ranking of TEI's shape."""

    index: int
    score: float
    text: str | UnsetType = UNSET
    """When asked for."""


class ScoreRequest(TextFields, kw_only=True):
    """A request for scores of pairs: one query with each document, or as many of both."""

    text_1: str | list[str] | None = None
    text_2: str | list[str] | None = None
    queries: str | list[str] | None = None
    """Another name of ``text_1``."""
    documents: str | list[str] | None = None
    """Another name of ``text_2``."""
    use_activation: bool | None = None
    """False for the model's own scores; else they lie between 0 and 1."""


class Score(Struct, kw_only=True):
    """The score of a pair."""

    index: int
    object: Literal["score"] = "score"
    score: float


class ScoreList(Struct, kw_only=True):
    """The scores, in the order of the pairs."""

    id: str
    object: Literal["list"] = "list"
    created: int
    model: str
    data: list[Score]
    usage: TextUsage
