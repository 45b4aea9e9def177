"""The metrics: names, texts, and where their numbers come from.

Where vLLM has a metric for the same thing, the name is vLLM's with our prefix (docs/metrics.md has
both). Labels are models that are served, doors, routes' templates and words of our own: what a
client sends makes no new one.
"""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING, Final

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.registry import Collector

from colonnade.messages import FailureKind
from colonnade.web.failures import RULES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from prometheus_client.metrics_core import Metric

    from colonnade.engine import AnyEngine
    from colonnade.engine.latencies import Waits
    from colonnade.generation import Models
    from colonnade.ops.processes import Memory
    from colonnade.watch import Histogram
    from colonnade.web.observed import Counts

PREFIX: Final = "colonnade_"
_NAMES: Final = ("model", "engine")
_TOO_MANY = 429

_COUNTERS: tuple[tuple[str, str, Callable[[AnyEngine], float]], ...] = (
    ("prompt_tokens", "Tokens of prompts.", lambda e: e.totals.prompt_tokens),
    ("generation_tokens", "Tokens of answers.", lambda e: e.totals.completion_tokens),
    ("prefix_cache_queries", "Tokens of prompts, as asked for.", lambda e: e.totals.prompt_tokens),
    ("prefix_cache_hits", "Tokens of prompts, in memory.", lambda e: e.totals.cached_tokens),
    ("forced_tokens", "Tokens without a choice.", lambda e: e.totals.forced_tokens),
    ("spec_decode_num_draft_tokens", "Guessed tokens.", lambda e: e.totals.drafted_tokens),
    ("spec_decode_num_accepted_tokens", "Right guesses.", lambda e: e.totals.accepted_tokens),
    ("state_cache_hits", "Prompts from a saved state.", lambda e: e.observation.cache_hits),
    ("worker_restarts", "Workers in the place of dead ones.", lambda e: e.restarts),
    # By older names.
    ("cached_tokens", "Tokens of prompts that were in memory.", lambda e: e.totals.cached_tokens),
    ("generated_tokens", "Tokens of answers.", lambda e: e.totals.completion_tokens),
    ("drafted_tokens", "Tokens that were guessed.", lambda e: e.totals.drafted_tokens),
    ("accepted_tokens", "Guessed tokens that came true.", lambda e: e.totals.accepted_tokens),
    ("queue_seconds", "Time that requests waited.", lambda e: e.totals.queue_seconds),
    ("prompt_seconds", "Time from a slot to the first token.", lambda e: e.totals.prompt_seconds),
    ("decode_seconds", "Time from the first token to the last.", lambda e: e.totals.decode_seconds),
)
_GAUGES: tuple[tuple[str, str, Callable[[AnyEngine], float]], ...] = (
    ("num_requests_running", "Requests that have a slot.", lambda e: e.active - e.waiting),
    ("num_requests_waiting", "Requests that wait for a slot.", lambda e: e.waiting),
    ("kv_cache_usage_perc", "Of the slots' memory; 1 is all of it.", lambda e: kv_usage(e)),
    ("state_cache_bytes", "Memory of saved states.", lambda e: e.observation.cache_bytes),
    ("state_cache_entries", "Saved states.", lambda e: e.observation.cache_states),
    ("slots", "Answers that are generated side by side.", lambda e: e.info.slots),
    ("ready", "Whether a worker is there for the next request.", lambda e: e.ready),
    # By older names.
    ("requests_active", "Requests under way, waiting ones included.", lambda e: e.active),
    ("requests_waiting", "Requests that wait for a slot.", lambda e: e.waiting),
)
_WAITS: tuple[tuple[str, str, Callable[[Waits], Histogram]], ...] = (
    ("time_to_first_token_seconds", "From arrival to the first token.", lambda w: w.first_token),
    ("inter_token_latency_seconds", "Between two outputs of an answer.", lambda w: w.gap),
    ("request_time_per_output_token_seconds", "A request's mean.", lambda w: w.token),
    ("e2e_request_latency_seconds", "From arrival to the answer's end.", lambda w: w.whole),
    ("request_queue_time_seconds", "Until there was a slot.", lambda w: w.queue),
    ("request_prefill_time_seconds", "From the slot to the first token.", lambda w: w.prefill),
    ("request_decode_time_seconds", "From the first token to the last.", lambda w: w.decode),
    ("request_prompt_tokens", "Tokens of a prompt.", lambda w: w.prompt_tokens),
    ("request_generation_tokens", "Tokens of an answer.", lambda w: w.completion_tokens),
)
_STEPS: tuple[tuple[str, str, Callable[[AnyEngine], Histogram]], ...] = (
    ("iteration_tokens_total", "Tokens in a step.", lambda e: e.observation.step_tokens),
    ("step_seconds", "How long a step takes.", lambda e: e.observation.steps),
)


def kv_usage(engine: AnyEngine) -> float:
    """Which part of all slots' memory is read."""
    room = engine.info.slots * engine.info.ctx_size
    return sum(each.read for each in engine.observation.slots) / room if room else 0.0


Name = tuple[str, str]
"""A model's, and the number of one of its workers."""

Process = tuple[str, str, str]
"""What it is, and a worker's name."""


def named_engines(models: Models) -> list[tuple[Name, AnyEngine]]:
    """Every engine by its model's id and its number; one that embeds beside one that generates has
    a name of its own, or they would be one to Prometheus."""
    found: list[tuple[Name, AnyEngine]] = []
    for model in models:
        members = model.engine.members
        found += [((model.id, str(number)), each) for number, each in enumerate(members)]
        if model.embedder is not None and model.embedder not in members:
            found.append(((f"{model.id}@embeddings", "0"), model.embedder))
    return found


class EngineCollector(Collector):
    """Reads the engines' numbers when it is asked."""

    def __init__(self, models: Models) -> None:
        self._models = models

    def collect(self) -> Iterator[Metric]:
        """Yield every number for every model."""
        engines = named_engines(self._models)
        for name, text, of in _COUNTERS:
            counter = CounterMetricFamily(PREFIX + name, text, labels=_NAMES)
            for labels, engine in engines:
                counter.add_metric(labels, of(engine))
            yield counter
        for name, text, of in _GAUGES:
            gauge = GaugeMetricFamily(PREFIX + name, text, labels=_NAMES)
            for labels, engine in engines:
                gauge.add_metric(labels, of(engine))
            yield gauge
        yield from _ends(engines)
        yield from _waits(engines)
        yield from _steps(engines)


class HttpCollector(Collector):
    """What came over HTTP, through all ports."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts

    def collect(self) -> Iterator[Metric]:
        """Yield requests, their times, and what went wrong."""
        requests = CounterMetricFamily(
            PREFIX + "http_requests",
            "Requests by what they were answered with; 499: the client went away before.",
            labels=["door", "route", "method", "code"],
        )
        for (door, route, method, code), count in self._counts.requests.items():
            requests.add_metric([door, route, method, str(code)], count)
        for status, count in _by_status(self._counts).items():
            requests.add_metric(["", "", "", str(status)], count)
        yield requests
        seconds = HistogramMetricFamily(
            PREFIX + "http_request_duration_seconds",
            "Until the end of the answer, of a WebSocket until its end.",
            labels=["door", "route"],
        )
        for (door, route), histogram in self._counts.seconds.items():
            seconds.add_metric([door, route], histogram.buckets(), histogram.sum)
        yield seconds
        yield from _failures(self._counts)


class MemoryCollector(Collector):
    """The memory of the server's process and of its workers, as it was read last."""

    def __init__(self) -> None:
        self.found: dict[Process, Memory | None] = {}
        """By process (server, worker), model and engine."""

    def collect(self) -> Iterator[Metric]:
        """Yield what is known."""
        gauge = GaugeMetricFamily(
            PREFIX + "memory_bytes",
            "rss: resident; pss: the same, with shared pages counted in parts.",
            labels=["process", *_NAMES, "kind"],
        )
        for labels, memory in self.found.items():
            if memory is not None:
                gauge.add_metric([*labels, "rss"], memory.resident)
                if memory.shared is not None:
                    gauge.add_metric([*labels, "pss"], memory.shared)
        yield gauge


def processes(models: Models) -> dict[Process, int]:
    """The processes whose memory is of interest, by what they are and the model they have."""
    workers = {("worker", *name): engine.pid for name, engine in named_engines(models)}
    there = {name: pid for name, pid in workers.items() if pid is not None}
    return {("server", "", ""): os.getpid(), **there}


def _ends(engines: Iterable[tuple[Name, AnyEngine]]) -> Iterator[Metric]:
    success = CounterMetricFamily(
        PREFIX + "request_success", "Complete answers.", labels=[*_NAMES, "finished_reason"]
    )
    answers = CounterMetricFamily(
        PREFIX + "answers", "Answers by how they ended.", labels=[*_NAMES, "end"]
    )
    kinds = {kind.value for kind in FailureKind} | {"cancelled"}
    for labels, engine in engines:
        for end, count in engine.totals.ends.items():
            answers.add_metric([*labels, end], count)
            if end not in kinds:
                success.add_metric([*labels, end], count)
    yield success
    yield answers


def _waits(engines: Iterable[tuple[Name, AnyEngine]]) -> Iterator[Metric]:
    for name, text, of in _WAITS:
        family = HistogramMetricFamily(PREFIX + name, text, labels=[*_NAMES, "door"])
        for labels, engine in engines:
            for door, waits in engine.latencies.doors.items():
                histogram = of(waits)
                family.add_metric([*labels, door], histogram.buckets(), histogram.sum)
        yield family


def _steps(engines: Iterable[tuple[Name, AnyEngine]]) -> Iterator[Metric]:
    for name, text, of in _STEPS:
        family = HistogramMetricFamily(PREFIX + name, text, labels=_NAMES)
        for labels, engine in engines:
            histogram = of(engine)
            family.add_metric(labels, histogram.buckets(), histogram.sum)
        yield family
    parts = CounterMetricFamily(
        PREFIX + "step_part_seconds", "What steps' time went to.", labels=[*_NAMES, "part"]
    )
    for labels, engine in engines:
        for part, seconds in engine.observation.seconds.items():
            parts.add_metric([*labels, part], seconds)
    yield parts


def _by_status(counts: Counts) -> Counter[int]:
    """What never became a request, by the status that it was answered with."""
    found: Counter[int] = Counter()
    for (_, status), count in counts.refused.items():
        found[status] += count
    return found


def _failures(counts: Counts) -> Iterator[Metric]:
    failures = CounterMetricFamily(
        PREFIX + "failures", "What clients were told that went wrong.", labels=["door", "kind"]
    )
    too_many = CounterMetricFamily(
        PREFIX + "too_many_requests", "Answers with 429, by their cause.", labels=["door", "cause"]
    )
    for (door, kind), count in counts.failures.items():
        failures.add_metric([door, kind], count)
        if RULES[FailureKind(kind)].status == _TOO_MANY:
            too_many.add_metric([door, kind], count)
    for (code, status), count in counts.refused.items():
        if status == _TOO_MANY:
            too_many.add_metric(["", code], count)
    yield failures
    yield too_many
