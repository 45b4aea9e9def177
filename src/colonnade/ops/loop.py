"""What the metrics say of the event loop."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from colonnade.watch.loop import LOOP_COUNTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.metrics_core import Metric

PREFIX = "colonnade_event_loop_"


class LoopCollector(Collector):
    """Tasks; where the loop is monitored (`slow_callback_ms`), what held it, too. To be asked
    within a callback of the loop."""

    def collect(self) -> Iterator[Metric]:
        """Yield what is known."""
        tasks = GaugeMetricFamily(
            PREFIX + "tasks", "Tasks that are not done, by what they run.", labels=["coroutine"]
        )
        for name, count in _tasks().items():
            tasks.add_metric([name], count)
        yield tasks
        if not LOOP_COUNTS.limit:
            return
        yield CounterMetricFamily(
            PREFIX + "callbacks", "Callbacks that ran.", value=LOOP_COUNTS.callbacks
        )
        slow = CounterMetricFamily(
            PREFIX + "slow_callbacks", "Callbacks that took longer than they may.", labels=["cause"]
        )
        for cause, count in LOOP_COUNTS.slow.items():
            slow.add_metric([cause], count)
        yield slow
        yield GaugeMetricFamily(
            PREFIX + "longest_callback_seconds",
            "The longest one, without its waiting for a processor.",
            value=LOOP_COUNTS.longest,
        )


def _tasks() -> Counter[str]:
    try:
        tasks = asyncio.all_tasks()
    except RuntimeError:  # a registry asks for names where no loop runs
        return Counter()
    return Counter(getattr(task.get_coro(), "__qualname__", "other") for task in tasks)
