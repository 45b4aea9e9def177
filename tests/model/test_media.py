"""The same text as llama.cpp's own way with pictures and sounds, on the same files."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING

import llama_cpp
import pytest
from llama_cpp import mtmd_cpp

from colonnade.engine import Engine
from colonnade.messages import Decoding, LoadModel, MediaPart, Sampling, TextPart
from tests.media.pictures import audio_part, image_part, picture, sound

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import RandomModel, RandomProjector

pytestmark = pytest.mark.anyio

COUNT = 12
CTX = 1024
A, B, S = image_part(picture(1)), image_part(picture(2, 60, 90)), audio_part(sound(1))

CASES = [
    ("llama", "llava", ("Look: ", A, " What is it?")),
    ("llama", "llava", ("a ", B, " b ", A, B, " c ")),
    ("sliding", "gemma3", ("Look: ", B, " What is it?", A, " And that?")),
    ("qwen2vl", "qwen2vl", (A, "and", B, " two, which?")),
    ("hybrid", "llava", ("Look: ", A, " What is it?")),
    ("llama", "omni", ("Hear ", S, " and see ", A, " it?")),
]


def reference(model: Path, projector: Path, prompt: tuple[str | MediaPart, ...]) -> list[int]:
    """As llama.cpp's mtmd-cli does it: all of the prompt by its helper, then greedily on."""
    llama_cpp.llama_backend_init()
    params = llama_cpp.llama_model_default_params()
    loaded = llama_cpp.llama_model_load_from_file(str(model).encode(), params)
    wishes = llama_cpp.llama_context_default_params()
    wishes.n_ctx, wishes.n_threads, wishes.n_threads_batch = CTX, 1, 1
    context = llama_cpp.llama_init_from_model(loaded, wishes)
    seeing = mtmd_cpp.mtmd_context_params_default()
    seeing.n_threads, seeing.warmup, seeing.print_timings = 1, False, False
    eyes = mtmd_cpp.mtmd_init_from_file(str(projector).encode(), loaded, seeing)
    try:
        return _greedy(context, _read(eyes, context, prompt))
    finally:
        mtmd_cpp.mtmd_free(eyes)
        llama_cpp.llama_free(context)
        llama_cpp.llama_model_free(loaded)


def _read(eyes: int, context: int, prompt: tuple[str | MediaPart, ...]) -> int:
    """Read the prompt; the position behind it."""
    text = "".join(part if isinstance(part, str) else "<__media__>" for part in prompt).encode()
    files = [part.data for part in prompt if isinstance(part, MediaPart)]
    bitmaps = (ctypes.c_void_p * len(files))()
    for at, data in enumerate(files):
        buffer = (ctypes.c_uint8 * len(data)).from_buffer_copy(data)
        bitmaps[at] = mtmd_cpp.mtmd_helper_bitmap_init_from_buf(eyes, buffer, len(data), False)
    chunks = mtmd_cpp.mtmd_input_chunks_init()
    said = mtmd_cpp.mtmd_input_text(text, len(text), False, True)
    status = mtmd_cpp.mtmd_tokenize(eyes, chunks, ctypes.byref(said), bitmaps, len(files))
    assert status == 0
    behind = llama_cpp.llama_pos()
    done = mtmd_cpp.mtmd_helper_eval_chunks(
        eyes, context, chunks, 0, 0, 512, True, ctypes.byref(behind)
    )
    assert done == 0
    mtmd_cpp.mtmd_input_chunks_free(chunks)
    for bitmap in bitmaps:
        mtmd_cpp.mtmd_bitmap_free(bitmap)
    return behind.value


def _greedy(context: int, position: int) -> list[int]:
    vocab = llama_cpp.llama_model_get_vocab(llama_cpp.llama_get_model(context))
    size = llama_cpp.llama_vocab_n_tokens(vocab)
    batch = llama_cpp.llama_batch_init(1, 0, 1)
    found: list[int] = []
    while len(found) < COUNT:
        row = llama_cpp.llama_get_logits_ith(context, -1)[:size]
        found.append(max(range(size), key=row.__getitem__))
        batch.n_tokens, batch.token[0], batch.pos[0] = 1, found[-1], position + len(found) - 1
        batch.n_seq_id[0], batch.seq_id[0][0], batch.logits[0] = 1, 0, 1
        assert llama_cpp.llama_decode(context, batch) == 0
    llama_cpp.llama_batch_free(batch)
    return found


@pytest.mark.parametrize(("kind", "projector", "prompt"), CASES)
async def test_the_text_is_llama_cpps(
    random_model: RandomModel,
    random_projector: RandomProjector,
    kind: str,
    projector: str,
    prompt: tuple[str | MediaPart, ...],
) -> None:
    model, eyes = random_model(kind), random_projector(projector)
    expected = reference(model, eyes, prompt)
    load = LoadModel(
        str(model), projector_path=str(eyes), slots=1, threads=1, ctx_size=CTX, speculate=False
    )
    engine = await Engine.start(load)
    try:
        decoding = Decoding(Sampling(temperature=0), max_tokens=COUNT, ignore_eos=True, logprobs=0)
        parts = tuple(TextPart(part) if isinstance(part, str) else part for part in prompt)
        found: list[int] = []
        async for output in await engine.submit(parts, decoding):
            found += [entry.id for entry in output.logprobs]
    finally:
        await engine.close()
    assert found == expected
