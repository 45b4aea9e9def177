"""Load a model and make it servable: the composition that ``serve``, ``chat`` and ``check`` share.

Knows neither HTTP nor the terminal. Where the model comes from is the hub room's business.
"""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from colonnade.engine import Engine, LoadError
from colonnade.generation import Generator, Models, ServedModel
from colonnade.hub import ModelError, ResolvedModel
from colonnade.messages import Failure, LoadModel, Sampling
from colonnade.prompt import choose_template
from colonnade.prompt.schema import SchemaLimits

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from colonnade.messages import ModelInfo
    from colonnade.settings import SamplingSettings, Settings


@dataclass(frozen=True, slots=True)
class Serving:
    """A loaded model with everything that answers need."""

    models: Models
    model: ServedModel
    generator: Generator
    sampling: Sampling
    """How tokens are drawn where a request does not say."""
    load_seconds: float


@asynccontextmanager
async def serve_model(
    settings: Settings, resolved: ResolvedModel, on_progress: Callable[[float], None]
) -> AsyncIterator[Serving]:
    """Load the model; unload it in the end.

    Raises:
        ModelError: it cannot be loaded, or has no use for the chosen chat template.
    """
    started = time.monotonic()
    try:
        engine = await Engine.start(
            load_request(settings, resolved.path),
            queue_size=settings.queue.queue_size,
            on_progress=on_progress,
        )
    except (LoadError, Failure) as error:
        text = str(error)
        named = str(resolved.path) in text
        msg = text if named else f"{resolved.path} could not be loaded: {text}"
        raise ModelError(msg) from error
    try:
        yield _compose(settings, resolved, engine, time.monotonic() - started)
    finally:
        await engine.close()


def _compose(
    settings: Settings, resolved: ResolvedModel, engine: Engine, load_seconds: float
) -> Serving:
    try:
        template = choose_template(engine.info, override=settings.model.chat_template)
    except Failure as failure:
        raise ModelError(failure.message) from failure
    model = ServedModel(
        id=settings.model.model_alias or resolved.id,
        created=int(time.time()),
        engine=engine,
        template=template,
        schema_limits=SchemaLimits(
            settings.limits.max_grammar_size, settings.limits.max_grammar_depth
        ),
    )
    if engine.info.decoder:
        model.get_ready()
    models = Models()
    models.add(model)
    sampling = default_sampling(settings.sampling, engine.info)
    return Serving(models, model, Generator(models), sampling, load_seconds)


def load_request(settings: Settings, path: Path) -> LoadModel:
    """Say to the worker what the settings say: they share their fields' names."""
    said = msgspec.structs.asdict(settings.model) | msgspec.structs.asdict(settings.limits)
    names = (name for name in LoadModel.__struct_fields__ if name != "path")
    return LoadModel(path=str(path), **{name: said[name] for name in names})


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
