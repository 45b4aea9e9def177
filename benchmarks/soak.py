"""Half an hour of everything at once: no error, and memory that does not grow.

python -m benchmarks.soak [--minutes 30] [--model MODEL]

The caches are small (``--cache-size 32``, 200 sessions), so that they are full before the second
third begins: what grows after that is no cache.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import sys
import time
import uuid
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import httpx
from websockets.asyncio.client import connect

from benchmarks import machine
from benchmarks.processes import child, output_of, port_in
from benchmarks.tables import Row, print_rows
from benchmarks.watched import WATCHED, slow_callbacks

if TYPE_CHECKING:
    from collections.abc import Sequence

_ACTORS = 6
_SAMPLE_SECONDS = 2.0
_GROWTH = 0.02
_TOKENS = 24
_SMALL = ("--cache-size", "32", "--session-count", "200")


class SoakError(AssertionError):
    """An answer is not what it should be."""


def _check(holds: bool, told: object) -> None:
    if not holds:
        raise SoakError(str(told))


class Actor:
    """A client that does one thing after the other."""

    def __init__(self, url: str, http: httpx.AsyncClient, seed: int, done: Counter[str]) -> None:
        self._url = url
        self._http = http
        self._chance = random.Random(seed)
        self._done = done

    async def act(self, until: float) -> None:
        """Do things until then.

        Raises:
            SoakError: an answer is not what it should be.
        """
        acts = [
            self.stream, self.schema, self.tool, self.choices, self.session, self.socket,
            self.queued, self.flow, self.leave, self.pattern, self.mistake,
        ]  # fmt: skip
        while time.monotonic() < until:
            act = self._chance.choice(acts)
            await act()
            self._done[act.__name__] += 1

    def _words(self) -> str:
        words = ("blue", "river", "seven", "Lisbon", "tree", "quick", "name", "Alice", "count")
        return " ".join(self._chance.choices(words, k=self._chance.randint(1, 60)))

    def _chat(self, **more: object) -> dict[str, Any]:
        messages = [{"role": "user", "content": self._words()}]
        return {"messages": messages, "max_tokens": _TOKENS, **more}

    async def _post(self, path: str, body: dict[str, Any], status: int = 200) -> Any:  # noqa: ANN401 - JSON
        answer = await self._http.post(path, json=body)
        _check(answer.status_code == status, answer.text)
        return answer.json()

    async def stream(self) -> None:
        """A chat, streamed to its end."""
        body = self._chat(stream=True)
        async with self._http.stream("POST", "/v1/chat/completions", json=body) as answer:
            lines = [line async for line in answer.aiter_lines() if line]
        _check(lines[-1] == "data: [DONE]", lines[-1])

    async def schema(self) -> None:
        """An answer in a form that nobody asked for before."""
        name = f"id_{uuid.UUID(int=self._chance.getrandbits(128)).hex[:12]}"
        properties = {name: {"type": "integer", "maximum": 99}, "ok": {"type": "boolean"}}
        schema = {
            "type": "object",
            "properties": properties,
            "required": list(properties),
            "additionalProperties": False,
        }
        form = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
        told = await self._post(
            "/v1/chat/completions", self._chat(response_format=form, max_tokens=80)
        )
        choice = told["choices"][0]
        if choice["finish_reason"] == "stop":
            _check(json.loads(choice["message"]["content"]).keys() == properties.keys(), choice)

    async def tool(self) -> None:
        """A call of a tool that has to be made."""
        parameters = {"type": "object", "properties": {"city": {"enum": ["Lisbon", "Rome"]}}}
        tool = {"name": f"weather_{self._chance.randint(0, 50)}", "parameters": parameters}
        body = self._chat(tools=[{"type": "function", "function": tool}], tool_choice="required")
        await self._post("/v1/chat/completions", body | {"max_tokens": 60})

    async def choices(self) -> None:
        """A completion in several choices."""
        body = {"prompt": self._words(), "n": 3, "max_tokens": 8, "logprobs": 2}
        _check(len((await self._post("/v1/completions", body))["choices"]) == 3, body)

    async def session(self) -> None:
        """A message in a session, old or new."""
        body = {"message": self._words(), "session_id": f"s{self._chance.randint(0, 1000)}"}
        await self._post("/chat", body | {"max_tokens": 8})

    async def socket(self) -> None:
        """A request on a WebSocket."""
        async with connect(self._url.replace("http", "ws") + "/ws") as socket:
            await socket.send(json.dumps({"input": self._words(), "max_tokens": 8}))
            while (event := json.loads(await socket.recv()))["type"] != "result":
                _check(event["type"] != "error", event)

    async def queued(self) -> None:
        """A job whose answer comes on a stream."""
        client = uuid.uuid4().hex
        path = f"/api/v1/chat/stream/{client}"
        async with self._http.stream("GET", path) as answer:
            lines = answer.aiter_lines()
            await anext(lines)
            job = {"prompt": "Count from 1 to 3", "client_id": client}
            await self._post("/api/v1/chat/submit", job, 202)
            async for line in lines:
                _check(line != "event: error", line)
                if line == "event: done":
                    break

    async def flow(self) -> None:
        """A chat of FlowGen's."""
        messages = [{"role": "user", "content": self._words()}]
        await self._post("/chat", {"messages": messages, "max_tokens": 8})

    async def leave(self) -> None:
        """A stream that is left after its first line."""
        body = self._chat(stream=True, max_tokens=400, ignore_eos=True)
        async with self._http.stream("POST", "/v1/chat/completions", json=body) as answer:
            await anext(answer.aiter_lines())

    async def pattern(self) -> None:
        """An answer held to a regular expression of its own."""
        letters = "".join(self._chance.choices("abcdefghij", k=self._chance.randint(3, 12)))
        await self._post("/v1/chat/completions", self._chat(guided_regex=f"[{letters}]{{2,20}}"))

    async def mistake(self) -> None:
        """A request that is wrong."""
        await self._post("/v1/chat/completions", self._chat(temperature="hot"), 400)


async def soak(url: str, pids: Sequence[int], minutes: float) -> tuple[Counter[str], list[Row]]:
    """Let actors act for so long; what they did, and a row for each process' memory."""
    done: Counter[str] = Counter()
    until = time.monotonic() + minutes * 60
    samples: list[list[float]] = [[], [], []]
    limits = httpx.Limits(max_connections=100)
    async with (
        httpx.AsyncClient(base_url=url, timeout=120, limits=limits) as http,
        asyncio.TaskGroup() as tasks,
    ):
        for seed in range(_ACTORS):
            tasks.create_task(Actor(url, http, seed, done).act(until))
        tasks.create_task(_sample(pids, samples, until))
    names = ("server", "worker", "children that build")
    return done, [_row(*each) for each in zip(names, samples, strict=True)]


async def _sample(pids: Sequence[int], samples: list[list[float]], until: float) -> None:
    """Note the memory (MiB) of the server, its worker, and all others together, while they last.

    What is theirs alone: of mapped files, a process seems to hold the more the fewer others do.
    """
    server, _ = pids
    while time.monotonic() < until:
        others = [pid for pid in machine.children(server) if pid not in pids]
        for group, found in zip(([server], [pids[1]], others), samples, strict=True):
            found.append(sum(map(_memory, group)))
        await asyncio.sleep(_SAMPLE_SECONDS)


def _memory(pid: int) -> float:
    with contextlib.suppress(FileNotFoundError, ProcessLookupError, KeyError):
        return machine.memory(pid).anonymous
    return 0.0


def _row(name: str, samples: list[float]) -> Row:
    """The second third's memory beside the last one's."""
    third = len(samples) // 3
    second, last = (sum(part) / third for part in (samples[third : 2 * third], samples[-third:]))
    growth = last / second - 1 if second else 0.0
    return Row(
        f"memory of the {name}",
        f"{last:.1f} MiB",
        f"{second:.1f} MiB",
        f"{growth:+.1%}",
        f"<= {_GROWTH:.0%}",
        growth <= _GROWTH,
    )


def _slow(url: str) -> float:
    return slow_callbacks(httpx.get(f"{url}/metrics", timeout=60).text)


def main(arguments: Sequence[str] | None = None) -> int:
    """Soak, and say what was found."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--model", default="demo")
    options = parser.parse_args(arguments)
    with TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "colonnade", "serve", options.model, "--port", "0"]
        command += [*_SMALL, *WATCHED]
        command += ["--session-database", f"sqlite:///{Path(folder) / 'sessions.db'}"]
        with child(command) as process:
            url = f"http://127.0.0.1:{port_in(output_of(process))}"
            worker = next(iter(machine.children(process.pid)))
            before = _slow(url)
            done, rows = asyncio.run(soak(url, (process.pid, worker), options.minutes))
            held = _slow(url) - before
            same = worker in machine.children(process.pid)
    print(f"{sum(done.values())} acts: " + ", ".join(f"{k} {n}" for k, n in sorted(done.items())))
    print(f"the worker is the first one: {same}")
    print(f"callbacks over 50 ms: {held:.0f}")
    print_rows(rows, sys.stdout, other="a third before")
    return 0 if same and all(row.met for row in rows) else 1


if __name__ == "__main__":
    raise SystemExit(main())
