"""What waits in the older services, for the metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Iterator

    from colonnade.legacy.house import House


class HouseCollector(Collector):
    """Reads the services' numbers when it is asked."""

    def __init__(self, house: House) -> None:
        self._house = house

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield them."""
        yield GaugeMetricFamily(
            "colonnade_session_requests_waiting",
            "Requests that wait for others to the same session.",
            self._house.sessions.waiting,
        )
        yield GaugeMetricFamily(
            "colonnade_queued_jobs_waiting",
            "Jobs of queued streaming that wait.",
            self._house.jobs.waiting,
        )
        yield GaugeMetricFamily(
            "colonnade_queued_clients",
            "Clients of queued streaming that are connected.",
            self._house.jobs.clients,
        )
