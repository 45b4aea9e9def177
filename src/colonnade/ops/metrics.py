"""``GET /metrics``: what Prometheus reads of the engine and the process."""

from collections.abc import Callable, Iterator
from typing import Any

from litestar import MediaType, Response, Router, get
from litestar.di import NamedDependency, Provide
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from colonnade.engine import Engine
from colonnade.generation import Models
from colonnade.web.access import admins_only

_COUNTERS: tuple[tuple[str, str, Callable[[Engine], float]], ...] = (
    ("prompt_tokens", "Tokens of prompts.", lambda e: e.totals.prompt_tokens),
    ("cached_tokens", "Tokens of prompts that were in memory.", lambda e: e.totals.cached_tokens),
    ("generated_tokens", "Tokens of answers.", lambda e: e.totals.completion_tokens),
    ("forced_tokens", "Tokens without a choice.", lambda e: e.totals.forced_tokens),
    ("drafted_tokens", "Tokens that were guessed.", lambda e: e.totals.drafted_tokens),
    ("accepted_tokens", "Guessed tokens that came true.", lambda e: e.totals.accepted_tokens),
    ("queue_seconds", "Time that requests waited.", lambda e: e.totals.queue_seconds),
    ("prompt_seconds", "Time from a slot to the first token.", lambda e: e.totals.prompt_seconds),
    ("decode_seconds", "Time from the first token to the last.", lambda e: e.totals.decode_seconds),
)
_GAUGES: tuple[tuple[str, str, Callable[[Engine], float]], ...] = (
    ("requests_active", "Requests under way, waiting ones included.", lambda e: e.active),
    ("requests_waiting", "Requests that wait for a slot.", lambda e: e.waiting),
    ("slots", "Answers that are generated side by side.", lambda e: e.info.slots),
    ("ready", "Whether a worker is there for the next request.", lambda e: e.ready),
)


class EngineCollector(Collector):
    """Reads the engines' numbers when it is asked."""

    def __init__(self, models: Models) -> None:
        self._models = models

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        """Yield every number for every model."""
        for name, text, of in _COUNTERS:
            counter = CounterMetricFamily(f"colonnade_{name}", text, labels=["model"])
            for model in self._models:
                counter.add_metric([model.id], of(model.engine))
            yield counter
        for name, text, of in _GAUGES:
            gauge = GaugeMetricFamily(f"colonnade_{name}", text, labels=["model"])
            for model in self._models:
                gauge.add_metric([model.id], of(model.engine))
            yield gauge
        ends = CounterMetricFamily(
            "colonnade_answers", "Answers by how they ended.", labels=["model", "end"]
        )
        for model in self._models:
            for end, count in model.engine.totals.ends.items():
                ends.add_metric([model.id, end], count)
        yield ends


@get(
    "/metrics",
    media_type=MediaType.TEXT,
    response_description="The numbers.",
    summary="Metrics",
    guards=[admins_only],
    sync_to_thread=False,
)
def metrics(registry: NamedDependency[Any]) -> Response[bytes]:
    """Counts and gauges in Prometheus' text format."""
    return Response(generate_latest(registry), media_type="text/plain; version=0.0.4")


def metrics_router(models: Models) -> Router:
    """The route, bound to what it counts."""
    registry = CollectorRegistry()
    registry.register(EngineCollector(models))
    ProcessCollector(registry=registry)
    return Router(
        "/",
        route_handlers=[metrics],
        dependencies={"registry": Provide(lambda: registry, sync_to_thread=False)},
        tags=["Operations"],
        opt={"door": "ops"},
    )
