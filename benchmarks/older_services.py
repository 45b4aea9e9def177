"""What the older services promise of memory and latency: unloading, and many WebSockets.

python -m benchmarks.older_services MODEL.gguf
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
import urllib.request
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from websockets.asyncio.client import ClientConnection, connect

from benchmarks import machine
from benchmarks.processes import running_without_model
from benchmarks.tables import Row, percentile, print_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.processes import Server

_GENERATING, _IDLE = 64, 1000
_FIRST_EVENT_MS = 100.0
_GROWTH_MIB = 5.0
_REST_MIB = 20.0
_SETTLE = 1.0


def _post(server: Server, path: str, body: dict[str, Any] | None = None) -> Any:  # noqa: ANN401 - JSON
    request = urllib.request.Request(
        f"http://127.0.0.1:{server.port}{path}",
        data=json.dumps(body or {}).encode(),
        headers={"content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=600) as answer:  # noqa: S310 - loopback
        return json.load(answer)


def _all_memory(server: Server) -> float:
    """MiB of the server and all of its workers, what they share counted once."""
    pids = [server.pid, *machine.children(server.pid)]
    return sum(machine.memory(pid).proportional for pid in pids)


def unload_rows(server: Server, model: Path) -> list[Row]:
    """Memory without a model, with one, and without again."""
    before = _all_memory(server)
    _post(server, "/load", {"model_path": str(model), "tokenizer_name": "any"})
    _post(server, "/chat", {"messages": [{"role": "user", "content": "Hi"}]})
    loaded = _all_memory(server)
    _post(server, "/unload")
    after = _all_memory(server)
    return [
        Row.bounded("memory without a model", before, "MiB"),
        Row.bounded("with one", loaded, "MiB", note=model.name),
        Row.bounded("after /unload, more than before", after - before, "MiB", at_most=_REST_MIB),
    ]


async def _ask(ws: ClientConnection, **more: object) -> float:
    """One request; milliseconds to its first event."""
    began = time.perf_counter()
    await ws.send(json.dumps({"input": "Hello!", **more}))
    await ws.recv()
    took = (time.perf_counter() - began) * 1e3
    while json.loads(await ws.recv())["type"] not in ("result", "error"):
        pass
    return took


async def socket_rows(server: Server, requests: int) -> list[Row]:
    """Latency, many connections, and memory over many requests."""
    url = f"ws://127.0.0.1:{server.port}/ws"
    async with connect(url) as ws:
        times = [await _ask(ws) for _ in range(200)]
        before = machine.memory(server.pid).resident
        began = time.perf_counter()
        for _ in range(requests):
            await _ask(ws, max_tokens=1)
        rate = requests / (time.perf_counter() - began)
        growth = machine.memory(server.pid).resident - before
    first = percentile(times, 99)
    note = f"p50 {percentile(times, 50):.1f}"
    return [
        Row.bounded("first event, p99", first, "ms", at_most=_FIRST_EVENT_MS, note=note),
        Row.bounded(
            f"growth over {requests} requests on one connection",
            growth,
            "MiB",
            at_most=_GROWTH_MIB,
            note=f"{rate:.0f} requests a second",
        ),
        *await _many(server, url),
    ]


async def _many(server: Server, url: str) -> list[Row]:
    async with AsyncExitStack() as stack:
        before = machine.memory(server.pid).resident
        for _ in range(0, _IDLE, 50):
            await asyncio.gather(*(stack.enter_async_context(connect(url)) for _ in range(50)))
        idle = machine.memory(server.pid).resident - before
        active = [await stack.enter_async_context(connect(url)) for _ in range(_GENERATING)]
        began = time.perf_counter()
        times = await asyncio.gather(*(_ask(ws, max_tokens=100) for ws in active))
        took = time.perf_counter() - began
    note = f"first events p99 {percentile(times, 99):.0f} ms"
    return [
        Row.bounded(f"{_IDLE} idle connections, each", idle / _IDLE * 1024, "KiB"),
        Row.bounded(f"{_GENERATING} beside them answered in", took, "s", note=note),
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.older_services")
    parser.add_argument("model", type=Path, help="the file to load and unload")
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args(arguments)
    model = options.model.resolve()
    with running_without_model(str(model.parent), "--threads", str(options.threads)) as server:
        rows = unload_rows(server, model)
        _post(server, "/load", {"model_path": "demo", "tokenizer_name": "any"})
        time.sleep(_SETTLE)
        rows += asyncio.run(socket_rows(server, options.requests))
    print_rows(rows, sys.stdout, other="")


if __name__ == "__main__":
    main()
