"""All of OpenAI's resources under ``/v1``, and without it, as llama-server has them too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from litestar import Router
from litestar.di import Provide

from colonnade.api.chat import create_chat_completion
from colonnade.api.completions import create_completion
from colonnade.api.models import list_models, retrieve_model
from colonnade.api.transcriptions import create_transcription
from colonnade.web.body import WireRequest

if TYPE_CHECKING:
    from colonnade.api.options import ApiOptions
    from colonnade.generation import Generator, Models


def openai_routers(generator: Generator, models: Models, options: ApiOptions) -> list[Router]:
    """The routes under both prefixes, bound to what they serve; ``/v1``'s are documented."""
    return [_router(prefix, generator, models, options) for prefix in ("/v1", "/")]


def _router(prefix: str, generator: Generator, models: Models, options: ApiOptions) -> Router:
    return Router(
        prefix,
        route_handlers=[
            create_chat_completion,
            create_completion,
            create_transcription,
            list_models,
            retrieve_model,
        ],
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
