"""What a stream, and an honest schema, notice of clients that send schemas made to be expensive.

    python -m benchmarks.schemas.neighbours URL

One client streams free text, one asks for a small schema of its own again and again, and
``--hostile`` clients, each at an address of its own (127.0.0.x, so the server has to listen on
loopback), send schemas that no budget suffices for.
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import json
import threading
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from benchmarks.tables import percentile

if TYPE_CHECKING:
    from collections.abc import Sequence

_PATH = "/v1/chat/completions"
_ASK = [{"role": "user", "content": "Tell me a long story."}]


def chain(number: int) -> dict[str, Any]:
    """Choices within choices that have to be told apart: the ways double at each step."""
    parts: dict[str, Any] = {"d0": {"properties": {f"p{number}": {"type": "string"}}}}
    for step in range(1, 30):
        before = {"$ref": f"#/$defs/d{step - 1}"}
        other = {"properties": {f"q{step}": {"not": before}}, "required": [f"r{step}"]}
        parts[f"d{step}"] = {"oneOf": [before, other, {"not": {"oneOf": [before, other]}}]}
    return {"$defs": parts, "oneOf": [{"$ref": "#/$defs/d29"}, {"not": {"$ref": "#/$defs/d28"}}]}


def backtracking(number: int) -> dict[str, Any]:
    """A pattern that a backtracking matcher never finishes with, and a name to try it on."""
    name = f"{'a' * 60}-{number}"
    return {
        "type": "object",
        "properties": {name: True, "b": True},
        "patternProperties": {"^(a+)+$": {"type": "string"}, "^(b|bb)+c": {"type": "integer"}},
        "propertyNames": {"pattern": "^(a|aa)+$"},
        "maxProperties": 1,
    }


class Client:
    """One connection from one address."""

    def __init__(self, url: str, address: str) -> None:
        parts = urlsplit(url)
        self._connection = http.client.HTTPConnection(
            parts.hostname or "127.0.0.1", parts.port, timeout=120, source_address=(address, 0)
        )

    def ask(self, **fields: Any) -> http.client.HTTPResponse:  # noqa: ANN401
        """Send a chat request."""
        body = json.dumps({"messages": _ASK, "temperature": 0, **fields})
        self._connection.request("POST", _PATH, body, {"content-type": "application/json"})
        return self._connection.getresponse()


def _form(schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}


def attack(url: str, number: int, kind: str, stop: threading.Event, statuses: list[int]) -> None:
    """Send one expensive schema after the other."""
    make = {"chain": chain, "backtracking": backtracking}[kind]
    client = Client(url, f"127.0.0.{10 + number}")
    for each in itertools.count(number * 1_000_000):
        if stop.is_set():
            return
        answer = client.ask(response_format=_form(make(each)), max_tokens=5)
        answer.read()
        statuses.append(answer.status)


def gaps(url: str, seconds: float) -> list[float]:
    """Milliseconds between the pieces of streams, as they come."""
    client = Client(url, "127.0.0.2")
    until = time.perf_counter() + seconds
    found: list[float] = []
    while time.perf_counter() < until:
        answer = client.ask(stream=True, max_tokens=400, ignore_eos=True)
        last = None
        while line := answer.readline():
            if line.startswith(b"data: {"):
                now = time.perf_counter()
                if last is not None:
                    found.append((now - last) * 1e3)
                last = now
    return found


def honest(url: str, stop: threading.Event, times: list[float]) -> None:
    """Ask for a small schema that is new each time."""
    client = Client(url, "127.0.0.3")
    for number in itertools.count(time.time_ns()):
        if stop.is_set():
            return
        schema = {"type": "object", "properties": {f"n{number}": {"enum": [1, 2]}}}
        began = time.perf_counter()
        client.ask(response_format=_form({**schema, "maxProperties": 1}), max_tokens=1).read()
        times.append((time.perf_counter() - began) * 1e3)
        stop.wait(0.2)


def measure(url: str, hostile: int, kind: str, seconds: float) -> None:
    """Run all of them beside each other, and print."""
    stop = threading.Event()
    statuses: list[int] = []
    times: list[float] = []
    threads = [
        threading.Thread(target=attack, args=(url, number, kind, stop, statuses), daemon=True)
        for number in range(hostile)
    ]
    threads.append(threading.Thread(target=honest, args=(url, stop, times), daemon=True))
    for thread in threads:
        thread.start()
    found = gaps(url, seconds)
    stop.set()
    for title, values in (("gaps of a stream", found), ("honest schema", times)):
        if values:
            shown = ", ".join(f"p{p} {percentile(values, p):.1f}" for p in (50, 99))
            print(f"  {title:18} {shown}, longest {max(values):.0f} ms ({len(values)})")
    print(f"  answers to hostile clients: {len(statuses)}, {dict.fromkeys(statuses)}", flush=True)
    for thread in threads:
        thread.join(60)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure without and with hostile clients."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.schemas.neighbours")
    parser.add_argument("url")
    parser.add_argument("--hostile", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--kinds", nargs="*", default=["chain", "backtracking"])
    options = parser.parse_args(arguments)
    print("alone")
    measure(options.url, 0, "chain", options.seconds)
    for kind in options.kinds:
        print(f"{options.hostile} hostile clients, {kind}")
        measure(options.url, options.hostile, kind, options.seconds)


if __name__ == "__main__":
    main()
