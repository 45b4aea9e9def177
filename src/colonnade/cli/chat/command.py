"""``colonnade chat`` from its flags to its end: find the partner, talk, let go of the partner."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import msgspec

from colonnade.cli.chat.conversation import Conversation
from colonnade.cli.chat.partners import ModelPartner, connect
from colonnade.cli.chat.talk import Talk
from colonnade.cli.console import any_text, loading, say

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from contextlib import AbstractAsyncContextManager

    from colonnade.cli.chat.partners import Partner
    from colonnade.hub import ResolvedModel
    from colonnade.settings import Settings


def chat(
    settings: Settings, url: str | None, *, system: str = "", max_tokens: int | None = None
) -> None:
    """Talk until the input ends.

    Raises:
        CommandError: the server cannot be reached.
        ModelError: the model cannot be had or loaded.
        SystemExit: in a script, when an answer failed.
    """
    any_text()
    coming = _partner(settings, url, max_tokens)
    interactive = sys.stdin.isatty()
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        try:
            partner = runner.run(_enter(stack, coming))
            if interactive:
                say(f"This is {partner.name}. /help lists the commands, Ctrl-D ends.")
            talk = Talk(runner, partner, Conversation(system), interactive=interactive)
            talk.run()
        finally:
            runner.run(stack.aclose())
    if talk.failed and not interactive:
        raise SystemExit(1)


async def _enter(stack: AsyncExitStack, coming: AbstractAsyncContextManager[Partner]) -> Partner:
    return await stack.enter_async_context(coming)


def _partner(
    settings: Settings, url: str | None, max_tokens: int | None
) -> AbstractAsyncContextManager[Partner]:
    """Decide who answers. A model is downloaded here, where Ctrl-C still means an end."""
    if not url:
        from colonnade.serving import resolved_model

        resolved = resolved_model(settings, say)
        return _model_partner(settings, resolved, max_tokens)
    sampling = msgspec.structs.asdict(settings.sampling)
    wishes = {**sampling, "max_tokens": max_tokens}
    given = {name: value for name, value in wishes.items() if value is not None}
    return connect(url, os.environ.get("OPENAI_API_KEY", ""), given)


@asynccontextmanager
async def _model_partner(
    settings: Settings, resolved: ResolvedModel, max_tokens: int | None
) -> AsyncIterator[Partner]:
    from colonnade.serving import serve_model

    async with AsyncExitStack() as stack:
        with loading(resolved.path.name) as progress:
            context = serve_model(settings, resolved, progress)
            registry = await stack.enter_async_context(context)
        yield ModelPartner(registry.generator, registry.models.find(None), max_tokens)
