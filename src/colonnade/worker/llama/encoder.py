"""A GGUF file as an ``embedding.ports.Encoder``."""

from __future__ import annotations

import ctypes
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import llama_cpp
import msgspec
import numpy as np

from colonnade.worker.llama.adapters import Adapters, open_adapters
from colonnade.worker.llama.around import tokens_around
from colonnade.worker.llama.batch import Batch
from colonnade.worker.llama.context import open_context
from colonnade.worker.llama.loading import open_model
from colonnade.worker.llama.opening import make_ready
from colonnade.worker.llama.pooling import RANK, pooling_of
from colonnade.worker.llama.threadpool import attach_threads, has_own_threads
from colonnade.worker.llama.vocabulary import Vocabulary
from colonnade.worker.ports import Chunk, DecodeError
from colonnade.worker.threads import compute_threads

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from colonnade.messages import LoadModel
    from colonnade.worker.llama.projector import LlamaProjector


_ENOUGH = 256
"""Tokens beyond which a processor multiplies matrices no faster, while attention, which is computed
between all tokens of a batch, goes on to grow: measured, on a small model."""


class LlamaEncoder:
    """A loaded model with one context, which embeds. Not for use from two threads, but for the
    vocabulary."""

    can_generate = False
    recurrent = False
    projector: LlamaProjector | None = None

    def __init__(self, load: LoadModel, on_progress: Callable[[float], bool]) -> None:
        """Load the file. ``on_progress`` gets 0 to 1 and says whether to go on.

        Raises:
            ModelError: see ``LlamaModel``; or the model makes no embeddings.
        """
        load = make_ready(msgspec.structs.replace(load, task="embed"))
        with ExitStack() as opened:
            self._open(load, on_progress, opened)
            self._opened = opened.pop_all()
        self.load = load
        """How it is loaded, with everything chosen."""
        self._memory = llama_cpp.llama_get_memory(self._context)
        self._batch = Batch(int(llama_cpp.llama_n_batch(self._context)))
        encodes = llama_cpp.llama_model_has_encoder(self._model)
        self._run = llama_cpp.llama_encode if encodes else llama_cpp.llama_decode

    def _open(
        self, load: LoadModel, on_progress: Callable[[float], bool], opened: ExitStack
    ) -> None:
        """Model, adapters and context; ``opened`` frees them, the last one first."""
        self._model, self._arrays = open_model(load, on_progress)
        opened.callback(llama_cpp.llama_model_free, self._model)
        self._vocab = llama_cpp.llama_model_get_vocab(self._model)
        self.vocabulary = Vocabulary(self._vocab)
        self.around = tokens_around(self._vocab)
        self._pooling = pooling_of(self._model, load)
        adapters = open_adapters(self._model, load)
        for adapter in adapters:
            opened.callback(llama_cpp.llama_adapter_lora_free, adapter)
        self._context, _, self.ctx_size = open_context(self._model, load)
        opened.callback(llama_cpp.llama_free, self._context)
        if has_own_threads():
            threads = compute_threads(load.threads)
            attach_threads(self._context, (threads, load.threads_batch or threads), opened)
        self._adapters = Adapters(self._context, adapters, load)

    @property
    def pointer(self) -> Any:  # noqa: ANN401 - a ctypes pointer
        """The ``llama_model``."""
        return self._model

    @property
    def path(self) -> str:
        """Where the file lies."""
        return self.load.path

    @property
    def draft_path(self) -> str:
        """Where the file of its draft model lies: there is none."""
        return ""

    @property
    def slots(self) -> int:
        """What runs side by side, to those who look: all texts share the steps."""
        return 1

    @property
    def pooling(self) -> str:
        """``mean``, ``cls``, ``last`` or ``rank``."""
        return self._pooling.name

    @property
    def splits(self) -> bool:
        """See ``embedding.ports.Encoder``."""
        return self._pooling.splits

    @property
    def batch_size(self) -> int:
        """See ``embedding.ports.Encoder``."""
        batch = self.load.batch_size
        batch = min(batch, self.load.tuning.ubatch_size or batch)
        offloads = self.load.gpu_layers != 0 and llama_cpp.llama_supports_gpu_offload()
        return batch if offloads else min(batch, _ENOUGH)

    @property
    def sequences(self) -> int:
        """See ``embedding.ports.Encoder``."""
        return int(llama_cpp.llama_n_seq_max(self._context)) - 1

    @property
    def row_size(self) -> int:
        """See ``embedding.ports.Encoder``."""
        if self.pooling == RANK:
            return int(llama_cpp.llama_model_n_cls_out(self._model))
        return int(llama_cpp.llama_model_n_embd_out(self._model))

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of a classifier's scores; empty where the file has none."""
        if self.pooling != RANK:
            return ()
        names = [llama_cpp.llama_model_cls_label(self._model, i) for i in range(self.row_size)]
        return tuple(name.decode("utf-8", "replace") for name in names if name)

    def encode(self, chunks: Sequence[Chunk]) -> NDArray[np.float32]:
        """See ``embedding.ports.Encoder``."""
        self._batch.fill(chunks)
        status = self._run(self._context, self._batch.raw)
        if status != 0:
            msg = f"llama.cpp returned {status} for a batch of texts"
            raise DecodeError(msg)
        rows = np.empty((len(chunks), self.row_size), dtype=np.float32)
        for row, chunk in zip(rows, chunks, strict=True):
            pointer = llama_cpp.llama_get_embeddings_seq(self._context, chunk.slot)
            if not pointer:
                msg = "llama.cpp gave no embedding"
                raise DecodeError(msg)
            ctypes.memmove(row.ctypes.data, pointer, row.nbytes)
        return rows

    def forget(self, sequence: int) -> None:
        """See ``embedding.ports.Encoder``."""
        if self._memory:
            llama_cpp.llama_memory_seq_rm(self._memory, sequence, -1, -1)

    def close(self) -> None:
        """Free the context, the adapters and the model."""
        self._opened.close()
