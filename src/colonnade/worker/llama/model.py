"""A GGUF file as a ``ports.Model``."""

from __future__ import annotations

import ctypes
import mmap
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import llama_cpp
import numpy as np

from colonnade.worker.llama.adapters import Adapters, open_adapters
from colonnade.worker.llama.batch import Batch
from colonnade.worker.llama.chains import Chains, is_greedy
from colonnade.worker.llama.context import open_context
from colonnade.worker.llama.decoding import decode
from colonnade.worker.llama.drawing import Drawing
from colonnade.worker.llama.errors import ModelError
from colonnade.worker.llama.invariance import check_invariance
from colonnade.worker.llama.loading import open_model
from colonnade.worker.llama.looking_back import DrySamplers
from colonnade.worker.llama.media import MediaReader
from colonnade.worker.llama.metadata import is_causal
from colonnade.worker.llama.opening import make_ready
from colonnade.worker.llama.places import Places
from colonnade.worker.llama.projector import LlamaProjector
from colonnade.worker.llama.sampler import Bias, ChainSampler, GreedySampler
from colonnade.worker.llama.threadpool import attach_threads, has_own_threads
from colonnade.worker.llama.vocabulary import Vocabulary
from colonnade.worker.ports import Chunk, DecodeError, TokenTable
from colonnade.worker.spans import text_tokens
from colonnade.worker.threads import compute_threads

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from colonnade.messages import AdapterSet, Decoding, LoadModel
    from colonnade.worker.ports import Draw, Sampler, State

__all__ = ["LlamaModel", "ModelError"]

logits_address = llama_cpp.llama_cpp._lib["llama_get_logits"]  # noqa: SLF001 - they hide it
"""Where a context's logits lie. The bindings would make a pointer object of it in every step."""
logits_address.restype = ctypes.c_void_p
logits_address.argtypes = [ctypes.c_void_p]


class LlamaModel:
    """A loaded model with one context. Not for use from two threads, but for ``samplers`` and what
    tells of the vocabulary."""

    pooling = ""
    row_size = 0
    labels: tuple[str, ...] = ()

    def __init__(
        self,
        load: LoadModel,
        on_progress: Callable[[float], bool],
        on_vocabulary: Callable[[Callable[[], TokenTable]], Callable[[], None]] | None = None,
    ) -> None:
        """Load the file. ``on_progress`` gets 0 to 1 and says whether to go on. ``on_vocabulary``
        gets ``token_table`` before the context is made, where the model generates text, for a
        thread that works beside that; it returns what waits for that thread's end.

        Raises:
            ModelError: the file is missing, no GGUF, corrupt, or too big for the memory; or an
                option cannot be had.
        """
        check_invariance(load)
        load = make_ready(load)
        with ExitStack() as opened:
            self._open(load, on_progress, on_vocabulary, opened)
            self._opened = opened.pop_all()
        self._reader = None
        if self.projector is not None:
            self._reader = MediaReader(self._context, self.projector, self.slots)
        self._memory = llama_cpp.llama_get_memory(self._context)
        self._n_batch: int = llama_cpp.llama_n_batch(self._context)
        self._batch = Batch(self._n_batch)
        self._window: int = llama_cpp.llama_model_n_swa(self._model)
        self._whole = bool(
            llama_cpp.llama_model_is_recurrent(self._model)
            or llama_cpp.llama_model_is_hybrid(self._model)
        )
        self._buffer_at = 0
        self._buffer = self._logits = np.empty((0, 0), dtype=np.float32)
        """llama.cpp's rows of logits, and those of the last batch among them."""
        self._dry = DrySamplers(self._vocab, int(llama_cpp.llama_n_ctx_seq(self._context)))
        self._drawing = Drawing(self.vocabulary.size)
        self.fitted = load
        """How it is loaded, with everything chosen."""
        if load.adapters and self.can_generate:
            self._reserve()

    def _open(
        self,
        load: LoadModel,
        on_progress: Callable[[float], bool],
        on_vocabulary: Callable[[Callable[[], TokenTable]], Callable[[], None]] | None,
        opened: ExitStack,
    ) -> None:
        """Model, adapters and context; ``opened`` frees them, the last one first."""
        self._model, self._arrays = open_model(load, on_progress)
        opened.callback(llama_cpp.llama_model_free, self._model)
        self._vocab = llama_cpp.llama_model_get_vocab(self._model)
        self.vocabulary = Vocabulary(self._vocab)
        wait = None
        if on_vocabulary is not None and is_causal(self._model):
            wait = opened.callback(on_vocabulary(self.token_table))
        adapters = open_adapters(self._model, load)
        for adapter in adapters:
            opened.callback(llama_cpp.llama_adapter_lora_free, adapter)
        self._context, self._max_outputs, self._ctx_size = open_context(self._model, load)
        opened.callback(llama_cpp.llama_free, self._context)
        if has_own_threads():
            threads = compute_threads(load.threads, load.workers)
            attach_threads(self._context, (threads, load.threads_batch or threads), opened)
        self._adapters = Adapters(self._context, adapters, load)
        self.projector: LlamaProjector | None = None
        """What makes pictures and sounds readable."""
        if load.projector_path:
            batch = llama_cpp.llama_n_ubatch(self._context)
            self.projector = LlamaProjector(load, self._model, causal_batch=batch)
            opened.callback(self.projector.close)
        if wait is not None:
            wait()

    @property
    def pointer(self) -> Any:  # noqa: ANN401 - a ctypes pointer
        """The ``llama_model``."""
        return self._model

    @property
    def path(self) -> str:
        """Where the file lies."""
        return self.fitted.path

    @property
    def draft_path(self) -> str:
        """Where the file of its draft model lies; empty for none."""
        return self.fitted.draft_path

    @property
    def recurrent(self) -> bool:
        """Recurrent or hybrid memory."""
        return self._whole

    @property
    def can_generate(self) -> bool:
        """False for models that only embed text, and for those that read it with an encoder."""
        encoder = llama_cpp.llama_model_has_encoder(self._model)
        return bool(self._memory) and not encoder

    @property
    def slots(self) -> int:
        """See ``ports.Model``."""
        return int(llama_cpp.llama_n_seq_max(self._context))

    @property
    def ctx_size(self) -> int:
        """See ``ports.Model``."""
        return self._ctx_size

    @property
    def batch_size(self) -> int:
        """See ``ports.Model``."""
        return self._n_batch

    @property
    def max_outputs(self) -> int:
        """See ``ports.Model``."""
        return self._max_outputs

    @property
    def pieces(self) -> list[bytes]:
        """See ``ports.Model``."""
        return self.vocabulary.pieces

    @property
    def ends(self) -> frozenset[int]:
        """See ``ports.Model``."""
        return self.vocabulary.ends

    def name(self, token: int) -> bytes:
        """See ``ports.Model``."""
        return self.vocabulary.name(token)

    def token_table(self) -> TokenTable:
        """What a compiler of grammars needs to know of the vocabulary."""
        vocabulary = self.vocabulary
        function = llama_cpp.llama_cpp._lib.llama_tokenize  # noqa: SLF001 - the bindings hide it
        return TokenTable(
            names=vocabulary.names(),
            special=vocabulary.grammar_tokens(),
            ends=tuple(sorted(vocabulary.ends)),
            vocabulary_address=self._vocab,
            tokenize_address=ctypes.cast(function, ctypes.c_void_p).value or 0,
        )

    def samplers(self, decoding: Decoding) -> Callable[[int, Sequence[int]], Sampler]:
        """See ``ports.Model``."""
        sampling = decoding.sampling
        stops = decoding.stop_tokens
        forbidden = sorted(self.vocabulary.ends.difference(stops)) if decoding.ignore_eos else ()
        bias = Bias(sampling.logit_bias, forbidden) if sampling.logit_bias or forbidden else None
        if is_greedy(sampling):
            greedy = GreedySampler(bias)
            return lambda _choice, _prompt: greedy
        chains = Chains(self._vocab, decoding, self._dry)
        return lambda choice, prompt: ChainSampler(
            self._context, chains.make(choice, text_tokens(prompt)), bias
        )

    def draw(self, draws: Sequence[Draw]) -> list[int]:
        """See ``ports.Model``."""
        return self._drawing.draw(self._logits, draws)

    @property
    def adapters(self) -> int:
        """Number of adapters that requests may choose."""
        return len(self.fitted.adapters)

    def use(self, adapters: AdapterSet) -> None:
        """See ``ports.Model``."""
        self._adapters.use(adapters)

    def _reserve(self) -> None:
        """Have the memory for steps with all adapters now, rather than not in the middle of work:
        llama.cpp makes room for the largest step of a set when the first one of it is taken."""
        self._adapters.use_all()
        self.decode([Chunk(0, 0, [0], 0)])
        self.keep(0, 0)
        self._adapters.use(())

    def decode(self, chunks: Sequence[Chunk]) -> NDArray[np.float32]:
        """See ``ports.Model``."""
        if self._reader is not None:
            chunks = self._reader.read(chunks)
            if not chunks:
                self._logits = self._rows(0)
                return self._logits
        rows = self._batch.fill(chunks)
        decode(self._context, self._batch.raw)
        self._logits = self._rows(rows)
        return self._logits

    @property
    def whole(self) -> bool:
        """See ``ports.Memory``. Of a sliding window, only what lies in it is saved."""
        return self._whole or self._window > 0

    @property
    def forgets(self) -> bool:
        """See ``ports.Memory``."""
        return not self._whole

    def can_keep(self, slot: int, length: int) -> bool:
        """See ``ports.Memory``.

        A recurrent state stands at its last token alone. A sliding window has forgotten what
        lies before it, so that the tokens before the cut may miss part of theirs.
        """
        places = None if self._reader is None else self._reader.places[slot]
        if places is not None and places.edge(length) != length:
            return False
        wanted = length - 1 if places is None else places.last(length)
        last: int = llama_cpp.llama_memory_seq_pos_max(self._memory, slot)
        if self._whole:
            return last == wanted
        if last < wanted:
            return False
        first: int = llama_cpp.llama_memory_seq_pos_min(self._memory, slot)
        return not self._window or first <= max(0, wanted + 1 - self._window)

    def keep(self, slot: int, length: int) -> int:
        """See ``ports.Memory``."""
        places = None if self._reader is None else self._reader.places[slot]
        length = length if places is None else places.edge(length)
        if length and self.can_keep(slot, length):
            end = length if places is None else places.position(length)
            removed = llama_cpp.llama_memory_seq_rm(self._memory, slot, end, -1)
            if removed:
                if places is not None:
                    places.cut(length)
                return length
        if places is not None:
            places.cut(0)
        llama_cpp.llama_memory_seq_rm(self._memory, slot, -1, -1)
        return 0

    def size(self, slot: int) -> int:
        """See ``ports.Memory``."""
        return int(llama_cpp.llama_state_seq_get_size_ext(self._context, slot, 0))

    def save(self, slot: int) -> State:
        """See ``ports.Memory``. The copy lies in pages of its own: the heap may be in huge ones
        (``huge_pages``), and new ones of these take several times as long to be had in a virtual
        machine."""
        size = self.size(slot)
        places = b"" if self._reader is None else self._reader.places[slot].pack()
        whole = size + len(places)
        state = mmap.mmap(-1, whole, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        if hasattr(mmap, "MADV_NOHUGEPAGE"):
            state.madvise(mmap.MADV_NOHUGEPAGE)
        data = (ctypes.c_uint8 * size).from_buffer(state)
        llama_cpp.llama_state_seq_get_data_ext(self._context, data, size, slot, 0)
        state[size:] = places
        return state

    def load(self, slot: int, state: State) -> None:
        """See ``ports.Memory``."""
        size = len(state)
        if self._reader is not None:
            self._reader.places[slot], size = Places.unpack(memoryview(state))
        data = (ctypes.c_uint8 * size).from_buffer(state)
        read = llama_cpp.llama_state_seq_set_data_ext(self._context, data, size, slot, 0)
        if read == 0:
            msg = "a saved state could not be restored"
            raise DecodeError(msg)

    def close(self) -> None:
        """Free the context, the adapters and the model."""
        self._opened.close()

    def _rows(self, count: int) -> NDArray[np.float32]:
        """A view of the first ``count`` rows of logits. Their buffer rarely moves."""
        if count == 0:
            return self._buffer[:0]
        address = logits_address(self._context)
        if address != self._buffer_at or len(self._buffer) < count:
            shape = (max(count, self._max_outputs), self.vocabulary.size)
            pointer = ctypes.cast(address, ctypes.POINTER(ctypes.c_float))
            self._buffer = np.ctypeslib.as_array(pointer, shape=shape)
            self._buffer_at = address
        return self._buffer[:count]
