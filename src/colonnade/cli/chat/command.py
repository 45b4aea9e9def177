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


def chat(
    settings: Settings, url: str | None, *, system: str = "", max_tokens: int | None = None
) -> None:
    """Talk until the input ends.

    Raises:
        CommandError: the server cannot be reached.
        ModelError: the model cannot be had or loaded.
        SystemExit: in a script, when an answer failed.
    """
    stack = AsyncExitStack()
    with asyncio.Runner() as runner:
        try:
            partner = runner.run(_partner(settings, url, max_tokens, stack))
            interactive = sys.stdin.isatty()
            if interactive:
                say(f"This is {partner.name}. /help lists the commands, Ctrl-D ends.")
            read = _reader(interactive=interactive)
            failed = _talk(runner, partner, Conversation(system), read)
        finally:
            runner.run(stack.aclose())
    if failed and not interactive:
        raise SystemExit(1)


async def _partner(
    settings: Settings, url: str | None, max_tokens: int | None, stack: AsyncExitStack
) -> Partner:
    if url:
        key = os.environ.get("OPENAI_API_KEY", "")
        return await stack.enter_async_context(connect(url, key, max_tokens))
    from colonnade.hub import resolve_model
    from colonnade.serving import serve_model

    resolved = resolve_model(settings.model.model, say)
    with loading(resolved.path.name) as progress:
        serving = await stack.enter_async_context(serve_model(settings, resolved, progress))
    return ModelPartner(serving, max_tokens)


def _reader(*, interactive: bool) -> Callable[[], str]:
    """What reads a line; it raises EOFError at the end."""
    if not interactive:
        return input
    # Only importing it gives ``input`` line editing and a history.
    import readline  # noqa: F401

    return lambda: input(_PROMPT)


def _talk(
    runner: asyncio.Runner, partner: Partner, conversation: Conversation, read: Callable[[], str]
) -> bool:
    """Go on until the input or the user ends it; tell whether an answer failed."""
    failed = False
    while not conversation.ended:
        try:
            text = _read_message(read)
        except EOFError:
            break
        except KeyboardInterrupt:
            # At the prompt it drops the line, as in a shell.
            say("")
            continue
        if text.startswith("/"):
            if reply := conversation.command(text):
                say(reply)
        elif text:
            failed |= not _answer(runner, partner, conversation, text)
    return failed


def _read_message(read: Callable[[], str]) -> str:
    lines = [read()]
    while lines[-1].endswith(_CONTINUED):
        lines[-1] = lines[-1].removesuffix(_CONTINUED)
        lines.append(read())
    return "\n".join(lines).strip()


def _answer(
    runner: asyncio.Runner, partner: Partner, conversation: Conversation, text: str
) -> bool:
    """Print the answer as it comes; what was interrupted stays in the conversation as it is."""
    pieces: list[str] = []
    failed = False
    try:
        runner.run(_stream(partner, conversation.asked(text), pieces))
    except KeyboardInterrupt:
        say(" [stopped]")
    except CommandError as error:
        say(f"colonnade: {error}")
        failed = True
    else:
        print(flush=True)
    conversation.answered("".join(pieces))
    return not failed


async def _stream(partner: Partner, messages: list[dict[str, str]], pieces: list[str]) -> None:
    answer = partner.answer(messages)
    try:
        async for piece in answer:
            pieces.append(piece)
            print(piece, end="", flush=True)
    finally:
        # Closed here and now, not by the garbage collector: it may hold a slot.
        await answer.aclose()
