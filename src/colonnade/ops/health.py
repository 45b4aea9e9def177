"""``GET /health``: the server lives. ``GET /ready``: it would serve a request."""

from typing import Literal

from litestar import Response, Router, get
from litestar.di import NamedDependency, Provide
from msgspec import Struct

from colonnade import __version__
from colonnade.generation import Models


class Health(Struct):
    """That the process answers, and whether a model is there."""

    status: Literal["ok"]
    version: str
    model_loaded: bool


class Readiness(Struct):
    """Whether a request would be served now."""

    ready: bool


@get("/health", summary="Liveness", sync_to_thread=False)
def health(models: NamedDependency[Models]) -> Health:
    """Always 200: whoever gets an answer knows that the process lives."""
    return Health("ok", __version__, _ready(models))


@get("/ready", summary="Readiness", sync_to_thread=False)
def ready(models: NamedDependency[Models]) -> Response[Readiness]:
    """200 once a model can serve a request, 503 before, and while a crashed one restarts."""
    is_ready = _ready(models)
    return Response(Readiness(is_ready), status_code=200 if is_ready else 503)


def ops_router(models: Models) -> Router:
    """The routes, bound to what they watch."""
    return Router(
        "/",
        route_handlers=[health, ready],
        dependencies={"models": Provide(lambda: models, sync_to_thread=False)},
        tags=["Operations"],
    )


def _ready(models: Models) -> bool:
    return any(model.engine.ready for model in models)
