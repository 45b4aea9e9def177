"""GGUF files with random weights, written in seconds, for the tests and the benchmarks.

    python -m benchmarks.random_gguf OUT.gguf --kind llama --size tiny

The models say nothing meaningful, but they load, decode and tokenize as real ones of their
architecture do, and their greedy output varies with the prompt. The same arguments give the same
bytes. Shapes and names of tensors are in `benchmarks.architectures`.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args
from zlib import crc32

import numpy as np
from gguf import GGMLQuantizationType, GGUFWriter, LlamaFileType

from benchmarks.architectures import ARCHITECTURES, Kind, Tensor
from benchmarks.pieces import make_pieces
from benchmarks.shapes import SHAPES, Shape, Size
from benchmarks.vocabulary import Vocabulary, make_vocabulary

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from benchmarks.tensors import Special

__all__ = ["SHAPES", "Kind", "Quant", "Shape", "Size", "write_random_gguf", "write_tensors"]

Quant = Literal["q8_0", "f16", "f32"]

BLOCK = 32
"""Weights to a Q8_0 block: a float16 scale, then this many int8 quants."""
UNIFORM_QUANT_STD = 73.61
"""Deviation of an integer drawn uniformly from -127..127."""
DAMPING = 0.1
"""The part of their size that the embeddings of special tokens keep: they are seldom sampled."""

FILE_TYPES = {
    "q8_0": LlamaFileType.MOSTLY_Q8_0,
    "f16": LlamaFileType.MOSTLY_F16,
    "f32": LlamaFileType.ALL_F32,
}

_LAST = tuple(
    f"{name}.weight" for name in ("attn_output", "ffn_down", "post_attention_norm", "post_ffw_norm")
)
"""What the output of a layer's halves is multiplied by last."""

CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message.role + '\\n' + (message.content or '') + '<|im_end|>\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


def write_random_gguf(
    path: Path | str,
    *,
    kind: Kind = "llama",
    size: Size = "tiny",
    seed: int = 0,
    vocab: int | None = None,
    quant: Quant = "q8_0",
    context: int | None = None,
    chat_template: bool = True,
    add_bos: bool = False,
    loops: bool = False,
) -> Path:
    """Write a model of `kind` and `size` to `path` and return it.

    `vocab` (tokens) and `context` (tokens the model says it was trained on) are the size's own
    unless given. With `loops` the layers add nothing to speak of and the output matrix is the
    embedding, so that it says its last token for ever. One tensor at a time is held in memory.
    """
    shape = SHAPES[size].replaced(vocab=vocab, context=context, tied=loops)
    architecture = ARCHITECTURES[kind]
    adds = (*architecture.adds, "bos") if add_bos else architecture.adds
    writer = GGUFWriter(path, architecture.name)
    writer.add_name(f"Random {kind} {size}")
    writer.add_description("Random weights, for tests and benchmarks")
    writer.add_file_type(FILE_TYPES[quant])
    writer.add_quantization_version(2)
    architecture.describe(writer, shape)
    if architecture.vocabulary == "bytes":
        vocabulary = make_vocabulary(shape.vocab)
        _describe_vocabulary(writer, vocabulary, adds)
        special = slice(vocabulary.first_special, None)
    else:
        make_pieces(shape.vocab, architecture.vocabulary).describe(writer, adds)
        special = slice(0)
    if chat_template and architecture.chats:
        writer.add_chat_template(CHAT_TEMPLATE)

    tensors = [_quiet(each) if loops else each for each in architecture.tensors(shape)]

    def scales(tensor: Tensor) -> NDArray[np.float32]:
        found = np.ones(tensor.shape[0], np.float32)
        if tensor.per_token:
            found[special] = DAMPING
        return found

    write_tensors(writer, tensors, quant, seed, scales)
    writer.close()
    return Path(path)


def unscaled(tensor: Tensor) -> NDArray[np.float32]:
    """The scales of a tensor whose rows stay as they are."""
    return np.ones(tensor.shape[0], np.float32)


def write_tensors(
    writer: GGUFWriter,
    tensors: Sequence[Tensor],
    quant: Quant,
    seed: int,
    scales: Callable[[Tensor], NDArray[np.float32]] = unscaled,
) -> None:
    """Write all of a file: what `writer` was told, then the tensors, of random values. `scales`
    (rows) multiplies each row of one."""
    for tensor in tensors:
        stored = _stored_type(tensor, quant)
        writer.add_tensor_info(
            tensor.name, tensor.shape, np.dtype(np.float32), _nbytes(tensor, stored), stored
        )
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for tensor in tensors:
        random = np.random.Generator(np.random.PCG64([seed, crc32(tensor.name.encode())]))
        stored = _stored_type(tensor, quant)
        writer.write_tensor_data(_values(tensor, stored, scales(tensor), random))


def _quiet(tensor: Tensor) -> Tensor:
    """A tensor of whose layer little comes out, if it is the one that this depends on."""
    if not tensor.name.endswith(_LAST):
        return tensor
    return dataclasses.replace(tensor, mean=tensor.mean / 1000, std=tensor.std / 1000)


def _describe_vocabulary(
    writer: GGUFWriter, vocabulary: Vocabulary, adds: Sequence[Special]
) -> None:
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(vocabulary.tokens)
    writer.add_token_types(vocabulary.types)
    writer.add_token_merges(vocabulary.merges)
    writer.add_bos_token_id(vocabulary.special_id("<|endoftext|>"))
    writer.add_eos_token_id(vocabulary.special_id("<|im_end|>"))
    writer.add_pad_token_id(vocabulary.special_id("<|endoftext|>"))
    writer.add_add_bos_token("bos" in adds)
    if "eos" in adds:
        writer.add_add_eos_token(True)
    if "sep" in adds:
        writer.add_add_sep_token(True)
        writer.add_sep_token_id(vocabulary.special_id("<|im_end|>"))
    for key, name in (("pre", "prefix"), ("suf", "suffix"), ("mid", "middle")):
        token = vocabulary.special_id(f"<|fim_{name}|>")
        writer.add_uint32(f"tokenizer.ggml.fim_{key}_token_id", token)


def _stored_type(tensor: Tensor, quant: Quant) -> GGMLQuantizationType:
    """Matrices take the file's type, where their rows are whole blocks; the rest is float32."""
    if not tensor.matrix or quant == "f32":
        return GGMLQuantizationType.F32
    if quant == "f16":
        return GGMLQuantizationType.F16
    whole = tensor.shape[-1] % BLOCK == 0
    return GGMLQuantizationType.Q8_0 if whole else GGMLQuantizationType.F32


def _nbytes(tensor: Tensor, stored: GGMLQuantizationType) -> int:
    count = int(np.prod(tensor.shape))
    if stored == GGMLQuantizationType.Q8_0:
        return count // BLOCK * (2 + BLOCK)
    return count * (2 if stored == GGMLQuantizationType.F16 else 4)


def _values(
    tensor: Tensor,
    stored: GGMLQuantizationType,
    scales: NDArray[np.float32],
    random: np.random.Generator,
) -> NDArray[np.generic]:
    """Draw the bytes of `tensor`: its shape in float32 or float16, or (rows, blocks, 34) in uint8.

    `scales` (rows) multiplies each row. Q8_0 blocks are drawn as such, not quantized from floats.
    """
    if stored == GGMLQuantizationType.Q8_0:
        rows, blocks = math.prod(tensor.shape[:-1]), tensor.shape[-1] // BLOCK
        scales = np.repeat(scales, rows // len(scales))  # of a matrix an expert, too
        data = np.empty((rows, blocks, 2 + BLOCK), np.uint8)
        scale = (scales * tensor.std / UNIFORM_QUANT_STD).astype("<f2")
        data[:, :, :2] = scale.view(np.uint8).reshape(rows, 1, 2)
        quants = random.integers(-127, 127, (rows, blocks, BLOCK), np.int8, endpoint=True)
        data[:, :, 2:] = quants.view(np.uint8)
        return data
    values = random.standard_normal(tensor.shape, np.float32)
    values *= scales.reshape(-1, *[1] * (len(tensor.shape) - 1)) * tensor.std
    values += tensor.mean
    return values.astype("<f2" if stored == GGMLQuantizationType.F16 else "<f4", copy=False)


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the model that the command line asks for."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.random_gguf", description="Write a GGUF with random weights."
    )
    parser.add_argument("path", type=Path, metavar="OUT.gguf")
    parser.add_argument("--kind", choices=get_args(Kind), default="llama")
    parser.add_argument("--size", choices=get_args(Size), default="tiny")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--vocab", type=int, help="tokens; the size's own unless given")
    parser.add_argument("--quant", choices=get_args(Quant), default="q8_0")
    parser.add_argument("--ctx", type=int, dest="context", help="context length the file states")
    parser.add_argument("--no-chat-template", action="store_false", dest="chat_template")
    parser.add_argument("--add-bos", action="store_true", help="texts begin with <|endoftext|>")
    parser.add_argument("--loops", action="store_true", help="says its last token for ever")
    options = vars(parser.parse_args(arguments))
    path = write_random_gguf(**options)
    print(f"{path}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
