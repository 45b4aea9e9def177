"""Loading a model of which nobody says what it is for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from colonnade.engine.backlog import Bounds
from colonnade.engine.client import Engine
from colonnade.engine.embedder import Embedder

if TYPE_CHECKING:
    from collections.abc import Callable

    from colonnade.engine.kept import KeptStates
    from colonnade.messages import LoadModel

_USUAL_BOUNDS = Bounds()


async def start_engine(
    load: LoadModel,
    *,
    bounds: Bounds = _USUAL_BOUNDS,
    on_progress: Callable[[float], None] = lambda _: None,
    kept: KeptStates | None = None,
) -> Engine | Embedder:
    """Load a model in a worker process, for what its file is made for. Otherwise as
    ``Engine.start``.

    Raises:
        LoadError: the model could not be loaded.
    """
    load = msgspec.structs.replace(load, task="auto")
    engine = await Engine.start(load, bounds=bounds, on_progress=on_progress, kept=kept)
    return Embedder.in_place_of(engine, load, bounds) if engine.info.pooling else engine
