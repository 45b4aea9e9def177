"""Models by their state, and what is kept of those that went, for the metrics."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from colonnade.ops.families import PREFIX
from colonnade.serving import State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.metrics_core import Metric

    from colonnade.serving import ModelRegistry


class RegistryCollector(Collector):
    """Reads the registry's numbers when it is asked."""

    def __init__(self, registry: ModelRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        """Yield them."""
        counts = Counter(entry.state for entry in self._registry.catalogue)
        models = GaugeMetricFamily(PREFIX + "models", "Models by their state.", labels=["state"])
        for state in State:
            models.add_metric([state.value], counts[state])
        yield models
        kept = self._registry.space.kept
        size = "Memory for states of earlier prompts of models that are not loaded."
        yield GaugeMetricFamily(PREFIX + "kept_states_bytes", size, kept.size)
        hits = "Models that found such states when they came back."
        yield CounterMetricFamily(PREFIX + "kept_states_hits", hits, kept.hits)
