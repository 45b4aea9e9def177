"""One request's outputs, from the engine to whoever asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from colonnade.engine.pending import Pending

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from colonnade.messages import Output, TokenLogprob


class Stream(Pending):
    """Outputs of all choices of a request, in the order they were made.

    A mailbox: the engine puts outputs in, one reader takes them out. Nothing is lost while the
    reader is slow; what piles up is taken out at once.
    """

    def __init__(
        self,
        request_id: int,
        choices: int,
        cancel: Callable[[int], None],
        *,
        joining: bool = False,
    ) -> None:
        super().__init__(request_id, cancel, joining=joining)
        self.prompt_ids: tuple[int, ...] = ()
        self.prompt_logprobs: tuple[TokenLogprob, ...] = ()
        self._unfinished = choices
        self.generated = 0
        """Tokens of all choices so far."""
        self._ready: list[Output] = []
        self.listener: Callable[[Output], None] | None = None
        """Hears all outputs as they come."""

    @property
    def _whole(self) -> bool:
        return self._unfinished == 0

    def accept(self, prompt_tokens: int, prompt_ids: tuple[int, ...] = ()) -> None:
        """Note that the worker took the request (the engine's side)."""
        self.prompt_ids = prompt_ids
        super().accept(prompt_tokens)

    def put(self, output: Output) -> None:
        """Add an output (the engine's side)."""
        self._ready.append(output)
        if self.listener is not None:
            self.listener(output)
        self.generated += output.tokens
        if output.finish is not None:
            self._unfinished -= 1
            self.finishes.append(output.finish)
        self._wake.set()

    async def batches(self) -> AsyncIterator[list[Output]]:
        """Yield whatever is there, as often as something is, until every choice has finished.

        Raises:
            Failure: the generation failed under way.
        """
        while True:
            await self._wake.wait()
            self._wake.clear()
            ready, self._ready = self._ready, []
            if ready:
                yield ready
            if self._failure is not None:
                raise self._failure
            if (self._whole or self._given_up) and not self._ready:
                return

    async def __aiter__(self) -> AsyncIterator[Output]:
        """Yield the outputs one by one; otherwise as ``batches``."""
        async for batch in self.batches():
            for output in batch:
                yield output
