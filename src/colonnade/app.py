"""Composition of the HTTP application: routers, errors, documentation, the layers around them.

Gets its engine room ready-made. Reads no settings and starts no processes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from litestar import Litestar
from litestar.config.cors import CORSConfig
from litestar.enums import ScopeType
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import RedocRenderPlugin, SwaggerRenderPlugin

from colonnade import __version__
from colonnade.api.errors import EXCEPTION_HANDLERS
from colonnade.api.request_ids import RequestIds
from colonnade.api.router import openai_router
from colonnade.ops.health import ops_router

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractAsyncContextManager

    from litestar.types import ASGIApp, Receive, Scope, Send

    from colonnade.api.options import ApiOptions
    from colonnade.generation import Generator, Models


def create_app(
    generator: Generator,
    models: Models,
    options: ApiOptions,
    *,
    lifespan: Sequence[Callable[[Litestar], AbstractAsyncContextManager[None]]] = (),
) -> Litestar:
    """The application, serving ``models`` through ``generator``."""
    app = Litestar(
        route_handlers=[openai_router(generator, models, options), ops_router(models)],
        exception_handlers=EXCEPTION_HANDLERS,
        cors_config=_cors(options),
        openapi_config=OpenAPIConfig(
            title="Colonnade",
            version=__version__,
            path="/schema",
            render_plugins=[SwaggerRenderPlugin(), RedocRenderPlugin()],
        ),
        lifespan=list(lifespan),
        # Logging belongs to whoever runs the process.
        logging_config=None,
    )
    # Litestar's own middleware runs behind the router, where unknown paths never come.
    app.asgi_handler = RequestIds(_head_as_get(app.asgi_handler))
    return app


def _head_as_get(app: ASGIApp) -> ASGIApp:
    """Route HEAD as GET, for Litestar does not; the HTTP server leaves out the body."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.HTTP and scope["method"] == "HEAD":
            scope = cast("Scope", {**scope, "method": "GET"})
        await app(scope, receive, send)

    return serve


def _cors(options: ApiOptions) -> CORSConfig | None:
    """What pages of other origins may do; None for nothing."""
    if not options.cors_origins:
        return None
    return CORSConfig(
        allow_origins=list(options.cors_origins),
        expose_headers=["x-request-id", "openai-processing-ms", "retry-after", "retry-after-ms"],
    )
