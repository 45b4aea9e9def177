"""What a server says of itself: asked over HTTP, checked, and freed of control characters."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from colonnade.cli.errors import CommandError
from colonnade.watch import safe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from httpx2 import Client, Response

_PATIENCE = 5.0
_MOST = 4_000_000
"""Bytes of an answer; a server with 256 slots stays far below."""
_PREFIX = "colonnade_"


@dataclass(frozen=True)
class Status:
    """A server at one moment. ``numbers`` are sums over all labels, by metric."""

    version: str
    ready: bool
    slots: list[dict[str, Any]]
    numbers: dict[str, float]
    failures: dict[str, float]
    """By kind."""
    memory: dict[str, float]
    """Resident bytes by process."""
    models: list[str]
    at: float = field(default_factory=time.monotonic)

    def rate(self, name: str, before: Status | None) -> float | None:
        """How much a counter grows in a second; None where that cannot be told yet."""
        if before is None or self.at <= before.at:
            return None
        grown = self.numbers.get(name, 0.0) - before.numbers.get(name, 0.0)
        return grown / (self.at - before.at) if grown >= 0 else None

    def as_json(self) -> str:
        """One object on one line."""
        found = {
            "version": self.version,
            "ready": self.ready,
            "models": self.models,
            "slots": self.slots,
            "metrics": self.numbers,
            "failures": self.failures,
            "memory": self.memory,
        }
        return json.dumps(found)


class Source:
    """A server."""

    def __init__(self, url: str, api_key: str) -> None:
        """Take its address, with or without ``http://`` and ``/v1``.

        Raises:
            CommandError: this is no address.
        """
        from httpx2 import Client, InvalidURL

        base = (url if "://" in url else f"http://{url}").rstrip("/").removesuffix("/v1")
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self.url = safe(base)
        try:
            self._client: Client = Client(base_url=base, headers=headers, timeout=_PATIENCE)
        except (InvalidURL, ValueError) as error:
            msg = f"{safe(url)!r} is not a URL"
            raise CommandError(msg) from error

    def close(self) -> None:
        """Close its connections."""
        self._client.close()

    def read(self) -> Status:
        """Ask for everything.

        Raises:
            CommandError: it does not answer, or not to us, or not as a server of ours.
        """
        health = self.json("/health")
        slots = self.json("/slots")
        text = self.text("/metrics")
        if not isinstance(health, dict) or not isinstance(slots, list):
            raise self.foreign()
        numbers, failures, memory, models = _metrics(text)
        return Status(
            version=safe(str(health.get("version", "?")), 40),
            ready=bool(health.get("model_loaded")),
            slots=[_clean(each) for each in slots if isinstance(each, dict)],
            numbers=numbers,
            failures=failures,
            memory=memory,
            models=sorted(models),
        )

    def json(self, path: str) -> Any:  # noqa: ANN401 - checked by the caller
        """Ask for one thing.

        Raises:
            CommandError: it does not answer, or not to us, or not as a server of ours.
        """
        try:
            return json.loads(self._get(path).content)
        except (ValueError, RecursionError) as error:
            raise self.foreign() from error

    def text(self, path: str) -> str:
        """The same, of what is no JSON."""
        return self._get(path).text

    def _get(self, path: str) -> Response:
        from httpx2 import HTTPError, InvalidURL

        try:
            response = self._client.get(path)
        except (HTTPError, InvalidURL) as error:
            detail = safe(str(error).partition("\n")[0] or type(error).__name__, 200)
            msg = f"{self.url} cannot be reached: {detail}"
            raise CommandError(msg) from error
        if response.status_code == 401:
            msg = f"{self.url} wants a key: --api-key KEY, or COLONNADE_API_KEY"
            raise CommandError(msg)
        if response.status_code == 403:
            msg = f"{self.url} shows this to administrators' keys alone"
            raise CommandError(msg)
        if response.is_error or len(response.content) > _MOST:
            raise self.foreign(f": {path} is {response.status_code}")
        return response

    def foreign(self, detail: str = "") -> CommandError:
        """What is to be said of a server that is none of ours."""
        return CommandError(f"{self.url} does not answer as a Colonnade server does{detail}")


def _metrics(
    text: str,
) -> tuple[dict[str, float], dict[str, float], dict[str, float], set[str]]:
    """Sums by metric, failures by kind, memory by process, and the models.

    Raises:
        CommandError: this is not Prometheus' format.
    """
    numbers: dict[str, float] = {}
    failures: dict[str, float] = {}
    memory: dict[str, float] = {}
    models: set[str] = set()
    for name, labels, value in samples(text):
        numbers[name] = numbers.get(name, 0.0) + value
        if name == "failures_total":
            kind = safe(labels.get("kind", ""), 40)
            failures[kind] = failures.get(kind, 0.0) + value
        elif name == "memory_bytes" and labels.get("kind") == "rss":
            process = safe(labels.get("process", ""), 40)
            memory[process] = memory.get(process, 0.0) + value
        elif name == "ready":
            models.add(safe(labels.get("model", ""), 200))
    return numbers, failures, memory, models


def samples(text: str) -> Iterator[tuple[str, dict[str, str], float]]:
    """Name, labels and value of each of our numbers in a server's metrics, without buckets.

    Raises:
        CommandError: this is not Prometheus' format.
    """
    from prometheus_client.parser import text_string_to_metric_families

    try:
        families = list(text_string_to_metric_families(text))
    except ValueError as error:
        msg = "the server's metrics cannot be read"
        raise CommandError(msg) from error
    for each in (sample for family in families for sample in family.samples):
        name = each.name.removeprefix(_PREFIX)
        if name != each.name and not name.endswith("_bucket"):
            yield safe(name, 100), each.labels, each.value


def _clean(slot: dict[str, Any]) -> dict[str, Any]:
    """A slot's fields, whatever the server is: texts that print, and nothing but plain values."""
    return {
        safe(name, 60): safe(value, 200) if isinstance(value, str) else value
        for name, value in slot.items()
        if isinstance(value, str | int | float | bool | list) or value is None
    }
