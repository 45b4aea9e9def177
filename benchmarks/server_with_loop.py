"""``colonnade serve`` on a chosen event loop, with a note of what each stream writes.

    python -m benchmarks.server_with_loop asyncio WRITES.txt MODEL.gguf --port 0

For ``benchmarks.transport``: the server itself has no such choice, and a client cannot see what
was written at once.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from typing import TYPE_CHECKING, Any

import uvloop

from colonnade.cli import main as colonnade
from colonnade.web import sse

if TYPE_CHECKING:
    from litestar.types import Send


def note_writes(path: str) -> None:
    """Append a line for each piece that a stream hands over to be sent: its bytes and events."""
    stream: Any = sse._ASGIEventStream  # noqa: SLF001
    send = stream._send  # noqa: SLF001
    # Unbuffered, since the reader does not wait for the server to end.
    notes = open(path, "ab", buffering=0)  # noqa: PTH123, SIM115

    async def noted(self: object, write: Send, body: bytes) -> None:
        notes.write(b"%d %d\n" % (len(body), body.count(b"data: {")))
        await send(self, write, body)

    stream._send = noted  # noqa: SLF001


def use_asyncio() -> None:
    """Have ``serve`` make asyncio's loop.

    With ``TCP_NODELAY``, as uvloop sets it: asyncio does so for sockets alone that name their
    protocol, which the server's do not, and a short answer would wait 40 ms for the client's ack.
    """
    uvloop.new_event_loop = asyncio.new_event_loop  # type: ignore[assignment]
    base_events: Any = asyncio.base_events
    base_events._set_nodelay = _set_nodelay  # noqa: SLF001


def _set_nodelay(connection: socket.socket) -> None:
    if connection.family in (socket.AF_INET, socket.AF_INET6):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def main() -> None:
    """Serve."""
    loop, writes, *arguments = sys.argv[1:]
    if loop == "asyncio":
        use_asyncio()
    if writes:
        note_writes(writes)
    colonnade(["serve", *arguments], prog_name="colonnade")


if __name__ == "__main__":
    main()
