"""What steers which models are loaded: for administrators, in llama-server's form."""

from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from typing import Annotated, Any

from litestar import Response, delete, get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath
from msgspec import UNSET

from colonnade.api.answer_stream import event_stream
from colonnade.api.errors import ERROR_RESPONSES
from colonnade.api.options import ApiOptions
from colonnade.api.schema.models import Deleted, Done, ModelEvent, ModelWish
from colonnade.serving import ModelRegistry
from colonnade.serving.news import Event
from colonnade.web.access import admins_only
from colonnade.web.body import WireRequest
from colonnade.web.disconnect import unless_disconnected
from colonnade.web.examples import json_body
from colonnade.web.openapi import EventsOperation
from colonnade.web.sse import frame

_ERRORS: Mapping[int, ResponseSpec] = {each: ERROR_RESPONSES[each] for each in (400, 404, 503)}


@post(
    "/models/load",
    status_code=200,
    responses=_ERRORS,
    response_description="It is loaded.",
    summary="Load a model",
    guards=[admins_only],
)
async def load_model(
    data: Annotated[ModelWish, json_body(model="colonnade-demo")],
    request: WireRequest,
    registry: NamedDependency[ModelRegistry],
) -> Done:
    """Load a model, and wait until it is there."""
    await unless_disconnected(request.receive, registry.load_named(data.model))
    return Done()


@post(
    "/models/unload",
    status_code=200,
    responses=_ERRORS,
    response_description="It is not loaded any more.",
    summary="Unload a model",
    guards=[admins_only],
)
async def unload_model(
    data: Annotated[ModelWish, json_body(model="colonnade-demo")],
    registry: NamedDependency[ModelRegistry],
) -> Done:
    """Let a model end what it does, and give its memory back. A request loads it again."""
    await registry.unload(registry.find(data.model))
    return Done()


@get(
    "/models/sse",
    responses=_ERRORS,
    response_description="Events, as they happen.",
    operation_class=EventsOperation,
    summary="What becomes of models",
    guards=[admins_only],
)
async def models_events(
    registry: NamedDependency[ModelRegistry], options: NamedDependency[ApiOptions]
) -> Response[Any]:
    """Tell what happens to models from now on."""
    return event_stream(_frames(registry), keep_alive=options.keep_alive_seconds)


async def _frames(registry: ModelRegistry) -> AsyncGenerator[bytes]:
    with registry.news.listening() as events:
        while (event := await events.get()) is not None:
            yield frame(_wire(event))


def _wire(event: Event) -> ModelEvent:
    return ModelEvent(model=event.model, event=event.event, data=event.data or UNSET)


@post(
    "/models",
    status_code=200,
    responses=_ERRORS,
    response_description="It is being downloaded.",
    summary="Download a model",
    guards=[admins_only],
    sync_to_thread=False,
)
def download_model(
    data: Annotated[ModelWish, json_body(model="OWNER/REPO:Q4_K_M")],
    registry: NamedDependency[ModelRegistry],
) -> Done:
    """Begin to download a model of the hub; `GET /models/sse` tells how far it is, and unloading
    it stops that."""
    registry.download(data.model)
    return Done()


@delete(
    "/models/{model_id:path}",
    status_code=200,
    responses=_ERRORS,
    response_description="Its files are gone.",
    summary="Delete a downloaded model",
    guards=[admins_only],
)
async def delete_model(
    model_id: FromPath[Path], registry: NamedDependency[ModelRegistry]
) -> Deleted:
    """Unload a model that was downloaded from the hub, and remove its files."""
    entry = await registry.delete(model_id.as_posix().removeprefix("/"))
    return Deleted(id=entry.id)


CONTROL = (load_model, unload_model, download_model, delete_model, models_events)
"""Routes that are there where there is a registry."""
