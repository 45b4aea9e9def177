"""``POST /v1/rerank`` and ``POST /v1/score``."""

import math
from typing import Annotated

from litestar import Response, post
from litestar.di import NamedDependency

from colonnade.api.embedding_jobs import RankJob, rank_job, score_job
from colonnade.api.errors import ERROR_RESPONSES
from colonnade.api.identity import Identity
from colonnade.api.ignored import ignored_headers
from colonnade.api.options import ApiOptions
from colonnade.api.schema.embeddings import TextUsage
from colonnade.api.schema.rerank import (
    RankedDocument,
    RankedText,
    Ranking,
    RerankRequest,
    Score,
    ScoreList,
    ScoreRequest,
    TextObject,
)
from colonnade.generation import Generator, Scored, ScoreJob
from colonnade.messages import Failure
from colonnade.web.access import charge_inputs
from colonnade.web.body import WireRequest
from colonnade.web.disconnect import unless_disconnected
from colonnade.web.examples import json_body


@post(
    ["/rerank", "/reranking"],
    status_code=200,
    responses=ERROR_RESPONSES,
    response_description="The best documents, the best one first.",
    summary="Rerank",
)
async def rerank(
    data: Annotated[
        RerankRequest,
        json_body(query="What is a panda?", documents=["A bear.", "It rains."], top_n=1),
    ],
    request: WireRequest,
    generator: NamedDependency[Generator],
    options: NamedDependency[ApiOptions],
) -> Response[Ranking | list[RankedText]]:
    """Order documents by how well they answer a query."""
    job = rank_job(data, options.max_inputs)
    charge_inputs(request.scope, len(job.documents))
    ignored = ignored_headers(await request.body(), RerankRequest)
    work = _score(generator, job.score, "texts" if job.tei else "documents")
    scored = await unless_disconnected(request.receive, work)
    return Response(_texts(job, scored) if job.tei else _ranking(job, scored), headers=ignored)


@post(
    "/score",
    status_code=200,
    responses=ERROR_RESPONSES,
    response_description="The scores, in the order of the pairs.",
    summary="Score",
)
async def score(
    data: Annotated[
        ScoreRequest, json_body(text_1="What is a panda?", text_2=["A bear.", "It rains."])
    ],
    request: WireRequest,
    generator: NamedDependency[Generator],
    options: NamedDependency[ApiOptions],
) -> Response[ScoreList]:
    """Score pairs of texts by how well the second one answers the first."""
    job = score_job(data, options.max_inputs)
    charge_inputs(request.scope, len(job.pairs))
    ignored = ignored_headers(await request.body(), ScoreRequest)
    name = "text_2" if data.documents is None else "documents"
    work = _score(generator, job, name)
    scored = await unless_disconnected(request.receive, work)
    identity = Identity.fresh("score", scored.model)
    scores = _values(scored, squashed=data.use_activation is not False)
    answer = ScoreList(
        id=identity.id,
        created=identity.created,
        model=scored.model,
        data=[Score(index=index, score=each) for index, each in enumerate(scores)],
        usage=_usage(scored),
    )
    return Response(answer, headers=ignored)


async def _score(generator: Generator, job: ScoreJob, name: str) -> Scored:
    try:
        return await generator.embeddings.score(job)
    except Failure as failure:
        if failure.param and failure.param.startswith("input["):
            failure.param = failure.param.replace("input", name, 1)
        raise


def _ranking(job: RankJob, scored: Scored) -> Ranking:
    scores = _values(scored, squashed=job.squashed)
    results = [
        RankedDocument(index=index, relevance_score=scores[index]) for index in _best(job, scores)
    ]
    if job.texts:
        for each in results:
            each.document = TextObject(text=job.documents[each.index])
    return Ranking(
        id=Identity.fresh("rerank", scored.model).id,
        model=scored.model,
        usage=_usage(scored),
        results=results,
    )


def _texts(job: RankJob, scored: Scored) -> list[RankedText]:
    scores = _values(scored, squashed=job.squashed)
    found = [RankedText(index=index, score=scores[index]) for index in _best(job, scores)]
    if job.texts:
        for each in found:
            each.text = job.documents[each.index]
    return found


def _best(job: RankJob, scores: list[float]) -> list[int]:
    """Documents by their scores, the first of equals first."""
    order = sorted(range(len(scores)), key=scores.__getitem__, reverse=True)
    return order[: job.most]


def _values(scored: Scored, *, squashed: bool) -> list[float]:
    """The scores, between 0 and 1 where that is asked for."""
    if not squashed or scored.bounded:
        return scored.scores
    return [_logistic(each) for each in scored.scores]


def _logistic(value: float) -> float:
    if value < 0:
        small = math.exp(value)
        return small / (1 + small)
    return 1 / (1 + math.exp(-value))


def _usage(scored: Scored) -> TextUsage:
    return TextUsage(prompt_tokens=scored.prompt_tokens, total_tokens=scored.prompt_tokens)
