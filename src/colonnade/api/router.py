"""All of OpenAI's resources under ``/v1``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from litestar import Router
from litestar.di import Provide

from colonnade.api.chat import create_chat_completion
from colonnade.api.completions import create_completion
from colonnade.api.models import list_models, retrieve_model
from colonnade.web.body import WireRequest

if TYPE_CHECKING:
    from colonnade.api.options import ApiOptions
    from colonnade.generation import Generator, Models


def openai_router(generator: Generator, models: Models, options: ApiOptions) -> Router:
    """The routes, bound to what they serve."""
    return Router(
        "/v1",
        route_handlers=[create_chat_completion, create_completion, list_models, retrieve_model],
        dependencies={
            "generator": Provide(lambda: generator, sync_to_thread=False),
            "models": Provide(lambda: models, sync_to_thread=False),
            "options": Provide(lambda: options, sync_to_thread=False),
        },
        request_class=WireRequest,
        request_max_body_size=options.max_body_size,
        tags=["OpenAI"],
    )
