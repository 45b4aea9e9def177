"""``GET /``: what this is. ``GET /health``: it lives. ``GET /ready``: it would serve a request."""

from typing import Any, Literal

from litestar import Request, Response, Router, get
from litestar.di import NamedDependency, Provide
from litestar.openapi.datastructures import ResponseSpec
from msgspec import UNSET, Struct, UnsetType

from colonnade import __version__
from colonnade.generation import Models
from colonnade.web.access import caller_of


class Info(Struct):
    """What the server is, and where its parts are."""

    service: str
    version: str
    docs: str
    health: str
    ready: str
    api: str


class Health(Struct):
    """That the process answers, and whether a model is there."""

    status: Literal["healthy"]
    version: str
    model_loaded: bool


class Readiness(Struct):
    """Whether a request would be served now, and by the model of which file."""

    status: Literal["ready", "not ready"]
    model_loaded: bool
    model_path: str | None
    reason: str | UnsetType = UNSET
    """Why not; left out where it is."""


NOT_READY = {503: ResponseSpec(Readiness, description="A request would not be served now.")}
"""For the OpenAPI document."""


@get("/", response_description="The server.", summary="The server", sync_to_thread=False)
def info() -> Info:
    """What this is, and where its parts are."""
    return Info("Colonnade", __version__, "/docs", "/health", "/ready", "/v1")


@get("/health", response_description="It lives.", summary="Liveness", sync_to_thread=False)
def health(models: NamedDependency[Models]) -> Health:
    """Always 200: whoever gets an answer knows that the process lives."""
    return Health("healthy", __version__, readiness(models).model_loaded)


@get(
    "/ready",
    responses=NOT_READY,
    response_description="A request would be served.",
    summary="Readiness",
    sync_to_thread=False,
)
def ready(request: Request[Any, Any, Any], models: NamedDependency[Models]) -> Response[Readiness]:
    """200 once a model can serve a request, 503 before, and while a crashed one restarts. Where the
    server has keys, the file is for those who have one."""
    found = readiness(models)
    caller = caller_of(request.scope)
    if not (caller.name or caller.admin):
        found.model_path = None
    return Response(found, status_code=200 if found.status == "ready" else 503)


def readiness(models: Models) -> Readiness:
    """Whether a request would be served now."""
    model = next((model for model in models if model.engine.ready), None)
    if model is None and models.on_demand:
        return Readiness("ready", model_loaded=False, model_path=None)
    if model is None:
        reasons = (model.engine.trouble for model in models)
        reason = next(reasons, None) or "No model is loaded."
        return Readiness("not ready", model_loaded=False, model_path=None, reason=reason)
    return Readiness("ready", model_loaded=True, model_path=model.engine.info.path)


def ops_router(models: Models) -> Router:
    """The routes, bound to what they watch."""
    return Router(
        "/",
        route_handlers=[info, health, ready],
        dependencies={"models": Provide(lambda: models, sync_to_thread=False)},
        tags=["Operations"],
        opt={"door": "ops"},
    )
