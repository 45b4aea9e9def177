"""``/lora-adapters``: a model's adapters, and how strong each is where a request does not say.

As llama-server has it; ``model`` in the query says of which model, where there are several.
"""

from typing import Annotated

from litestar import Router, get, post
from litestar.di import NamedDependency, Provide
from litestar.enums import RequestEncodingType
from litestar.openapi.spec import Example
from litestar.params import BodyKwarg, FromQuery
from msgspec import Meta, Struct

from colonnade.api.errors import ERROR_RESPONSES
from colonnade.api.schema.requests import MAX_ADAPTERS, AdapterWish
from colonnade.generation import Models
from colonnade.web.access import admins_only, caller_of
from colonnade.web.body import WireRequest

_LARGEST_BODY = 1 << 16


class AdapterState(Struct):
    """An adapter. ``id`` is its place, which the field ``lora`` of requests names."""

    id: int
    name: str
    path: str
    """Its file, for administrators; for others its name again."""
    scale: float
    """Where a request does not say; 0 is not applied."""


class Success(Struct):
    """That it is done."""

    success: bool = True


@get(
    "/lora-adapters",
    responses={status: ERROR_RESPONSES[status] for status in (400, 404, 503)},
    response_description="The adapters, by their ids.",
    summary="List adapters",
    sync_to_thread=False,
)
def list_adapters(
    request: WireRequest,
    models: NamedDependency[Models],
    model: FromQuery[str | None] = None,
) -> list[AdapterState]:
    """The LoRA adapters of a loaded model."""
    adapters = models.find(model).adapters
    admin = caller_of(request.scope).admin
    return [
        AdapterState(place, each.name, each.path if admin else each.name, scale)
        for place, (each, scale) in enumerate(zip(adapters.declared, adapters.scales, strict=True))
    ]


@post(
    "/lora-adapters",
    status_code=200,
    responses=ERROR_RESPONSES,
    response_description="That the scales are set.",
    summary="Set default scales of adapters",
    guards=[admins_only],
    sync_to_thread=False,
)
def set_adapters(
    data: Annotated[
        Annotated[list[AdapterWish], Meta(max_length=MAX_ADAPTERS)],
        BodyKwarg(
            media_type=RequestEncodingType.JSON,
            examples=[Example(value=[])],
        ),
    ],
    models: NamedDependency[Models],
    model: FromQuery[str | None] = None,
) -> Success:
    """Let these scales count for requests that choose no adapter, until the model is loaded anew.
    Adapters that are left out are not applied."""
    models.find(model).adapters.set_scales([(each.id, each.scale) for each in data])
    return Success()


def adapters_router(models: Models) -> Router:
    """The routes, bound to what they show."""
    return Router(
        "/",
        route_handlers=[list_adapters, set_adapters],
        dependencies={"models": Provide(lambda: models, sync_to_thread=False)},
        request_class=WireRequest,
        request_max_body_size=_LARGEST_BODY,
        tags=["Operations"],
        opt={"door": "ops"},
    )
