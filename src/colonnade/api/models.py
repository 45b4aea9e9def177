"""``GET /v1/models`` and ``GET /v1/models/{id}``."""

from pathlib import Path

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath

from colonnade.api.errors import ERROR_RESPONSES
from colonnade.api.schema.models import Model, ModelList
from colonnade.generation import Models, ServedModel


@get(
    "/models",
    response_description="The models.",
    summary="List models",
    sync_to_thread=False,
)
def list_models(models: NamedDependency[Models]) -> ModelList:
    """All models that requests can name, the default one first."""
    return ModelList(data=[_wire(model) for model in models])


@get(
    "/models/{model_id:path}",
    responses={status: ERROR_RESPONSES[status] for status in (400, 404, 503)},
    response_description="The model.",
    summary="Retrieve a model",
    sync_to_thread=False,
)
def retrieve_model(model_id: FromPath[Path], models: NamedDependency[Models]) -> Model:
    """One model. Its id may hold slashes, escaped or not."""
    return _wire(models.find(model_id.as_posix().removeprefix("/")))


def _wire(model: ServedModel) -> Model:
    return Model(id=model.id, created=model.created)
