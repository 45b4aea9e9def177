"""Composition of the HTTP applications: routers, errors, documentation, the layers around them.

Gets what they serve ready-made; starts no processes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from litestar import Litestar
from litestar.config.cors import CORSConfig
from litestar.enums import ScopeType
from litestar.openapi import OpenAPIConfig

from colonnade import __version__
from colonnade.api.errors import EXCEPTION_HANDLERS
from colonnade.api.narrowed import HEADER as NARROWED
from colonnade.api.router import openai_router
from colonnade.legacy.errors import handlers
from colonnade.legacy.routers import TITLES, main_routers, service_router
from colonnade.ops.documents import JSON, REDOC, SWAGGER, documents_router
from colonnade.ops.health import ops_router
from colonnade.ops.metrics import metrics_router
from colonnade.web.access import KeysMiddleware, LimitMiddleware
from colonnade.web.request_ids import RequestIds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from litestar import Router
    from litestar.types import (
        ASGIApp,
        ExceptionHandlersMap,
        Middleware,
        Receive,
        Scope,
        Send,
    )

    from colonnade.api.options import ApiOptions
    from colonnade.generation import Generator, Models
    from colonnade.legacy.errors import Service
    from colonnade.legacy.house import House


def create_app(
    generator: Generator,
    models: Models,
    options: ApiOptions,
    *,
    house: House | None = None,
) -> Litestar:
    """The application of the main port; with ``house``, the older services are on it too."""
    routers = [
        openai_router(generator, models, options),
        ops_router(models),
        metrics_router(models),
    ]
    if house is not None:
        routers += main_routers(house)
    return _application(routers, EXCEPTION_HANDLERS, options, "Colonnade", house)


def create_service_app(service: Service, house: House, options: ApiOptions) -> Litestar:
    """The application of an older service's own port: its routes and nothing else."""
    router = service_router(service, house)
    return _application([router], handlers(service), options, TITLES[service], house)


def _application(
    routers: Sequence[Router],
    exception_handlers: ExceptionHandlersMap,
    options: ApiOptions,
    title: str,
    house: House | None,
) -> Litestar:
    app = Litestar(
        route_handlers=[*routers, documents_router()],
        exception_handlers=exception_handlers,
        cors_config=_cors(options),
        middleware=_middleware(house),
        openapi_config=OpenAPIConfig(
            title=title,
            version=__version__,
            use_handler_docstrings=True,
            render_plugins=[SWAGGER, REDOC, JSON],
        ),
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


def _middleware(house: House | None) -> list[Middleware]:
    layers: list[Middleware] = []
    if house is not None and house.limit:
        layers.append(LimitMiddleware(house.limit))
    if house is not None and house.keys:
        layers.append(KeysMiddleware(house.keys))
    return layers


def _cors(options: ApiOptions) -> CORSConfig | None:
    """What pages of other origins may do; None for nothing."""
    if not options.cors_origins:
        return None
    return CORSConfig(
        allow_origins=list(options.cors_origins),
        expose_headers=[
            "x-request-id",
            "openai-processing-ms",
            "retry-after",
            "retry-after-ms",
            NARROWED,
        ],
    )
