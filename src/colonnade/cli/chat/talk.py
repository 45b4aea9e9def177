"""The loop of a conversation: read a line, stream the answer, until somebody ends it."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from colonnade.cli.console import say, shown
from colonnade.cli.errors import CommandError

if TYPE_CHECKING:
    import asyncio

    from colonnade.cli.chat.conversation import Conversation
    from colonnade.cli.chat.partners import Message, Partner

_PROMPT = "> "
_CONTINUED = "\\"
_DIM, _PLAIN = "\x1b[2m", "\x1b[0m"
"""ANSI's select graphic rendition: faint, and as it was."""


class Talk:
    """A conversation on stdin and stdout, typed by a person or read from a pipe.

    Ctrl-C takes a person back to the prompt, and ends a script.
    """

    def __init__(
        self,
        runner: asyncio.Runner,
        partner: Partner,
        conversation: Conversation,
        *,
        interactive: bool,
    ) -> None:
        self.failed = False
        """An answer failed."""
        self._runner = runner
        self._partner = partner
        self._conversation = conversation
        self._interactive = interactive
        self._prompt = _PROMPT if interactive else ""

    def run(self) -> None:
        """Talk until the input ends, or the user does."""
        if self._interactive:
            # Only importing it gives ``input`` line editing and a history. Not every Python has it.
            with suppress(ImportError):
                import readline  # noqa: F401
        while not self._conversation.ended:
            try:
                text = self._read()
            except EOFError:
                return
            except KeyboardInterrupt:
                if not self._interactive:
                    raise
                say("")
                continue
            self._take(text)

    def _read(self) -> str:
        lines = [input(self._prompt)]
        while lines[-1].endswith(_CONTINUED):
            lines[-1] = lines[-1].removesuffix(_CONTINUED)
            lines.append(input())
        return "\n".join(lines).strip()

    def _take(self, text: str) -> None:
        if text.startswith("/"):
            if reply := self._conversation.command(text):
                say(reply)
        elif text:
            self._answer(text)

    def _answer(self, text: str) -> None:
        """Print the answer as it comes; a part of one stays in the conversation."""
        pieces: list[str] = []
        try:
            self._runner.run(self._stream(self._conversation.asked(text), pieces))
            print(flush=True)
        except KeyboardInterrupt:
            if not self._interactive:
                raise
            say(" [stopped]")
        except CommandError as error:
            say(f"colonnade: {error}")
            self.failed = True
        finally:
            self._conversation.answered("".join(pieces))

    def _between(self, *, opens: bool) -> None:
        """Set a thought apart from the answer, for who watches; a script gets the answer alone."""
        if self._interactive:
            print(_DIM if opens else f"{_PLAIN}\n\n", end="", flush=True)

    async def _stream(self, messages: list[Message], pieces: list[str]) -> None:
        answer = self._partner.answer(messages)
        thinking = False
        try:
            async for piece in answer:
                if piece.thought != thinking:
                    thinking = piece.thought
                    self._between(opens=thinking)
                if not thinking:
                    pieces.append(piece.text)
                if self._interactive or not thinking:
                    print(shown(piece.text), end="", flush=True)
        finally:
            if thinking:
                self._between(opens=False)
            # Closed here and now, not by the garbage collector: it may hold a slot.
            await answer.aclose()
