"""All of OpenAI's resources under ``/v1``, and without it, as llama-server has them too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from litestar import Router
from litestar.di import Provide

from colonnade.api.chat import create_chat_completion
from colonnade.api.completions import create_completion
from colonnade.api.embeddings import create_embeddings
from colonnade.api.models import list_models, retrieve_model
from colonnade.api.rerank import rerank, score
from colonnade.api.transcriptions import create_transcription
from colonnade.web.body import WireRequest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from litestar.handlers import HTTPRouteHandler

    from colonnade.api.options import ApiOptions
    from colonnade.generation import Generator, Models


def openai_routers(generator: Generator, models: Models, options: ApiOptions) -> list[Router]:
    """The routes under both prefixes, bound to what they serve; ``/v1``'s are documented. Cohere's
    clients ask for rankings under ``/v2``."""
    handlers = [
        create_chat_completion,
        create_completion,
        create_embeddings,
        rerank,
        score,
        create_transcription,
        list_models,
        retrieve_model,
    ]
    routes = {"/v1": handlers, "/": handlers, "/v2": [rerank]}
    return [_router(prefix, routes[prefix], generator, models, options) for prefix in routes]


def _router(
    prefix: str,
    handlers: Sequence[HTTPRouteHandler],
    generator: Generator,
    models: Models,
    options: ApiOptions,
) -> Router:
    return Router(
        prefix,
        route_handlers=handlers,
        dependencies={
            "generator": Provide(lambda: generator, sync_to_thread=False),
            "models": Provide(lambda: models, sync_to_thread=False),
            "options": Provide(lambda: options, sync_to_thread=False),
        },
        request_class=WireRequest,
        request_max_body_size=options.max_body_size,
        tags=["OpenAI"],
        opt={"door": "openai"},
        include_in_schema=prefix == "/v1",
    )
