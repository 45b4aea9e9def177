"""Methods that are done once they are begun."""

from __future__ import annotations

import asyncio
import functools
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

_P = ParamSpec("_P")
_T = TypeVar("_T")


def to_the_end(
    method: Callable[_P, Coroutine[Any, Any, _T]],
) -> Callable[_P, Coroutine[Any, Any, _T]]:
    """A method that is done once it is begun: a caller who is cancelled goes away after that.

    For SQLAlchemy throws away a connection whose user is cancelled, and a database in memory goes
    with it; and who comes next in a session has to find what was done there, not see it come.
    """

    @functools.wraps(method)
    async def whole(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        task = asyncio.create_task(method(*args, **kwargs))
        cancelled: asyncio.CancelledError | None = None
        while not task.done():
            try:
                await asyncio.wait((task,))
            except asyncio.CancelledError as error:
                cancelled = error
        if cancelled is not None:
            if not task.cancelled():
                task.exception()  # nobody is there to hear of it, and asyncio need not complain
            raise cancelled
        return task.result()

    return whole
