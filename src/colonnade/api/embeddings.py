"""``POST /v1/embeddings``."""

from typing import Annotated, cast

from litestar import Response, post
from litestar.di import NamedDependency

from colonnade.api.embedding_answer import embedding_answer
from colonnade.api.embedding_jobs import embedding_job
from colonnade.api.errors import ERROR_RESPONSES
from colonnade.api.ignored import ignored_headers
from colonnade.api.options import ApiOptions
from colonnade.api.schema.embeddings import EmbeddingList, EmbeddingRequest
from colonnade.generation import EmbeddingJob, Generator
from colonnade.messages import Failure
from colonnade.web.access import charge_inputs
from colonnade.web.body import WireRequest
from colonnade.web.disconnect import unless_disconnected
from colonnade.web.examples import json_body


@post(
    "/embeddings",
    status_code=200,
    responses=ERROR_RESPONSES,
    response_description="The embeddings, in the order of their inputs.",
    summary="Embeddings",
)
async def create_embeddings(
    data: Annotated[EmbeddingRequest, json_body(input=["Once upon a time", "The end"])],
    request: WireRequest,
    generator: NamedDependency[Generator],
    options: NamedDependency[ApiOptions],
) -> Response[EmbeddingList]:
    """Embed one text or several."""
    job = embedding_job(data, options.max_inputs)
    charge_inputs(request.scope, len(job.inputs))
    ignored = ignored_headers(await request.body(), EmbeddingRequest)
    alone = not isinstance(data.input, list) or isinstance(data.input[0], int)
    as_base64 = data.encoding_format == "base64"
    work = _embed(generator, job, alone=alone, as_base64=as_base64)
    response = await unless_disconnected(request.receive, work)
    response.headers |= ignored
    return response


async def _embed(
    generator: Generator, job: EmbeddingJob, *, alone: bool, as_base64: bool
) -> Response[EmbeddingList]:
    """``alone``: the one input came as it is, in no list."""
    try:
        found = await generator.embeddings.embed(job)
    except Failure as failure:
        if alone and failure.param == "input[0]":
            failure.param = "input"
        raise
    answer = await embedding_answer(found, as_base64=as_base64)
    return cast("Response[EmbeddingList]", answer)
