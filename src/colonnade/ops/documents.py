"""``/docs``, ``/redoc`` and ``/openapi.json``: where clients of the older services look for them.

Litestar has the same pages under ``/schema``; it can put them at the root only where nothing else
is there.
"""

from typing import Any

from litestar import MediaType, Request, Router, get
from litestar.openapi.plugins import JsonRenderPlugin, RedocRenderPlugin, SwaggerRenderPlugin

from colonnade.web.access import admins_only

SWAGGER, REDOC, JSON = SwaggerRenderPlugin(), RedocRenderPlugin(), JsonRenderPlugin()


@get("/docs", media_type=MediaType.HTML, sync_to_thread=False)
def swagger(request: Request[Any, Any, Any]) -> bytes:
    """Swagger UI."""
    return SWAGGER.render(request, request.app.openapi_schema.to_schema())


@get("/redoc", media_type=MediaType.HTML, sync_to_thread=False)
def redoc(request: Request[Any, Any, Any]) -> bytes:
    """ReDoc."""
    return REDOC.render(request, request.app.openapi_schema.to_schema())


@get("/openapi.json", sync_to_thread=False)
def openapi(request: Request[Any, Any, Any]) -> dict[str, Any]:
    """The document itself."""
    return request.app.openapi_schema.to_schema()


def documents_router() -> Router:
    """The pages, which do not describe themselves."""
    handlers = [swagger, redoc, openapi]
    return Router(
        "/",
        route_handlers=handlers,
        include_in_schema=False,
        guards=[admins_only],
        opt={"door": "ops"},
    )
