"""Notice that a client went away, and stop working for it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

from colonnade.web.failures import ClientDisconnected

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from litestar.types import Receive

T = TypeVar("T")


async def disconnected(receive: Receive) -> None:
    """Return when the client is gone. The request's body must have been read."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def unless_disconnected(receive: Receive, work: Coroutine[None, None, T]) -> T:
    """The result of ``work``, which is cancelled when the client goes away before.

    Raises:
        ClientDisconnected: it did.
    """
    working = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(disconnected(receive))
    try:
        await asyncio.wait((working, gone), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientDisconnected
        return working.result()
    finally:
        await cancel(working, gone)


async def cancel(*futures: asyncio.Future[Any]) -> None:
    """Cancel futures and wait until they have ended, whatever they end with."""
    for future in futures:
        future.cancel()
    await asyncio.gather(*futures, return_exceptions=True)
