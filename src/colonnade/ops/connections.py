"""What the metrics say of connections."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from colonnade.watch.connections import CONNECTION_COUNTS, CutOff

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.metrics_core import Metric

_PREFIX: Final = "colonnade_connections"


class ConnectionCollector(Collector):
    """Of all doors."""

    def collect(self) -> Iterator[Metric]:
        """Yield what is counted."""
        counts = CONNECTION_COUNTS
        yield GaugeMetricFamily(_PREFIX, "Connections of clients.", value=counts.open)
        yield GaugeMetricFamily(_PREFIX + "_most", "There may be so many.", value=counts.most)
        ended = CounterMetricFamily(
            _PREFIX + "_cut_off", "Ended by the server, by why.", labels=["cause"]
        )
        for cause in CutOff:
            ended.add_metric([cause.value], counts.cut_off[cause])
        yield ended
