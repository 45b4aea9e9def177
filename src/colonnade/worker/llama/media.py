"""Reading pictures and sounds into a context, and where that leaves what comes after them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import llama_cpp

from colonnade.worker.llama.decoding import decode
from colonnade.worker.llama.embeddings import EmbeddingBatch
from colonnade.worker.llama.places import Places

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from colonnade.worker.llama.projector import LlamaProjector
    from colonnade.worker.ports import Chunk
    from colonnade.worker.spans import Span

_DIMENSIONS = 4
"""Of a position in M-RoPE: time, row, column, and one that is not used."""


class MediaReader:
    """For one context, whose other calls are told where tokens stand by ``places``."""

    def __init__(self, context: Any, projector: LlamaProjector, slots: int) -> None:  # noqa: ANN401
        self._context = context
        self._dimensions = _DIMENSIONS if projector.rows_and_columns else 1
        size = llama_cpp.llama_n_batch(context)
        self._batch = EmbeddingBatch(size, self._dimensions)
        self.places = [Places() for _ in range(slots)]
        """By slot."""

    def read(self, chunks: Sequence[Chunk]) -> list[Chunk]:
        """Read the chunks that are of pictures and sounds, each in a pass of its own. Returns the
        others, with positions as llama.cpp has them.

        Raises:
            DecodeError: that failed.
        """
        rest = []
        for chunk in chunks:
            if chunk.span is not None:
                self._read(chunk, chunk.span)
            else:
                position = self.places[chunk.slot].position(chunk.position)
                rest.append(chunk._replace(position=position))
        return rest

    def _read(self, chunk: Chunk, span: Span) -> None:
        if span.rows is None:
            msg = "a picture is to be read that is not encoded"
            raise RuntimeError(msg)
        run, first = span.run, chunk.position - span.start
        places = self.places[chunk.slot]
        position = places.position(span.start)
        still = self._dimensions > 1 and run.columns > 0
        places.add(span.start, run.length, run.positions, still=still)
        rows = span.rows[first : first + len(chunk.tokens)]
        batch = self._batch.fill(chunk.slot, position, rows, run, first)
        with self._seeing_all(run.whole):
            decode(self._context, batch)

    @contextmanager
    def _seeing_all(self, wanted: bool) -> Iterator[None]:
        """Let embeddings see those behind them, too, where that is wanted."""
        if not wanted:
            yield
            return
        llama_cpp.llama_set_causal_attn(self._context, False)
        try:
            yield
        finally:
            llama_cpp.llama_set_causal_attn(self._context, True)
