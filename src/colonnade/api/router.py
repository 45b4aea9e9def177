"""All of OpenAI's resources under ``/v1``, and without it, as llama-server has them too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from litestar import Router
from litestar.di import Provide

from colonnade.api.chat import create_chat_completion
from colonnade.api.completions import create_completion
from colonnade.api.embeddings import create_embeddings
from colonnade.api.models import CONTROL, list_models, retrieve_model
from colonnade.api.rerank import rerank, score
from colonnade.api.transcriptions import create_transcription
from colonnade.web.body import WireRequest

if TYPE_CHECKING:
    from colonnade.api.options import ApiOptions
    from colonnade.generation import Generator, Models
    from colonnade.serving import ModelRegistry

_ROUTES = (
    create_chat_completion,
    create_completion,
    create_embeddings,
    rerank,
    score,
    create_transcription,
    list_models,
    retrieve_model,
)


def openai_routers(
    generator: Generator, models: Models, options: ApiOptions, registry: ModelRegistry | None = None
) -> list[Router]:
    """The routes under both prefixes, bound to what they serve; ``/v1``'s are documented. Cohere's
    clients ask for rankings under ``/v2``. With a ``registry``, those that steer it are there."""
    handlers = [*_ROUTES, *(() if registry is None else CONTROL)]
    dependencies = {
        "generator": Provide(lambda: generator, sync_to_thread=False),
        "models": Provide(lambda: models, sync_to_thread=False),
        "registry": Provide(lambda: registry, sync_to_thread=False),
        "options": Provide(lambda: options, sync_to_thread=False),
    }
    routes = {"/v1": handlers, "/": handlers, "/v2": [rerank]}
    return [
        Router(
            prefix,
            route_handlers=routes[prefix],
            dependencies=dependencies,
            request_class=WireRequest,
            request_max_body_size=options.max_body_size,
            tags=["OpenAI"],
            opt={"door": "openai"},
            include_in_schema=prefix == "/v1",
        )
        for prefix in routes
    ]
