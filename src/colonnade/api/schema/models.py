"""``/v1/models``, and what steers which of them are loaded."""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

ModelState = Literal["available", "downloading", "loading", "loaded", "unloading", "failed"]


class Status(Struct, kw_only=True):
    """The state in llama-server's words."""

    value: Literal["unloaded", "downloading", "loading", "loaded"]
    failed: bool | UnsetType = UNSET
    progress: float | UnsetType = UNSET
    """Of loading it, 0 to 1."""


class Architecture(Struct, kw_only=True):
    """What goes in and what comes out, in llama-server's words."""

    input_modalities: list[Literal["text", "image", "audio"]]
    output_modalities: list[Literal["text", "embeddings"]]


class ModelMeta(Struct, kw_only=True):
    """Numbers of a model whose file has been read, by llama-server's names. Sizes in bytes."""

    n_params: int
    size: int
    n_ctx_train: int
    n_embd: int
    n_vocab: int | UnsetType = UNSET


class Model(Struct, kw_only=True):
    """A model under the name that requests give."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str = "colonnade"
    state: ModelState = "loaded"
    error: str | UnsetType = UNSET
    """Why it could not be loaded the last time."""
    aliases: list[str] | UnsetType = UNSET
    capabilities: list[str] | UnsetType = UNSET
    """Of ``chat``, ``completion``, ``tools``, ``thoughts``, ``infill``, ``embeddings``, ``rerank``,
    ``images``, ``audio``; left out as long as the file has not been read."""
    max_model_len: int | UnsetType = UNSET
    """Tokens of context that one request may use, as vLLM has it; of a loaded one."""
    slots: int | UnsetType = UNSET
    size: int | UnsetType = UNSET
    """Bytes of its files."""
    memory: int | UnsetType = UNSET
    """Bytes that it takes, where that is known."""
    pinned: bool | UnsetType = UNSET
    expires_in: float | UnsetType = UNSET
    """Seconds until it is unloaded if nobody uses it."""
    parent: str | UnsetType = UNSET
    """Of a model with an adapter, the model."""
    status: Status | UnsetType = UNSET
    architecture: Architecture | UnsetType = UNSET
    meta: ModelMeta | UnsetType = UNSET


class ModelList(Struct, kw_only=True):
    """All models, the default one first."""

    object: Literal["list"] = "list"
    data: list[Model]


class ModelWish(Struct, kw_only=True):
    """A model by its name."""

    model: Annotated[str, Meta(min_length=1, max_length=1024)]


class Done(Struct, kw_only=True):
    """That it is done, or has begun."""

    success: Literal[True] = True


class Deleted(Struct, kw_only=True):
    """That a model's files are gone."""

    id: str
    object: Literal["model"] = "model"
    deleted: Literal[True] = True


class ModelEvent(Struct, kw_only=True):
    """Something happened to a model, as llama-server tells it; ``*`` stands for all."""

    model: str
    event: str
    data: dict[str, Any] | UnsetType = UNSET
