"""Nothing acknowledged is lost: a server is killed under chats in sessions, again and again.

python -m benchmarks.session_kills [--kills 200] [--database sqlite:///FILE]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import random
import signal
import sys
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import httpx

from benchmarks.processes import child, output_of, port_in
from colonnade.sessions import SessionStore

if TYPE_CHECKING:
    from collections.abc import Sequence

_CLIENTS = 4
_MESSAGES = 5
"""In a session: what the server keeps of one."""
_LONGEST_LIFE = 1.5
"""Seconds until a server is killed, at most, from when it listens."""
_HUNG = 30.0


@dataclass
class Account:
    """What clients were told, and what came of it."""

    acknowledged: dict[str, list[str]] = field(default_factory=dict)
    """By session, the messages whose answers came: with their status, or ``done`` in a stream."""
    sent: int = 0
    total: int = 0
    """Acknowledged messages of all sessions."""
    kills: int = 0
    lost: int = 0
    restarts: list[float] = field(default_factory=list)
    """Seconds from a server's start until it listens."""


async def kill_often(kills: int, database: str) -> Account:
    """Start a server, chat, kill it at a random moment and look into the database, so many times.

    Raises:
        TimeoutError: a request hung beyond its server's death.
    """
    account = Account()
    for _ in range(kills):
        began = time.monotonic()
        command = [sys.executable, "-m", "colonnade", "serve", "demo", "--port", "0"]
        with child([*command, "--session-database", database]) as process:
            port = await asyncio.to_thread(port_in, output_of(process))
            account.restarts.append(time.monotonic() - began)
            async with asyncio.timeout(_HUNG):
                await _live_and_die(account, process.pid, port)
        account.kills += 1
        account.lost += await _lost(account, database)
    return account


async def _live_and_die(account: Account, pid: int, port: int) -> None:
    async with asyncio.TaskGroup() as tasks:
        for _ in range(_CLIENTS):
            tasks.create_task(_chat(account, f"http://127.0.0.1:{port}"))
        await asyncio.sleep(random.uniform(0.02, _LONGEST_LIFE))
        os.kill(pid, signal.SIGKILL)


async def _chat(account: Account, url: str) -> None:
    """Chat in one session after the other until the server is gone."""
    with contextlib.suppress(httpx.TransportError):
        async with httpx.AsyncClient(base_url=url, timeout=_HUNG) as http:
            while True:
                session = str(uuid.uuid4())
                for number in range(_MESSAGES):
                    account.sent += 1
                    message = f"{number}: Hello! My name is Alice."
                    if await _say(http, session, message, stream=number % 2 == 1):
                        account.total += 1
                        account.acknowledged.setdefault(session, []).append(message)


async def _say(http: httpx.AsyncClient, session: str, message: str, *, stream: bool) -> bool:
    """Send a message; whether the server said that it has it."""
    body = {"message": message, "session_id": session, "max_tokens": 8, "temperature": 0}
    if not stream:
        return (await http.post("/chat", json=body)).status_code == 200
    async with http.stream("POST", "/chat/stream", json=body) as answer:
        async for line in answer.aiter_lines():
            if line.startswith('data: {"done":true'):
                return True
    return False


async def _lost(account: Account, database: str) -> int:
    """How many acknowledged messages are not there, or not in their order."""
    store = await SessionStore.open(database, expire_seconds=1e9)
    try:
        lost = 0
        for session, messages in account.acknowledged.items():
            found = [each.user for each in await store.of("").history(session, _MESSAGES + 1)]
            kept = [message for message in found if message in messages]
            lost += len(messages) - (len(kept) if kept == messages else 0)
        account.acknowledged = {}  # of sessions that have gone on to no other server
        return lost
    finally:
        await store.close()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it, and say what was found."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--database", help="default: a SQLite file in a temporary directory")
    options = parser.parse_args(arguments)
    with TemporaryDirectory() as folder:
        database = options.database or f"sqlite:///{Path(folder) / 'sessions.db'}"
        account = asyncio.run(kill_often(options.kills, database))
    restarts = sorted(account.restarts)
    print(
        f"{account.kills} kills: {account.total} exchanges acknowledged of {account.sent} sent, "
        f"{account.lost} of them lost; a server listens after {restarts[len(restarts) // 2]:.1f} s "
        f"(median), {restarts[-1]:.1f} s (longest)"
    )
    return 1 if account.lost else 0


if __name__ == "__main__":
    raise SystemExit(main())
