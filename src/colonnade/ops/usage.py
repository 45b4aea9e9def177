"""What each key has used: in the metrics since the server's start, at ``/usage`` by days."""

import datetime as dt
from collections.abc import Iterator
from typing import Literal

from litestar import Router, get
from litestar.di import NamedDependency, Provide
from msgspec import Struct
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from colonnade.web.access import Ledger, admins_only

_COUNTERS = (
    ("requests", "Requests that came with a key."),
    ("prompt_tokens", "Tokens of their prompts."),
    ("completion_tokens", "Tokens of their answers."),
)


class UsageCollector(Collector):
    """Reads the accounts when it is asked. Labels are names of keys."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Yield every count for every key that was used."""
        for name, text in _COUNTERS:
            family = CounterMetricFamily(f"colonnade_key_{name}", text, labels=["key"])
            for key, used in sorted(self._ledger.totals.items()):
                family.add_metric([key], getattr(used, name))
            yield family


class DayOfKey(Struct):
    """What was used of a key on a day, by UTC."""

    key: str
    day: dt.date
    requests: int
    prompt_tokens: int
    completion_tokens: int


class UsageList(Struct, kw_only=True):
    """Every key on every day of this month on which it was used."""

    object: Literal["list"] = "list"
    data: list[DayOfKey]


@get(
    "/usage",
    guards=[admins_only],
    response_description="This month's days.",
    summary="What keys have used this month",
    sync_to_thread=False,
)
def usage(ledger: NamedDependency[Ledger]) -> UsageList:
    """Requests and tokens of each key, by days; what runs is not in it yet."""
    days = sorted(ledger.this_month().items())
    return UsageList(
        data=[
            DayOfKey(key, day, used.requests, used.prompt_tokens, used.completion_tokens)
            for (key, day), used in days
        ]
    )


def usage_router(ledger: Ledger) -> Router:
    """The route, bound to the accounts."""
    return Router(
        "/",
        route_handlers=[usage],
        dependencies={"ledger": Provide(lambda: ledger, sync_to_thread=False)},
        tags=["Operations"],
        opt={"door": "ops"},
    )
