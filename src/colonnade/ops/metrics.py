"""``GET /metrics``: what Prometheus reads of the engines, the doors and the processes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from litestar import MediaType, Response, Router, get
from litestar.di import NamedDependency, Provide
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest

from colonnade.ops.connections import ConnectionCollector
from colonnade.ops.families import (
    EngineCollector,
    HttpCollector,
    MemoryCollector,
    named_engines,
    processes,
)
from colonnade.ops.loop import LoopCollector
from colonnade.ops.processes import Memories
from colonnade.web.access import admins_only
from colonnade.web.observed import COUNTS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prometheus_client.registry import Collector

    from colonnade.generation import Models
    from colonnade.ops.families import Process
    from colonnade.ops.processes import Memory


class Numbers:
    """Everything that is counted, and asking for what is not known here."""

    def __init__(self, models: Models, collectors: Iterable[Collector]) -> None:
        self._models = models
        self._memories = Memories()
        self._memory = MemoryCollector()
        self._registry = CollectorRegistry()
        own = (EngineCollector(models), HttpCollector(COUNTS), self._memory)
        for collector in (*own, *collectors):
            self._registry.register(collector)
        self._registry.register(LoopCollector())
        self._registry.register(ConnectionCollector())
        ProcessCollector(registry=self._registry)

    async def text(self) -> bytes:
        """All of it in Prometheus' text format."""
        observed = asyncio.gather(*[engine.observe() for _, engine in named_engines(self._models)])
        self._memory.found = await asyncio.to_thread(self._read, processes(self._models))
        await observed
        return generate_latest(self._registry)

    def _read(self, pids: dict[Process, int]) -> dict[Process, Memory | None]:
        return {name: self._memories.of(pid) for name, pid in pids.items()}


@get(
    "/metrics",
    media_type=MediaType.TEXT,
    response_description="The numbers.",
    summary="Metrics",
    guards=[admins_only],
)
async def metrics(numbers: NamedDependency[Numbers]) -> Response[bytes]:
    """Counts, gauges and histograms in Prometheus' text format."""
    return Response(await numbers.text(), media_type="text/plain; version=0.0.4")


def metrics_router(models: Models, collectors: Iterable[Collector] = ()) -> Router:
    """The route, bound to what it counts. ``collectors``: further numbers."""
    numbers = Numbers(models, collectors)
    return Router(
        "/",
        route_handlers=[metrics],
        dependencies={"numbers": Provide(lambda: numbers, sync_to_thread=False)},
        tags=["Operations"],
        opt={"door": "ops"},
    )
