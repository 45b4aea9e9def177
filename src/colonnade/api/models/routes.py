"""``GET /v1/models`` and ``GET /v1/models/{id}``."""

from pathlib import Path

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath

from colonnade.api.errors import ERROR_RESPONSES
from colonnade.api.models.views import known_models, served_models
from colonnade.api.schema.models import Model, ModelList
from colonnade.generation import Models
from colonnade.serving import ModelRegistry


@get(
    "/models",
    response_description="The models.",
    summary="List models",
    sync_to_thread=False,
)
def list_models(
    models: NamedDependency[Models], registry: NamedDependency[ModelRegistry | None]
) -> ModelList:
    """All models that requests can name, loaded or not, the default one first."""
    if registry is None:
        return ModelList(data=[each for model in models for each in served_models(model)])
    default = registry.default()
    entries = sorted(registry.catalogue, key=lambda entry: entry.id != default)
    return ModelList(data=[each for entry in entries for each in known_models(entry)])


@get(
    "/models/{model_id:path}",
    responses={status: ERROR_RESPONSES[status] for status in (400, 404, 503)},
    response_description="The model.",
    summary="Retrieve a model",
    sync_to_thread=False,
)
def retrieve_model(
    model_id: FromPath[Path],
    models: NamedDependency[Models],
    registry: NamedDependency[ModelRegistry | None],
) -> Model:
    """One model, by its id or an alias. It may hold slashes, escaped or not."""
    name = model_id.as_posix().removeprefix("/")
    if registry is None:
        return _named(name, served_models(models.find(name)))
    return _named(name, known_models(registry.find(name)))


def _named(name: str, found: list[Model]) -> Model:
    """The one of that name, with its adapter; else the model itself."""
    return next((each for each in found if each.id == name), found[0])
