"""The loop of ``colonnade chat``: read a line, stream the answer."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from colonnade.cli.chat.conversation import Conversation
from colonnade.cli.chat.partners import ModelPartner, connect
from colonnade.cli.console import loading, say
from colonnade.cli.errors import CommandError

if TYPE_CHECKING:
    from collections.abc import Callable

    from colonnade.cli.chat.partners import Partner
    from colonnade.settings import Settings

_PROMPT = "> "
_CONTINUED = "\\"


def chat(settings: Settings, url: str | None, system: str | None) -> None:
    """Talk until the input ends.

    Raises:
        CommandError: the server cannot be reached.
        ModelError: the model cannot be had or loaded.
    """
    stack = AsyncExitStack()
    with asyncio.Runner() as runner:
        try:
            partner = runner.run(_partner(settings, url, stack))
            interactive = sys.stdin.isatty()
            if interactive:
                say(f"This is {partner.name}. /help lists the commands, Ctrl-D ends.")
            _talk(runner, partner, Conversation(system or ""), _reader(interactive=interactive))
        finally:
            runner.run(stack.aclose())


async def _partner(settings: Settings, url: str | None, stack: AsyncExitStack) -> Partner:
    if url:
        key = os.environ.get("OPENAI_API_KEY", "")
        return await stack.enter_async_context(connect(url, key))
    from colonnade.hub import resolve_model
    from colonnade.serving import serve_model

    resolved = resolve_model(settings.model.model, say)
    with loading(resolved.path.name) as progress:
        serving = await stack.enter_async_context(serve_model(settings, resolved, progress))
    return ModelPartner(serving)


def _reader(*, interactive: bool) -> Callable[[], str]:
    """What reads a line; it raises EOFError at the end."""
    if not interactive:
        return input
    # Only importing it gives ``input`` line editing and a history.
    import readline  # noqa: F401

    return lambda: input(_PROMPT)


def _talk(
    runner: asyncio.Runner, partner: Partner, conversation: Conversation, read: Callable[[], str]
) -> None:
    while not conversation.ended:
        try:
            text = _read_message(read)
        except EOFError:
            return
        except KeyboardInterrupt:
            # At the prompt it drops the line, as in a shell.
            say("")
            continue
        if text.startswith("/"):
            if reply := conversation.command(text):
                say(reply)
        elif text:
            _answer(runner, partner, conversation, text)


def _read_message(read: Callable[[], str]) -> str:
    lines = [read()]
    while lines[-1].endswith(_CONTINUED):
        lines[-1] = lines[-1].removesuffix(_CONTINUED)
        lines.append(read())
    return "\n".join(lines).strip()


def _answer(
    runner: asyncio.Runner, partner: Partner, conversation: Conversation, text: str
) -> None:
    """Print the answer as it comes; what was interrupted stays in the conversation as it is."""
    pieces: list[str] = []
    try:
        runner.run(_stream(partner, conversation.asked(text), pieces))
    except KeyboardInterrupt:
        say(" [stopped]")
    except CommandError as error:
        say(f"colonnade: {error}")
    else:
        print(flush=True)
    conversation.answered("".join(pieces))


async def _stream(partner: Partner, messages: list[dict[str, str]], pieces: list[str]) -> None:
    answer = partner.answer(messages)
    try:
        async for piece in answer:
            pieces.append(piece)
            print(piece, end="", flush=True)
    finally:
        # Closed here and now, not by the garbage collector: it may hold a slot.
        await answer.aclose()
