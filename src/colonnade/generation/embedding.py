"""From texts to their embeddings, and from pairs of texts to scores."""

from __future__ import annotations

import asyncio
import re
import struct
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache, partial
from typing import TYPE_CHECKING

from colonnade.generation.accounts import Used, counted
from colonnade.generation.turn import asking
from colonnade.messages import EmbedInput, Failure, FailureKind, TextPart, TokenPart
from colonnade.watch import about

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from colonnade.engine import Embedder, Rows
    from colonnade.generation.accounts import Accounts
    from colonnade.generation.models import EmbeddingDefaults, Models, ServedModel

_AT_ONCE = 256
"""Inputs that are made ready before others have their turn."""

_MOST_TEXT = 1 << 26
"""Characters of all pairs of a request: the query stands in each of them."""

_RANK = "rank"
_TEMPLATE = "rerank"
"""The name of the template that a reranker may have for its pairs."""

_PLACE = re.compile(r"\{(query|document)\}")


class InputKind(StrEnum):
    """What a text is, for models that have an instruction for each."""

    QUERY = "query"
    DOCUMENT = "document"


@dataclass(frozen=True, slots=True)
class EmbeddingJob:
    """A request for embeddings. ``model`` is the name that the client gave, None: the default."""

    model: str | None
    inputs: tuple[str | tuple[int, ...], ...]
    """Texts, or token ids, which are taken as they are; at least one."""
    kind: InputKind | None = None
    most_tokens: int | None = None
    """Of each input, those of the vocabulary around it included: see ``messages.Embed``."""
    last_tokens: bool = False
    dimensions: int | None = None
    norm: float | None = None
    """The order of the norm that embeddings are divided by; negative for none, None as the model's
    settings say."""
    specials: bool = True
    """Whether the vocabulary's tokens are put around texts."""


@dataclass(frozen=True, slots=True)
class ScoreJob:
    """A request for scores of pairs: how well each document answers its query."""

    model: str | None
    pairs: Sequence[tuple[str, str]]
    """Queries and documents; at least one."""
    most_tokens: int | None = None
    """Of each pair; the document is cut."""


@dataclass(frozen=True, slots=True)
class Embedded:
    """What came of a request for embeddings, by the id of its model."""

    model: str
    rows: Rows


@dataclass(frozen=True, slots=True)
class Scored:
    """What came of a request for scores, by the id of its model."""

    model: str
    scores: list[float]
    """In the order of the pairs; the larger, the better."""
    prompt_tokens: int
    bounded: bool
    """They lie between 0 and 1 already: shares of several classes."""


class Embeddings:
    """Embeds and scores. One per server."""

    def __init__(self, models: Models, accounts: Accounts) -> None:
        """``accounts``: who may use how much, and has."""
        self._models = models
        self._accounts = accounts

    async def embed(self, job: EmbeddingJob) -> Embedded:
        """Embed texts.

        Raises:
            Failure: the model is unknown, away or not to be asked for embeddings, an input is too
                long, the queue is full, or the client has a quota that is used up.
        """
        model, embedder = await self._obtain(job.model)
        info = embedder.info
        if info.pooling == _RANK:
            msg = f"The model {model.id!r} scores pairs of texts: it makes no embeddings."
            raise Failure(FailureKind.UNSUPPORTED, msg, param="model")
        if job.dimensions is not None and job.dimensions > info.row_size:
            msg = f"'dimensions' is {job.dimensions}: this model's embeddings have {info.row_size}."
            raise Failure(FailureKind.INVALID_REQUEST, msg, param="dimensions")
        _check_most(job.most_tokens, info.ctx_size)
        prefix = _prefix(model.embedding, job.kind)
        special = any(name and name in prefix for name in info.special_tokens.values())
        make = partial(_input, prefix=prefix, apart=special, bare=not job.specials)
        with model.use.held():
            inputs = await _made([partial(make, each) for each in job.inputs])
            rows = await embedder.embed(
                inputs,
                most_tokens=job.most_tokens,
                last_tokens=job.last_tokens,
                dimensions=job.dimensions,
                norm=_norm(job, model.embedding),
                client=asking.get(),
                used=self._account(),
            )
        return Embedded(model.id, rows)

    async def score(self, job: ScoreJob) -> Scored:
        """Score pairs of texts.

        Raises:
            Failure: as ``embed``, or the model is no reranker.
        """
        model, embedder = await self._obtain(job.model)
        info = embedder.info
        if info.pooling != _RANK:
            msg = f"The model {model.id!r} is no reranker: it does not score pairs of texts."
            raise Failure(FailureKind.UNSUPPORTED, msg, param="model")
        _check_most(job.most_tokens, info.ctx_size)
        length = sum(len(query) + len(document) for query, document in job.pairs)
        if length > _MOST_TEXT:
            msg = (
                f"All pairs together have {length} characters, the query's in each of them; "
                f"{_MOST_TEXT} are allowed."
            )
            raise Failure(FailureKind.INVALID_REQUEST, msg, param="documents")
        template = info.chat_templates.get(_TEMPLATE)
        make: Callable[[str, str], EmbedInput] = _pair
        if template is not None:
            make = _template(template, tuple(info.special_tokens.values())).pair
        with model.use.held():
            inputs = await _made([partial(make, *pair) for pair in job.pairs])
            rows = await embedder.embed(
                inputs,
                most_tokens=job.most_tokens,
                norm=None,
                client=asking.get(),
                used=self._account(),
            )
        return Scored(model.id, _firsts(rows), rows.prompt_tokens, bounded=info.row_size > 1)

    async def _obtain(self, name: str | None) -> tuple[ServedModel, Embedder]:
        """The model of a name, loaded if need be, and what embeds with it.

        Raises:
            Failure: it cannot be had, or the client has a quota that is used up.
        """
        self._accounts.admit(asking.get())
        model = await self._models.obtain(name or "")
        found = about.get()
        if found is not None:
            found.model = model.id
        if model.embedder is None:
            msg = (
                f"The model {model.id!r} is not to be asked for embeddings here: it generates text "
                "(--embeddings on lets it be)."
            )
            raise Failure(FailureKind.UNSUPPORTED, msg, param="model")
        return model, model.embedder

    def _account(self) -> Callable[[int], None]:
        """What counts a request of the client's, with the tokens that it used."""
        client = asking.get()
        return lambda tokens: counted(self._accounts, client)(Used(prompt_tokens=tokens))


class PairTemplate:
    """What a reranker wants around a pair of texts: ``{query}`` and ``{document}`` stand for them.

    Names of special tokens are those tokens in the template, and text in a query or a document.
    """

    def __init__(self, template: str, special_tokens: Iterable[str]) -> None:
        names = sorted(filter(None, special_tokens), key=len, reverse=True)
        found = f"({'|'.join(map(re.escape, names))})" if names else r"(?!)()"
        parts = [
            (text, bool(number % 2))
            for number, text in enumerate(re.split(found, template))
            if text
        ]
        places = [number for number, (text, _) in enumerate(parts) if "{document}" in text]
        last = places[-1] if places else len(parts) - 1
        text, special = parts[last]
        before, place, behind = text.rpartition("{document}")
        self._head = [*parts[:last], (before + place if place else text, special)]
        self._tail = [(behind, special) if place else ("", special), *parts[last + 1 :]]

    def pair(self, query: str, document: str) -> EmbedInput:
        """A pair as the worker gets it; where it is too long, the document is cut."""
        texts = {"query": query, "document": document}

        def filled(parts: list[tuple[str, bool]]) -> tuple[TextPart, ...]:
            return tuple(
                TextPart(_PLACE.sub(lambda found: texts[found[1]], text), special)
                for text, special in parts
                if text
            )

        return EmbedInput(filled(self._head), tail=filled(self._tail), bare=True)


@lru_cache(maxsize=16)
def _template(template: str, special_tokens: tuple[str, ...]) -> PairTemplate:
    return PairTemplate(template, special_tokens)


def _pair(query: str, document: str) -> EmbedInput:
    return EmbedInput((TextPart(query, special=False),), (TextPart(document, special=False),))


def _input(given: str | tuple[int, ...], *, prefix: str, apart: bool, bare: bool) -> EmbedInput:
    """A text behind its prefix, tokenized together with it, or ``apart`` where the prefix holds
    names of special tokens."""
    if not isinstance(given, str):
        return EmbedInput((TokenPart(given),), bare=True)
    if apart:
        return EmbedInput((TextPart(prefix), TextPart(given, special=False)), bare=bare)
    return EmbedInput((TextPart(prefix + given, special=False),), bare=bare)


async def _made(makers: list[Callable[[], EmbedInput]]) -> tuple[EmbedInput, ...]:
    """All inputs; others are served in between."""
    made: list[EmbedInput] = []
    for number, make in enumerate(makers):
        made.append(make())
        if number % _AT_ONCE == _AT_ONCE - 1:
            await asyncio.sleep(0)
    return tuple(made)


def _prefix(defaults: EmbeddingDefaults, kind: InputKind | None) -> str:
    match kind:
        case InputKind.QUERY:
            return defaults.query_prefix
        case InputKind.DOCUMENT:
            return defaults.document_prefix
        case _:
            return defaults.prefix


def _norm(job: EmbeddingJob, defaults: EmbeddingDefaults) -> float | None:
    order = job.norm
    if order is None:
        order = 2.0 if defaults.normalize else -1.0
    return None if order < 0 else order


def _check_most(most: int | None, ctx_size: int) -> None:
    if most is not None and most > ctx_size:
        msg = f"'truncate_prompt_tokens' is {most}: this model reads {ctx_size} tokens at most."
        raise Failure(FailureKind.INVALID_REQUEST, msg, param="truncate_prompt_tokens")


def _firsts(rows: Rows) -> list[float]:
    """The first number of each row."""
    width = rows.size // 4
    data = b"".join(rows.parts)
    return [each[0] for each in struct.iter_unpack(f"<{width}f", data)]
