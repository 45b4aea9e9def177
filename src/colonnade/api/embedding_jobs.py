"""From the wire's requests for embeddings and scores to what is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from colonnade.api.fields import Endpoint, refuse_fields
from colonnade.api.schema.rerank import TextObject
from colonnade.generation import EmbeddingJob, InputKind, ScoreJob
from colonnade.messages import Failure, FailureKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from colonnade.api.schema.embeddings import EmbeddingRequest
    from colonnade.api.schema.rerank import RerankRequest, ScoreRequest

    Input = str | tuple[int, ...]

_KINDS = {
    "query": InputKind.QUERY,
    "search_query": InputKind.QUERY,
    "retrieval.query": InputKind.QUERY,
    "document": InputKind.DOCUMENT,
    "passage": InputKind.DOCUMENT,
    "search_document": InputKind.DOCUMENT,
    "retrieval.passage": InputKind.DOCUMENT,
}
"""By the words of Cohere, NVIDIA, Voyage and Jina."""


def embedding_job(request: EmbeddingRequest, most_inputs: int) -> EmbeddingJob:
    """What a request for embeddings asks for.

    Raises:
        Failure: it asks for something wrong or impossible.
    """
    refuse_fields(request, Endpoint.EMBEDDINGS)
    inputs = _inputs(request.input, most_inputs)
    kind = _kind(request.input_type)
    if kind is not None and not isinstance(inputs[0], str):
        raise _invalid(
            "input_type", "'input_type' is about texts: token ids are taken as they are."
        )
    return EmbeddingJob(
        request.model or None,
        inputs,
        kind,
        request.truncate_prompt_tokens,
        request.truncation_side == "left",
        request.dimensions,
        _norm(request),
        specials=request.add_special_tokens is not False,
    )


@dataclass(frozen=True, slots=True)
class RankJob:
    """What a request for a ranking asks for."""

    score: ScoreJob
    documents: list[str]
    most: int
    """Documents to return."""
    texts: bool
    """Return what they say, too."""
    tei: bool
    """The answer has TEI's shape."""
    squashed: bool
    """Scores lie between 0 and 1."""


def rank_job(request: RerankRequest, most_inputs: int) -> RankJob:
    """What a request for a ranking asks for.

    Raises:
        Failure: it asks for something wrong or impossible.
    """
    refuse_fields(request, Endpoint.RERANK)
    tei = request.documents is None and request.texts is not None
    name = "texts" if tei else "documents"
    given = request.texts if tei else request.documents
    if request.query is None:
        raise _invalid("query", "'query' is required.")
    documents = [_text(each) for each in given or ()]
    _check_count(documents, name, most_inputs)
    query = _text(request.query)
    if request.raw_scores is not None and request.use_activation is not None:
        msg = "'raw_scores' and 'use_activation' are two names of one wish: give one of them."
        raise _invalid("use_activation", msg)
    return RankJob(
        ScoreJob(
            request.model or None,
            [(query, document) for document in documents],
            request.truncate_prompt_tokens,
        ),
        documents,
        request.top_n or len(documents),
        texts=bool(request.return_text if tei else request.return_documents),
        tei=tei,
        squashed=request.use_activation is True or request.raw_scores is False,
    )


def score_job(request: ScoreRequest, most_inputs: int) -> ScoreJob:
    """What a request for scores asks for.

    Raises:
        Failure: it asks for something wrong or impossible.
    """
    refuse_fields(request, Endpoint.SCORE)
    first = _side(request.text_1, request.queries, ("text_1", "queries"), most_inputs)
    second = _side(request.text_2, request.documents, ("text_2", "documents"), most_inputs)
    if len(first) == 1:
        first = first * len(second)
    if len(first) != len(second):
        msg = (
            f"There are {len(first)} texts for {len(second)}: there must be as many of both, or "
            "one for all."
        )
        raise _invalid("text_1", msg)
    return ScoreJob(
        request.model or None,
        list(zip(first, second, strict=True)),
        request.truncate_prompt_tokens,
    )


def _inputs(given: str | Sequence[str | int | list[int]] | None, most: int) -> tuple[Input, ...]:
    """The inputs out of the four forms that the field takes."""
    if given is None:
        raise _invalid("input", "'input' is required.")
    if isinstance(given, str):
        return (_filled(given, "input"),)
    if not given:
        raise _invalid("input", "'input' is an empty list.")
    if isinstance(given[0], int):
        return (_ids(given, "input"),)
    _check_count(given, "input", most)
    inputs: list[Input] = []
    for number, each in enumerate(given):
        if isinstance(each, int) or type(each) is not type(given[0]):
            msg = "'input' must be a string, a list of strings, or one or more lists of token ids."
            raise _invalid("input", msg)
        path = f"input[{number}]"
        inputs.append(_filled(each, path) if isinstance(each, str) else _ids(each, path))
    return tuple(inputs)


def _filled(text: str, path: str) -> str:
    if not text:
        raise _invalid(path, f"{path!r} is empty: there is nothing to embed.")
    return text


def _ids(given: Sequence[object], path: str) -> tuple[int, ...]:
    ids = tuple(each for each in given if isinstance(each, int))
    if len(ids) < len(given):
        number = next(number for number, each in enumerate(given) if not isinstance(each, int))
        raise _invalid(path, f"'{path}[{number}]' is no token id.")
    if not ids:
        raise _invalid(path, f"{path!r} holds no token.")
    return _in_range(ids, path)


def _in_range(ids: tuple[int, ...], path: str) -> tuple[int, ...]:
    """What fits into an id at all; the worker knows the vocabulary."""
    if min(ids) < 0 or max(ids) >= 1 << 31:
        number = next(number for number, each in enumerate(ids) if not 0 <= each < 1 << 31)
        raise _invalid(path, f"'{path}[{number}]' is {ids[number]}, which is no token's id.")
    return ids


def _check_count(given: Sequence[object], name: str, most: int) -> None:
    if not given:
        raise _invalid(name, f"{name!r} must hold at least one text.")
    if len(given) > most:
        raise _invalid(name, f"{name!r} holds {len(given)} inputs: at most {most} are allowed.")


def _side(
    given: str | list[str] | None, other: str | list[str] | None, names: tuple[str, str], most: int
) -> list[str]:
    """The texts of one side of pairs, under whichever of their names they came."""
    if given is not None and other is not None:
        raise _invalid(names[1], f"{names[1]!r} is another name of {names[0]!r}: give one of them.")
    name = names[0] if other is None else names[1]
    found = given if other is None else other
    if found is None:
        raise _invalid(names[0], f"{names[0]!r} is required.")
    texts = [found] if isinstance(found, str) else found
    _check_count(texts, name, most)
    return texts


def _text(given: str | TextObject) -> str:
    return given.text if isinstance(given, TextObject) else given


def _kind(given: str | None) -> InputKind | None:
    if given is None:
        return None
    kind = _KINDS.get(given.lower())
    if kind is None:
        known = ", ".join(_KINDS)
        msg = f"'input_type' can be {known}. For another kind, put its instruction before the text."
        raise Failure(FailureKind.UNSUPPORTED, msg, param="input_type")
    return kind


def _norm(request: EmbeddingRequest) -> float | None:
    """The order of the norm to divide by, see ``EmbeddingJob``."""
    if request.embd_normalize is not None:
        if request.normalize is not None:
            msg = "'normalize' and 'embd_normalize' are about the same: give one of them."
            raise _invalid("normalize", msg)
        return float(request.embd_normalize)
    if request.normalize is None:
        return None
    return 2.0 if request.normalize else -1.0


def _invalid(param: str, message: str) -> Failure:
    return Failure(FailureKind.INVALID_REQUEST, message, param=param)
