"""Models as they are told to clients."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from msgspec import structs

from colonnade.api.schema.models import Architecture, Model, ModelMeta, Status
from colonnade.messages import MediaKind
from colonnade.serving import State

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Literal

    from colonnade.generation import ServedModel
    from colonnade.messages import FileFacts
    from colonnade.serving import Entry

_OF_MEDIA = {MediaKind.IMAGE: "images", MediaKind.AUDIO: "audio"}

_STATUS: dict[State, Literal["unloaded", "downloading", "loading", "loaded"]] = {
    State.AVAILABLE: "unloaded",
    State.DOWNLOADING: "downloading",
    State.LOADING: "loading",
    State.LOADED: "loaded",
    State.UNLOADING: "loaded",
    State.FAILED: "unloaded",
}


def known_models(entry: Entry) -> list[Model]:
    """A model of the registry, and what it is with each of its adapters."""
    model = known_model(entry)
    return [model, *_adapted(model, entry.adapters)]


def served_models(served: ServedModel) -> list[Model]:
    """A model that is loaded, whoever loaded it, and what it is with each of its adapters."""
    model = served_model(served)
    return [model, *_adapted(model, served.adapters.names)]


def _adapted(model: Model, adapters: Iterable[str]) -> list[Model]:
    return [structs.replace(model, id=f"{model.id}:{each}", parent=model.id) for each in adapters]


def known_model(entry: Entry) -> Model:
    """A model of the registry."""
    model = Model(id=entry.id, created=entry.created, state=entry.state.value)
    if entry.served is not None:
        _tell_loaded(model, entry.served)
    _tell_file(model, entry)
    model.status = Status(value=_STATUS[entry.state])
    if entry.state is State.LOADING:
        model.status.progress = round(entry.progress, 3)
    if entry.trouble:
        model.error, model.status.failed = entry.trouble, True
    return model


def served_model(served: ServedModel) -> Model:
    """A model that is loaded, whoever loaded it."""
    model = Model(id=served.id, created=served.created, status=Status(value="loaded"))
    _tell_loaded(model, served)
    return model


def _tell_file(model: Model, entry: Entry) -> None:
    """What is known of it, loaded or not."""
    if entry.served is None and entry.facts is not None:
        _tell_facts(model, entry.facts)
    if entry.aliases:
        model.aliases = list(entry.aliases)
    if entry.size:
        model.size = entry.size
    if entry.takes:
        model.memory = entry.takes
    if entry.pin:
        model.pinned = True
    if entry.ttl and entry.state is State.LOADED and not entry.pin:
        model.expires_in = max(0.0, round(entry.ttl - (time.monotonic() - entry.last_used), 1))


def _tell_facts(model: Model, facts: FileFacts) -> None:
    """What its file says."""
    model.size = facts.size
    model.meta = ModelMeta(
        n_params=facts.parameters,
        size=facts.size,
        n_ctx_train=facts.ctx_train,
        n_embd=facts.embedding_size,
        n_vocab=facts.vocab_size,
    )
    able = {
        "rerank": facts.pooling == "rank",
        "embeddings": not facts.decoder and facts.pooling != "rank",
        "completion": facts.decoder,
        "chat": facts.decoder and facts.chat_template,
        "tools": facts.decoder and facts.chat_template,
        "thoughts": facts.decoder and facts.thoughts,
        "infill": facts.decoder and facts.infill,
    }
    _tell_capabilities(model, [name for name, has in able.items() if has])


def _tell_loaded(model: Model, served: ServedModel) -> None:
    info = served.engine.info
    model.max_model_len, model.slots = info.ctx_size, info.slots
    model.size, model.memory = info.size, info.memory
    model.meta = ModelMeta(
        n_params=info.parameters,
        size=info.size,
        n_ctx_train=info.ctx_train,
        n_embd=info.embedding_size,
        n_vocab=info.vocab_size,
    )
    _tell_capabilities(model, _capabilities(served))


def _capabilities(served: ServedModel) -> list[str]:
    info = served.engine.info
    found = []
    if info.decoder:
        found.append("completion")
        if info.chat_templates:
            found += ["chat", "tools"]  # where the template shows no tools, the system message does
            found += ["thoughts"] if served.template.study.reasoning is not None else []
        found += ["infill"] if info.infill else []
    if served.embedder is not None:
        found.append("rerank" if served.embedder.info.pooling == "rank" else "embeddings")
    return found + [_OF_MEDIA[kind] for kind in info.media]


def _tell_capabilities(model: Model, capabilities: Iterable[str]) -> None:
    model.capabilities = list(capabilities)
    inputs: list[Literal["text", "image", "audio"]] = ["text"]
    if "images" in model.capabilities:
        inputs.append("image")
    if "audio" in model.capabilities:
        inputs.append("audio")
    embeds = {"completion", "chat"}.isdisjoint(model.capabilities)
    model.architecture = Architecture(
        input_modalities=inputs, output_modalities=["embeddings" if embeds else "text"]
    )
