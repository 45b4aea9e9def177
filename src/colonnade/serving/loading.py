"""From settings and a model file to a model that answers."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from colonnade.engine import Bounds, Embedder, LoadError
from colonnade.generation import Adapters, EmbeddingDefaults, ServedModel, Template
from colonnade.generation.engines import start_engines
from colonnade.hub import DEMO, ModelError, resolve_model
from colonnade.messages import Failure, LoadModel, Sampling, Tuning
from colonnade.prompt.schema import SchemaLimits
from colonnade.serving.adapters import declared_adapters

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from colonnade.engine.kept import KeptStates
    from colonnade.generation.engines import ServingEngine
    from colonnade.generation.routing import Routes
    from colonnade.hub import ResolvedModel
    from colonnade.messages import ModelInfo
    from colonnade.settings import SamplingSettings, Settings


_NO_TUNING = Tuning()


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """What is loaded and how. ``settings`` are those of the server, with what differs for this
    model put in their place."""

    resolved: ResolvedModel
    settings: Settings
    tuning: Tuning = _NO_TUNING
    hint: str = ""
    """A name that helps to find a chat template where the file has none of its own."""
    sampling: Mapping[str, float] = field(default_factory=dict)
    """Put before the settings' defaults, by the names of ``Sampling``."""
    must_generate: bool = False
    """A model that only embeds text is of no use."""
    name: str = ""
    """What it is called; empty for its own name, or the one that the settings give it."""
    created: int = 0
    """Seconds since the epoch when it came to be known; 0 for now."""

    @property
    def id(self) -> str:
        """The name under which it is served."""
        return self.name or self.settings.model.model_alias or self.resolved.id

    @property
    def request(self) -> LoadModel:
        """What the worker is told."""
        found = self.resolved
        return load_request(self.settings, found.path, self.tuning, found.draft, found.projector)


def resolved_model(settings: Settings, say: Callable[[str], None]) -> ResolvedModel:
    """Find the files of the model that the settings name, downloading them if need be.

    Raises:
        ModelError: one cannot be had.
    """
    wish = settings.model
    name = wish.model or DEMO
    return resolve_model(name, say, draft=wish.draft_model, projector=wish.mmproj)


async def load_model(
    plan: LoadPlan,
    on_progress: Callable[[float], None],
    load: LoadModel | None = None,
    kept: KeptStates | None = None,
    routes: Routes | None = None,
) -> ServedModel:
    """Load a model in workers of its own, as ``load`` says or else the plan's settings. ``kept``,
    ``routes``: what is known of earlier prompts where it was here before.

    Raises:
        ModelError: it cannot be loaded, or has no use for the chosen chat template.
    """
    started = time.monotonic()
    path, settings = plan.resolved.path, plan.settings
    try:
        engine = await start_engines(
            load or plan.request,
            bounds=_bounds(settings),
            on_progress=on_progress,
            kept=kept,
            routes=routes,
        )
    except (LoadError, Failure) as error:
        text = str(error)
        named = str(path) in text
        msg = text if named else f"{path} could not be loaded: {text}"
        raise ModelError(msg) from error
    embedder = None
    try:
        embedder = await _embedder(plan, engine)
        return await _served(plan, engine, embedder, time.monotonic() - started)
    except BaseException:
        await engine.close()
        if embedder is not None:
            await embedder.close()
        raise


async def _embedder(plan: LoadPlan, engine: ServingEngine) -> Embedder | None:
    """What embeds with the model, as the settings allow: a worker of its own, beside one that
    generates.

    Raises:
        ModelError: that cannot be loaded.
    """
    settings = plan.settings
    wish = settings.model.embeddings
    if wish == "off":
        return None
    if isinstance(engine, Embedder):
        return engine
    if wish == "auto" or not engine.info.decoder:
        return None
    load = load_request(settings, plan.resolved.path, plan.tuning)
    load = msgspec.structs.replace(load, adapters=())  # they are for what generates
    try:
        return await Embedder.start(load, bounds=_bounds(settings))
    except LoadError as error:
        msg = f"{plan.resolved.path} could not be loaded for embeddings: {error}"
        raise ModelError(msg) from error


def _bounds(settings: Settings) -> Bounds:
    queue = settings.queue
    return Bounds(
        queue.queue_size,
        queue.queue_memory << 20,
        queue.queue_seconds,
        settings.server.request_seconds,
    )


async def _served(
    plan: LoadPlan, engine: ServingEngine, embedder: Embedder | None, load_seconds: float
) -> ServedModel:
    settings, info = plan.settings, engine.info
    if plan.must_generate and not info.decoder:
        msg = f"{plan.resolved.path.name} cannot generate text: it is made for embeddings"
        raise ModelError(msg)
    sampling = default_sampling(settings.sampling, info)
    sampling = msgspec.structs.replace(sampling, **plan.sampling)
    try:
        template = await Template.start(info, override=settings.model.chat_template, hint=plan.hint)
    except Failure as failure:
        raise ModelError(failure.message) from failure
    return ServedModel(
        id=plan.id,
        created=plan.created or int(time.time()),
        engine=engine,
        template=template,
        schema_limits=SchemaLimits(
            settings.limits.max_grammar_size, settings.limits.max_grammar_depth
        ),
        sampling=sampling,
        load_seconds=load_seconds,
        embedder=embedder,
        embedding=EmbeddingDefaults(
            settings.model.embedding_prefix,
            settings.model.query_prefix,
            settings.model.document_prefix,
            settings.model.normalize_embeddings,
        ),
        adapters=Adapters(declared_adapters(settings.model.lora)),
    )


def load_request(
    settings: Settings,
    path: Path,
    tuning: Tuning = _NO_TUNING,
    draft: Path | None = None,
    projector: Path | None = None,
) -> LoadModel:
    """Say to the worker what the settings say: they share their fields' names.

    Raises:
        ModelError: an adapter is declared in a wrong way.
    """
    adapters = tuple((each.name, each.path) for each in declared_adapters(settings.model.lora))
    said = msgspec.structs.asdict(settings.model) | msgspec.structs.asdict(settings.limits)
    names = (name for name in LoadModel.__struct_fields__ if name in said)
    chosen = {name: said[name] for name in names}
    return LoadModel(
        path=str(path),
        tuning=tuning,
        adapters=adapters,
        draft_path=str(draft or ""),
        projector_path=str(projector or ""),
        **chosen,
    )


def default_sampling(settings: SamplingSettings, info: ModelInfo) -> Sampling:
    """Put the settings before the model file's recommendation, and that before our defaults."""
    defaults = Sampling()
    chosen = msgspec.structs.asdict(settings)
    values = info.sampling | {name: value for name, value in chosen.items() if value is not None}
    # The file's numbers are all floats; a newer file may name samplers that we do not know.
    known = {
        name: type(getattr(defaults, name))(value)
        for name, value in values.items()
        if name in Sampling.__struct_fields__
    }
    return msgspec.structs.replace(defaults, **known)
