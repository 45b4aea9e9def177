"""Many clients that name models at random, of which only some fit into the memory at a time.

    python -m benchmarks.many_models --minutes 5

Twenty files, thirty-two clients, memory for five: answers and errors by what was said, loads, and
what the models' processes take together of what they may. With ``--known N``, what a request to a
loaded model costs beside N models that are known, against one.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import random
import shutil
import sys
import time
from collections import Counter
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import httpx

from benchmarks import machine
from benchmarks.processes import running_without_model
from benchmarks.random_gguf import write_random_gguf
from benchmarks.tables import Row, print_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.processes import Server
    from benchmarks.random_gguf import Size

_SAMPLE_SECONDS = 0.5
_A_MODELS = (b"colonnade.worker\0", b"colonnade.prompt.renderer")
"""Processes that are one model's."""

_DOCUMENTED = {"model_unavailable", "queue_full"}


class Clients:
    """What the clients were told."""

    def __init__(self, url: str, models: int, seed: int) -> None:
        self._url = url
        self._names = [f"model-{number:02}" for number in range(models)]
        self._random = random.Random(seed)
        self.told: Counter[str] = Counter()
        self.seconds: list[float] = []

    async def ask(self, client: httpx.AsyncClient, until: float) -> None:
        """Ask one model after the other."""
        while time.monotonic() < until:
            began = time.monotonic()
            body: dict[str, Any] = {
                "model": self._random.choice(self._names),
                "messages": [{"role": "user", "content": f"Say {self._random.random()}"}],
                "max_tokens": self._random.choice((4, 16, 48)),
                "stream": self._random.random() < 0.5,
            }
            self.told[await self._answer(client, body)] += 1
            self.seconds.append(time.monotonic() - began)

    async def _answer(self, client: httpx.AsyncClient, body: dict[str, Any]) -> str:
        answer = await client.post(f"{self._url}/v1/chat/completions", json=body)
        if answer.status_code != 200:
            return str(answer.json()["error"]["code"])
        if not body["stream"]:
            return "answered" if answer.json()["model"] == body["model"] else "another model"
        if '"error":' in answer.text:
            return "an error in a stream: " + answer.text[-300:]
        return "answered" if answer.text.endswith("data: [DONE]\n\n") else "cut off"


async def stress(
    server: Server, models: int, clients: int, minutes: float, memory: int
) -> list[Row]:
    """Have clients ask, and look at the memory meanwhile; ``memory`` is what is allowed, in MiB."""
    asking = Clients(f"http://127.0.0.1:{server.port}", models, seed=1)
    until = time.monotonic() + minutes * 60
    taken: list[float] = []
    async with httpx.AsyncClient(timeout=600, limits=httpx.Limits(max_connections=None)) as client:
        watching = asyncio.create_task(_watch(server.pid, taken))
        await asyncio.gather(*[asking.ask(client, until) for _ in range(clients)])
        watching.cancel()
    undocumented = {
        text: count
        for text, count in asking.told.items()
        if text != "answered" and text not in _DOCUMENTED
    }
    ordered = sorted(asking.seconds)
    return [
        Row("answers", str(asking.told["answered"])),
        Row("documented errors", str(sum(asking.told[each] for each in _DOCUMENTED))),
        Row("other errors", str(undocumented or 0), met=not undocumented),
        Row("seconds of an answer, its model's load included", _spread(ordered)),
        Row.bounded("most memory of the models' processes", max(taken), "MiB", at_most=memory),
    ]


def _spread(ordered: Sequence[float]) -> str:
    return f"p50 {median(ordered):.1f}, p99 {ordered[int(len(ordered) * 0.99)]:.1f}"


async def _watch(pid: int, taken: list[float]) -> None:
    while True:
        taken.append(await asyncio.to_thread(_models_memory, pid))
        await asyncio.sleep(_SAMPLE_SECONDS)


def _models_memory(server: int) -> float:
    """MiB of the processes that a server has for models: its workers, and what renders for them."""
    return sum(_memory(pid) for pid in machine.children(server) if _is_a_models(pid))


def _is_a_models(pid: int) -> bool:
    with contextlib.suppress(OSError):
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
        return any(name in command for name in _A_MODELS)
    return False


def _memory(pid: int) -> float:
    with contextlib.suppress(OSError, KeyError):  # it has ended
        return machine.memory(pid).proportional
    return 0.0


def _write_files(folder: Path, count: int, size: Size) -> None:
    """So many files of the same weights."""
    first = folder / "model-00.gguf"
    write_random_gguf(first, kind="llama", size=size)
    for number in range(1, count):
        shutil.copy(first, folder / f"model-{number:02}.gguf")


async def known(models: int, requests: int) -> list[float]:
    """Seconds of each of so many requests to one loaded model, with so many models known."""
    with TemporaryDirectory() as directory:
        folder = Path(directory)
        write_random_gguf(folder / "model-00.gguf", kind="llama", size="tiny")
        for number in range(1, models):
            os.link(folder / "model-00.gguf", folder / f"model-{number:04}.gguf")
        with running_without_model(directory, "--threads", "1") as server:
            body = {"model": "model-00", "messages": [{"role": "user", "content": "Hi"}]}
            url = f"http://127.0.0.1:{server.port}/v1/chat/completions"
            seconds = []
            async with httpx.AsyncClient(timeout=60) as client:
                for _ in range(requests):
                    began = time.perf_counter()
                    (await client.post(url, json={**body, "max_tokens": 1})).raise_for_status()
                    seconds.append(time.perf_counter() - began)
            return seconds[requests // 4 :]


def main() -> int:
    """Measure, and say what was found."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--models", type=int, default=20)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--size", default="tiny", help="of the random files")
    parser.add_argument("--memory", type=int, default=0, help="MiB; 0: as five of them take")
    parser.add_argument("--known", type=int, help="what a request costs beside so many models")
    options = parser.parse_args()
    rows = _known_rows(options.known) if options.known else _stress_rows(options)
    print_rows(rows, sys.stdout, title="Many models", other="one model")
    return 0 if all(row.met is not False for row in rows) else 1


def _known_rows(models: int, rounds: int = 5, requests: int = 400) -> list[Row]:
    """Rounds alternate."""
    many, one = [], []
    for _ in range(rounds):
        one.append(median(asyncio.run(known(1, requests))) * 1e3)
        many.append(median(asyncio.run(known(models, requests))) * 1e3)
    return [Row.compared(f"ms of a request beside {models} models", many, one, at_most=1.05)]


def _stress_rows(options: argparse.Namespace) -> list[Row]:
    with TemporaryDirectory() as directory:
        _write_files(Path(directory), options.models, options.size)
        memory = options.memory or 5 * _takes(directory)
        flags = ("--threads", "1", "--slots", "2", "--ctx-size", "512", "--cache-size", "32")
        with running_without_model(directory, *flags, "--memory", str(memory)) as server:
            work = stress(server, options.models, options.clients, options.minutes, memory)
            return asyncio.run(work)


def _takes(directory: str) -> int:
    """MiB that one of the models is said to take, with what is kept for it."""
    with running_without_model(directory, "--threads", "1", "--slots", "2") as server:
        url = f"http://127.0.0.1:{server.port}"
        for name in ("model-00", "model-01"):
            body = {"model": name, "messages": [{"role": "user", "content": "Hi"}]}
            httpx.post(f"{url}/v1/chat/completions", json=body, timeout=60).raise_for_status()
        found = httpx.get(f"{url}/v1/models/model-01", timeout=60).json()
        return int(found["memory"]) // (1 << 20) + 1


if __name__ == "__main__":
    raise SystemExit(main())
