"""A worker that is killed at random moments under load: what its clients are told.

python -m benchmarks.kills [--model MODEL] [--kills 50] [--clients 8] [--seed 0]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import httpx

from benchmarks import machine
from benchmarks.processes import child, output_of, port_in
from benchmarks.tables import Row, print_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

_LONGEST_LIFE = 1.5
"""Seconds of readiness after which a worker is killed, at most."""
_HUNG = 60.0
_MORE = 1.0
"""Seconds from when the server is ready until the next request is answered."""
_CLEAR = frozenset({"worker_died", "model_unavailable", "queue_full", "deadly_request"})
_PAUSE = 0.02

_FORM = {
    "type": "json_schema",
    "json_schema": {
        "name": "answer",
        "schema": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "size": {"type": "integer"}},
            "required": ["city", "size"],
        },
    },
}
_WISHES: tuple[dict[str, Any], ...] = (
    {"max_tokens": 20},
    {"max_tokens": 120, "stream": True},
    {"max_tokens": 300, "n": 2},
    {"max_tokens": 60, "response_format": _FORM},
    {"max_tokens": 200, "stream": True, "n": 3},
)


@dataclass
class Account:
    """What came of it. Times in seconds."""

    kills: int = 0
    answers: int = 0
    told: Counter[str] = field(default_factory=Counter)
    """Errors that say what happened, by their code."""
    unclear: list[str] = field(default_factory=list)
    """Everything else: broken connections, other errors, half answers."""
    hung: int = 0
    loads: list[float] = field(default_factory=list)
    """From a kill until the server is ready again."""
    waits: list[float] = field(default_factory=list)
    """From a kill until a new request is answered."""


async def kill_often(root: str, pid: int, kills: int, clients: int, seed: int) -> Account:
    """Kill the worker of a running server, ``kills`` times."""
    account = Account()
    chance = random.Random(seed)
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=root, timeout=_HUNG, limits=limits) as http:
        going_on = asyncio.Event()
        going_on.set()
        load = [
            asyncio.create_task(_client(http, account, going_on, random.Random(chance.random())))
            for _ in range(clients)
        ]
        for _ in range(kills):
            await asyncio.sleep(chance.uniform(0, _LONGEST_LIFE))
            dead = _kill(pid)
            began = time.monotonic()
            account.kills += 1
            wait, ready = await asyncio.gather(
                _next_served(http, began), _until_ready(http, pid, dead, began)
            )
            account.waits.append(wait)
            account.loads.append(ready)
        going_on.clear()
        await asyncio.gather(*load)
    return account


async def _client(
    http: httpx.AsyncClient, account: Account, going_on: asyncio.Event, chance: random.Random
) -> None:
    """Ask for one thing after the other, and note what comes of each."""
    while going_on.is_set():
        text = chance.choice(("Hello", f"Tell me of {chance.random()}", "word " * 150))
        body = {"messages": [{"role": "user", "content": text}], **chance.choice(_WISHES)}
        try:
            async with asyncio.timeout(_HUNG):
                answer = await http.post("/v1/chat/completions", json=body)
        except TimeoutError:
            account.hung += 1
        except httpx.HTTPError as error:
            account.unclear.append(repr(error))
        else:
            _note(account, answer, streams=bool(body.get("stream")))


def _note(account: Account, answer: httpx.Response, *, streams: bool) -> None:
    last = answer.text.strip()
    if streams and answer.status_code == 200:
        last = last.rpartition("data: ")[2]
        if last == "[DONE]":
            account.answers += 1
            return
    try:
        said = json.loads(last)
        code = said["error"]["code"] if "error" in said else ""
    except (ValueError, KeyError, TypeError):
        code = "?"
    if code in _CLEAR:
        account.told[code] += 1
    elif code == "" and answer.status_code == 200 and not streams:
        account.answers += 1
    else:
        account.unclear.append(f"{answer.status_code} {last[:200]}")


async def _next_served(http: httpx.AsyncClient, began: float) -> float:
    """Ask until one is answered; one that was sent before the death was noticed fails with it."""
    while True:
        text = f"Are you there, {time.monotonic()}?"
        body = {"messages": [{"role": "user", "content": text}], "max_tokens": 1}
        answer = await http.post("/v1/chat/completions", json=body | {"service_tier": "priority"})
        if answer.status_code == 200:
            return time.monotonic() - began
        await asyncio.sleep(_PAUSE)


async def _until_ready(
    http: httpx.AsyncClient, pid: int, dead: Sequence[int], began: float
) -> float:
    """Wait for a worker that is none of those that were killed; returns how long it took."""
    while (passed := time.monotonic() - began) < _HUNG:
        if set(_workers(pid)) - set(dead) and (await http.get("/ready")).status_code == 200:
            return passed
        await asyncio.sleep(_PAUSE)
    msg = "the server was not ready again"
    raise TimeoutError(msg)


def _workers(pid: int) -> list[int]:
    """The server's workers, but for those that are dead."""
    return [each for each in machine.children(pid) if b"colonnade.worker" in _command(each)]


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _kill(server: int) -> list[int]:
    """Kill the worker; returns whom."""
    killed = _workers(server)
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    return killed


def rows_of(account: Account) -> list[Row]:
    """The figures of an account."""
    beyond = [wait - load for wait, load in zip(account.waits, account.loads, strict=True)]
    told = ", ".join(f"{code} {count}" for code, count in sorted(account.told.items()))
    return [
        Row.bounded("kills under load", account.kills, ""),
        Row.bounded("requests that were answered", account.answers, ""),
        Row.bounded("requests that were told why not", account.told.total(), "", note=told),
        Row.bounded(
            "requests that ended otherwise",
            len(account.unclear),
            "",
            at_most=0,
            note="; ".join(account.unclear[:3]),
        ),
        Row.bounded("requests that hung", account.hung, "", at_most=0),
        Row.bounded("ready again after a kill, median", median(account.loads), "s"),
        Row.bounded("ready again after a kill, longest", max(account.loads), "s"),
        Row.bounded("next request answered after that", max(beyond), "s", at_most=_MORE),
    ]


def kill_workers(model: str, kills: int, clients: int, seed: int, *flags: str) -> Account:
    """Start a server and kill its workers."""
    command = [sys.executable, "-m", "colonnade", "serve", model, "--port", "0", *flags]
    with child(command) as process:
        root = f"http://127.0.0.1:{port_in(output_of(process))}"
        return asyncio.run(kill_often(root, process.pid, kills, clients, seed))


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; 1 where a mark is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="demo")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args(arguments)
    account = kill_workers(chosen.model, chosen.kills, chosen.clients, chosen.seed)
    rows = rows_of(account)
    print_rows(rows, sys.stdout)
    return 1 if any(row.met is False for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
