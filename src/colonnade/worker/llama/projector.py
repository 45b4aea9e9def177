"""A projector file (``mmproj``) as a ``ports.Projector``, through llama.cpp's libmtmd."""

from __future__ import annotations

import ctypes
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import llama_cpp
import numpy as np
from llama_cpp import mtmd_cpp

from colonnade.messages import Failure, FailureKind, MediaKind
from colonnade.worker.llama import log
from colonnade.worker.llama.context import flash_attention
from colonnade.worker.llama.errors import ModelError, why
from colonnade.worker.llama.header import HeaderError, read_header
from colonnade.worker.llama.loading import check_file
from colonnade.worker.media_files import decodable, refusal
from colonnade.worker.pulse import Work
from colonnade.worker.spans import Run
from colonnade.worker.threads import compute_threads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from colonnade.messages import LoadModel, MediaPart
    from colonnade.worker.spans import Layout

_MARKER = b"<__media__>"
"""What stands for a file in the text that libmtmd is given, which is nothing else."""

_TEXT, _IMAGE = 0, 1  # enum mtmd_input_chunk_type

_NO_VIDEO = b"/nonexistent"
"""Where libmtmd looks for programs that unpack films: whatever its own decoders do not read would
be given to them."""

_BY_PLACE = {"deepseek4v", "hunyuanvl"}
"""Types whose embeddings depend on what stands before a picture: each has to be made anew for each
prompt, and is another one where it stands elsewhere."""


_MOST_PATCHES = 1 << 16
"""Of a picture that is cut into pieces, or frames of a long sound, about."""


class _Chunk(NamedTuple):
    """One of the parts that libmtmd makes of a file."""

    pointer: Any
    kind: int
    length: int


class LlamaProjector:
    """Makes embeddings for one model. ``layout`` and ``encode`` are for one thread each."""

    def __init__(
        self,
        load: LoadModel,
        model: Any,  # noqa: ANN401 - a ctypes pointer
        *,
        causal_batch: int,
        on_progress: Callable[[float], bool] = lambda _: True,
    ) -> None:
        """Load the file for a ``llama_model``. ``causal_batch``: tokens that the model computes at
        once, which a picture has to fit into whose embeddings all see each other.

        Raises:
            ModelError: it is no projector, damaged, or made for another model.
        """
        self.path = load.projector_path
        check_file(Path(self.path))
        _check_type(Path(self.path))
        self._model = model
        self._batch = causal_batch
        self.width: int = llama_cpp.llama_model_n_embd_inp(model)
        """Numbers of an embedding."""
        self._threads = compute_threads(load.threads, load.workers)
        mtmd_cpp.mtmd_helper_log_set(log.on_media_log, ctypes.c_void_p(0))
        self._pointer = self._open(load, on_progress)
        self.rows_and_columns = bool(mtmd_cpp.mtmd_decode_use_mrope(self._pointer))
        """Positions have four numbers, of which two are a picture's rows and columns."""
        seen = mtmd_cpp.mtmd_support_vision(self._pointer)
        heard = mtmd_cpp.mtmd_support_audio(self._pointer)
        kinds = {MediaKind.IMAGE: seen, MediaKind.AUDIO: heard}
        self._kinds = frozenset(kind for kind, taken in kinds.items() if taken)

    @property
    def kinds(self) -> frozenset[MediaKind]:
        """See ``ports.Projector``."""
        return self._kinds

    @property
    def seconds(self) -> float:
        """See ``ports.Projector``."""
        size = Path(self.path).stat().st_size
        return Work(parameters=size, size=size).seconds(_MOST_PATCHES)

    def layout(self, part: MediaPart) -> Layout:
        """See ``ports.Projector``."""
        with self._chunks(part) as chunks:
            return tuple(self._piece(chunk, part.kind) for chunk in chunks if chunk.length)

    def encode(self, part: MediaPart) -> list[NDArray[np.float32]]:
        """See ``ports.Projector``."""
        with self._chunks(part) as chunks:
            runs = [each for each in chunks if each.kind != _TEXT and each.length]
            return [self._encoded(each, part.kind) for each in runs]

    def close(self) -> None:
        """Free it."""
        mtmd_cpp.mtmd_free(self._pointer)

    def _open(self, load: LoadModel, on_progress: Callable[[float], bool]) -> Any:  # noqa: ANN401
        @mtmd_cpp.mtmd_progress_callback  # type: ignore[untyped-decorator]
        def report(progress: float, _data: ctypes.c_void_p) -> bool:
            return on_progress(progress)

        log.media_errors.clear()
        params = mtmd_cpp.mtmd_context_params_default()
        params.use_gpu = load.gpu_layers != 0
        params.print_timings = False
        params.n_threads = self._threads
        params.flash_attn_type = flash_attention(load)
        params.media_marker = _MARKER
        params.warmup = False  # it would look at a picture of the largest size, for seconds
        params.progress_callback = report
        pointer = mtmd_cpp.mtmd_init_from_file(os.fsencode(self.path), self._model, params)
        if not pointer:
            raise ModelError(
                why(f"the projector {self.path} could not be loaded", log.media_errors)
            )
        return pointer

    @contextmanager
    def _chunks(self, part: MediaPart) -> Iterator[list[_Chunk]]:
        """What libmtmd makes of a file, as long as it is looked at."""
        bitmap = self._bitmap(part)
        chunks = mtmd_cpp.mtmd_input_chunks_init()
        try:
            text = mtmd_cpp.mtmd_input_text(_MARKER, len(_MARKER), False, True)
            bitmaps = (ctypes.c_void_p * 1)(bitmap)
            status = mtmd_cpp.mtmd_tokenize(self._pointer, chunks, ctypes.byref(text), bitmaps, 1)
            mtmd_cpp.mtmd_bitmap_free(bitmap)
            bitmap = None
            if status != 0:
                raise refusal(part, "nothing could be made of it for this model")
            yield [_chunk(chunks, at) for at in range(mtmd_cpp.mtmd_input_chunks_size(chunks))]
        finally:
            if bitmap is not None:
                mtmd_cpp.mtmd_bitmap_free(bitmap)
            mtmd_cpp.mtmd_input_chunks_free(chunks)

    def _bitmap(self, part: MediaPart) -> Any:  # noqa: ANN401
        """The decoded file."""
        data = decodable(part)
        buffer = (ctypes.c_uint8 * len(data)).from_buffer_copy(data)
        options = mtmd_cpp.mtmd_helper_init_opt_default()
        options.video_params.ffmpeg_bin_dir = _NO_VIDEO
        made = mtmd_cpp.mtmd_helper_bitmap_init_from_buf_wrapper(
            self._pointer, buffer, len(data), False, options
        )
        if not made.bitmap:
            raise refusal(part, "it is damaged")
        sound = part.kind is MediaKind.AUDIO
        if made.video_ctx or mtmd_cpp.mtmd_bitmap_is_audio(made.bitmap) != sound:
            mtmd_cpp.mtmd_bitmap_free(made.bitmap)
            raise refusal(part, "it is of another kind")
        return made.bitmap

    def _piece(self, chunk: _Chunk, kind: MediaKind) -> tuple[int, ...] | Run:
        if chunk.kind == _TEXT:
            return _text(chunk)
        whole = bool(mtmd_cpp.mtmd_decode_use_non_causal(self._pointer, chunk.pointer))
        if whole and chunk.length > self._batch:
            msg = (
                f"The {kind} takes {chunk.length} tokens, which this model has to read at once; "
                f"the server's batch_size is {self._batch}."
            )
            raise Failure(FailureKind.UNSUPPORTED, msg, param="messages")
        positions: int = mtmd_cpp.mtmd_input_chunk_get_n_pos(chunk.pointer)
        return Run(chunk.length, positions, self._columns(chunk), whole)

    def _columns(self, chunk: _Chunk) -> int:
        """How many embeddings make a row of a picture; 0 where they just follow each other."""
        if not self.rows_and_columns or chunk.kind != _IMAGE:
            return 0
        image = mtmd_cpp.mtmd_input_chunk_get_tokens_image(chunk.pointer)
        last = mtmd_cpp.mtmd_image_tokens_get_decoder_pos(image, 0, chunk.length - 1)
        if last.t:
            return 0
        columns: int = mtmd_cpp.mtmd_image_tokens_get_nx(image)
        return columns

    def _encoded(self, chunk: _Chunk, kind: MediaKind) -> NDArray[np.float32]:
        log.media_errors.clear()
        if mtmd_cpp.mtmd_encode_chunk(self._pointer, chunk.pointer) != 0:
            msg = why(f"The {kind} could not be encoded", log.media_errors)
            raise Failure(FailureKind.INTERNAL, msg)
        address = mtmd_cpp.mtmd_get_output_embd(self._pointer)
        rows: NDArray[np.float32] = np.ctypeslib.as_array(address, shape=(chunk.length, self.width))
        return rows.copy()


def _check_type(path: Path) -> None:
    """Refuse what cannot be served here.

    Raises:
        ModelError: there is such a type in the file, or the file is damaged.
    """
    try:
        texts = read_header(path).texts
    except HeaderError as error:
        raise ModelError(str(error)) from error
    if texts.get("general.architecture") != "clip":
        msg = f"{path} is no projector: it was not made to go with a model (mmproj)"
        raise ModelError(msg)
    for kind in ("", "vision.", "audio."):
        name = texts.get(f"clip.{kind}projector_type", "")
        if name in _BY_PLACE:
            msg = f"{path} is a projector of type {name}, which is not supported"
            raise ModelError(msg)


def _chunk(chunks: Any, at: int) -> _Chunk:  # noqa: ANN401
    pointer = mtmd_cpp.mtmd_input_chunks_get(chunks, at)
    kind = mtmd_cpp.mtmd_input_chunk_get_type(pointer)
    return _Chunk(pointer, kind, mtmd_cpp.mtmd_input_chunk_get_n_tokens(pointer))


def _text(chunk: _Chunk) -> tuple[int, ...]:
    """The tokens of a part that is text: markers around a picture, or between its pieces."""
    count = ctypes.c_size_t()
    tokens = mtmd_cpp.mtmd_input_chunk_get_tokens_text(chunk.pointer, ctypes.byref(count))
    return tuple(tokens[at] for at in range(count.value))
