"""A request to the Gemma worker, over HTTP or the WebSocket."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from msgspec import Meta, Struct

from colonnade.legacy.turns import chat_turn

if TYPE_CHECKING:
    from colonnade.generation import Turn
    from colonnade.legacy.house import House


class Execution(Struct, kw_only=True):
    """A request. What is left out comes from the settings."""

    input: Annotated[str, Meta(min_length=1, examples=["Hello, how are you?"])]
    max_tokens: Annotated[int, Meta(ge=1, le=2**31 - 1)] | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(gt=0, le=1)] | None = None
    top_k: Annotated[int, Meta(ge=0, le=2**31 - 1)] | None = None
    session_id: Annotated[str, Meta(max_length=256)] | None = None
    stream: bool = False
    """On the WebSocket: send the answer piece by piece, too."""


async def execution_turn(request: Execution, house: House) -> Turn:
    """What a request asks of the engine.

    Raises:
        Failure: no model can be had.
    """
    defaults = house.settings.legacy
    return chat_turn(
        await house.models.obtain(None),
        [{"role": "user", "content": request.input}],
        max_tokens=defaults.execute_max_tokens
        if request.max_tokens is None
        else request.max_tokens,
        temperature=_given(request.temperature, defaults.execute_temperature),
        top_p=_given(request.top_p, defaults.execute_top_p),
        top_k=_given(request.top_k, defaults.execute_top_k),
    )


def _given(wish: float | None, default: float) -> float:
    return default if wish is None else wish
