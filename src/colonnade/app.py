"""Composition of the HTTP applications: routers, errors, documentation, the layers around them.

Gets what they serve ready-made; starts no processes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from litestar import Litestar, Router
from litestar.config.cors import CORSConfig
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme
from litestar.routes import HTTPRoute

from colonnade import __version__
from colonnade.api.adapters import adapters_router
from colonnade.api.errors import EXCEPTION_HANDLERS
from colonnade.api.fields import Endpoint, refused_schemas
from colonnade.api.ignored import HEADER as IGNORED
from colonnade.api.narrowed import HEADER as NARROWED
from colonnade.api.router import openai_routers
from colonnade.api.schema.chat import ChatRequest
from colonnade.api.schema.completions import CompletionRequest
from colonnade.api.schema.embeddings import EmbeddingRequest
from colonnade.api.schema.rerank import RerankRequest, ScoreRequest
from colonnade.legacy.errors import handlers
from colonnade.legacy.numbers import HouseCollector
from colonnade.legacy.routers import TITLES, main_routers, service_router
from colonnade.ops.documents import LITESTARS, Documents, documents_router, schema_router
from colonnade.ops.health import ops_router
from colonnade.ops.metrics import metrics_router
from colonnade.ops.registry import RegistryCollector
from colonnade.ops.slots import slots_router
from colonnade.ops.usage import UsageCollector, usage_router
from colonnade.web.methods import head_as_get, whole_allow
from colonnade.web.observed import Routed
from colonnade.web.openapi import WireSchemas
from colonnade.web.pages import PageGuard
from colonnade.web.request_ids import RequestIds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from litestar.types import ExceptionHandlersMap
    from prometheus_client.registry import Collector

    from colonnade.api.options import ApiOptions
    from colonnade.generation import Generator, Models
    from colonnade.legacy.errors import Service
    from colonnade.legacy.house import House
    from colonnade.web.access import Access
    from colonnade.web.pages import PageRules


def create_app(
    generator: Generator,
    models: Models,
    options: ApiOptions,
    access: Access,
    *,
    house: House | None = None,
) -> Litestar:
    """The application of the main port; with ``house``, the older services are on it too.

    ``access`` says who may come in; there is no application without it.
    """
    routers = [
        *openai_routers(generator, models, options, None if house is None else house.registry),
        ops_router(models),
        metrics_router(models, _collectors(access, house)),
        slots_router(models),
        adapters_router(models),
        usage_router(access.ledger),
    ]
    if house is not None:
        routers += main_routers(house)
    return _application(routers, EXCEPTION_HANDLERS, options, "Colonnade", access)


def create_service_app(
    service: Service, house: House, options: ApiOptions, access: Access
) -> Litestar:
    """The application of an older service's own port: its routes and nothing else."""
    router = service_router(service, house)
    return _application([router], handlers(service), options, TITLES[service], access)


def _application(
    routers: Sequence[Router],
    exception_handlers: ExceptionHandlersMap,
    options: ApiOptions,
    title: str,
    access: Access,
) -> Litestar:
    documents = Documents()
    app = Litestar(
        route_handlers=[*routers, documents_router(documents)],
        exception_handlers=exception_handlers,
        cors_config=_cors(options.pages),
        middleware=[Routed(), *access.middleware()],
        openapi_config=OpenAPIConfig(
            title=title,
            version=__version__,
            use_handler_docstrings=True,
            render_plugins=[LITESTARS],
            openapi_router=schema_router(documents),
            components=_components(access),
            security=[{"key": []}] if access.keys else None,
        ),
        plugins=[_schemas()],
        # Logging belongs to whoever runs the process.
        logging_config=None,
    )
    # Litestar's own middleware runs behind the router, where unknown paths never come.
    handler = app.asgi_handler
    routes = [route for route in app.routes if isinstance(route, HTTPRoute)]
    handler = whole_allow(handler, {each.path_format: set(each.methods) for each in routes})
    handler = PageGuard(access.identified(head_as_get(handler)), app, options.pages)
    app.asgi_handler = RequestIds(handler)
    return app


def _collectors(access: Access, house: House | None) -> list[Collector]:
    """Numbers beside those of engines, doors and processes."""
    usage = UsageCollector(access.ledger)
    if house is None:
        return [usage]
    return [usage, HouseCollector(house), RegistryCollector(house.registry)]


def _components(access: Access) -> Components:
    """How a request carries a key, for the documentation's pages, which then ask for one."""
    if not access.keys:
        return Components()
    return Components(security_schemes={"key": SecurityScheme(type="http", scheme="bearer")})


def _schemas() -> WireSchemas:
    return WireSchemas(
        {
            ChatRequest: refused_schemas(Endpoint.CHAT),
            CompletionRequest: refused_schemas(Endpoint.COMPLETIONS),
            EmbeddingRequest: refused_schemas(Endpoint.EMBEDDINGS),
            RerankRequest: refused_schemas(Endpoint.RERANK),
            ScoreRequest: refused_schemas(Endpoint.SCORE),
        }
    )


def _cors(pages: PageRules) -> CORSConfig | None:
    """What pages of other origins are told that they may do; None for nothing."""
    if not pages.origins:
        return None
    return CORSConfig(
        allow_origins=list(pages.origins.listed),
        expose_headers=[
            "x-request-id",
            "openai-processing-ms",
            "retry-after",
            "retry-after-ms",
            NARROWED,
            IGNORED,
        ],
    )
