"""``/v1/models``."""

from typing import Literal

from msgspec import Struct


class Model(Struct, kw_only=True):
    """A model under the name that requests give."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str = "colonnade"


class ModelList(Struct, kw_only=True):
    """All models, the default one first."""

    object: Literal["list"] = "list"
    data: list[Model]
