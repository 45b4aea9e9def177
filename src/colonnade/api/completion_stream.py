"""The chunks of a streamed completion."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET

from colonnade.api.accounts import wire_progress, wire_timings, wire_usage
from colonnade.api.completion_pieces import pieces
from colonnade.api.logprobs import CompletionLogprobsWriter
from colonnade.api.narrowed import wire_narrowings
from colonnade.api.schema.completions import CompletionChoice
from colonnade.generation import Usage
from colonnade.web.sse import frame

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from colonnade.api.batch import Batch
    from colonnade.api.completion_pieces import Piece
    from colonnade.api.completion_turns import CompletionJob
    from colonnade.api.schema.completions import Completion
    from colonnade.generation import PromptProgress


class CompletionStream:
    """Makes the frames of all choices of all prompts. ``chunk`` is filled again and again."""

    def __init__(
        self, batch: Batch, job: CompletionJob, chunk: Completion, *, include_usage: bool
    ) -> None:
        self._batch = batch
        self._job = job
        self._chunk = chunk
        self._chunk.usage = None if include_usage else UNSET
        self._include_usage = include_usage
        self._unfinished = len(job.prompts) * job.n
        self._writers = [
            CompletionLogprobsWriter(as_ids=job.as_ids) for _ in range(self._unfinished)
        ]
        self._silent = set(range(self._unfinished)) if job.token_ids else set()
        """Choices whose prompt's ids are still to be told."""

    async def frames(self) -> AsyncIterator[bytes]:
        """Yield echoes, text, ends, and the usage where asked for; what comes together, joined.

        Raises:
            Failure: a generation failed.
        """
        async for ready in pieces(self._batch, self._job):
            yield b"".join([self._piece(piece) for piece in ready])
        if self._include_usage:
            self._chunk.choices = []
            self._chunk.usage = wire_usage(self._usage())
            self._account()
            yield frame(self._chunk)

    def _piece(self, piece: Piece) -> bytes:
        choice = CompletionChoice(index=piece.index, text=piece.text, finish_reason=piece.reason)
        if piece.progress is not None:
            return self._progress(piece.progress, choice)
        if piece.stop is not None:
            choice.stop_reason = piece.stop
        if self._job.token_ids:
            self._tell_ids(choice, piece)
        if self._job.logprobs is not None and piece.tokens:
            choice.logprobs = self._writers[piece.index].write(piece.tokens)
        if self._job.timings and not piece.echo:
            self._chunk.timings = wire_timings(self._so_far(piece.index))
        self._chunk.choices = [choice]
        if piece.reason is not None:
            self._unfinished -= 1
            if not (self._unfinished or self._include_usage):
                self._account()
        return frame(self._chunk)

    def _progress(self, progress: PromptProgress, choice: CompletionChoice) -> bytes:
        self._chunk.prompt_progress = wire_progress(progress)
        self._chunk.choices = [choice]
        body = frame(self._chunk)
        self._chunk.prompt_progress = UNSET
        return body

    def _so_far(self, index: int) -> Usage:
        number, choice = divmod(index, self._job.n)
        return self._batch.generations[number].so_far[choice]

    def _account(self) -> None:
        """Put into the last chunk what concerns the whole answer."""
        self._chunk.timings = wire_timings(self._usage())
        self._chunk.narrowed = wire_narrowings(self._batch.narrowings)

    def _tell_ids(self, choice: CompletionChoice, piece: Piece) -> None:
        choice.token_ids = list(piece.ids)
        if piece.index in self._silent:
            self._silent.remove(piece.index)
            generation = self._batch.generations[piece.index // self._job.n]
            choice.prompt_token_ids = list(generation.prompt_ids)

    def _usage(self) -> Usage:
        return Usage.total(generation.usage for generation in self._batch.generations)
