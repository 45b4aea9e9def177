"""What each kind of model is made of: its metadata and its tensors.

Names of tensors and of metadata keys are llama.cpp's (src/llama-arch.cpp); which tensors a model
needs, and their shapes, are in src/models/<architecture>.cpp there. Shapes here are as numpy has
them, (outputs, inputs), the reverse of llama.cpp's.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import sqrt
from typing import Literal

from gguf import GGUFWriter

Kind = Literal["llama", "qwen2"]
Size = Literal["tiny", "40m", "0.5b"]

LOGIT_STD = 3.0
TIED_EMBEDDING_STD = 0.05
"""Small beside what the layers add, or a tied model would repeat its last token for ever."""


@dataclass(frozen=True)
class Shape:
    """Dimensions of a model. All but `layers`, `heads` and `kv_heads` are multiples of 32."""

    layers: int
    width: int
    heads: int
    kv_heads: int
    ffn: int
    vocab: int
    context: int
    tied: bool
    """Whether the output matrix is the token embedding."""

    @property
    def head(self) -> int:
        """Width of one attention head."""
        return self.width // self.heads

    def replaced(self, *, vocab: int | None, context: int | None) -> Shape:
        return dataclasses.replace(self, vocab=vocab or self.vocab, context=context or self.context)


SHAPES: dict[Size, Shape] = {
    "tiny": Shape(
        layers=4, width=128, heads=4, kv_heads=2, ffn=256, vocab=4096, context=2048, tied=False
    ),
    "40m": Shape(
        layers=8, width=512, heads=8, kv_heads=4, ffn=1408, vocab=16384, context=4096, tied=False
    ),
    "0.5b": Shape(
        layers=24, width=896, heads=14, kv_heads=2, ffn=4864, vocab=151936, context=32768, tied=True
    ),
}
"""`0.5b` has the dimensions of Qwen2.5-0.5B."""


@dataclass(frozen=True)
class Tensor:
    """A tensor to fill with normal values, or uniform ones of that deviation if quantized."""

    name: str
    shape: tuple[int, ...]
    mean: float
    std: float
    matrix: bool = False
    """Whether it takes the file's quantization."""
    per_token: bool = False
    """Whether its rows belong to tokens, by id."""


@dataclass(frozen=True)
class Architecture:
    name: str
    describe: Callable[[GGUFWriter, Shape], None]
    tensors: Callable[[Shape], Iterator[Tensor]]
    chats: bool = True


def _matrix(name: str, outputs: int, inputs: int, gain: float = 1.0) -> Tensor:
    """A matrix that turns inputs of deviation 1 into outputs of deviation `gain`."""
    return Tensor(f"{name}.weight", (outputs, inputs), 0.0, gain / sqrt(inputs), matrix=True)


def _norm(name: str, width: int, scale: float = 1.0) -> Tensor:
    return Tensor(f"{name}.weight", (width,), scale, 0.1 * scale)


def _bias(name: str, width: int, std: float) -> Tensor:
    return Tensor(f"{name}.bias", (width,), 0.0, std)


def _ends(shape: Shape, norm: str = "output_norm") -> Iterator[Tensor]:
    """Embedding, last norm and output, scaled for logits of deviation LOGIT_STD."""
    std = TIED_EMBEDDING_STD if shape.tied else 1.0
    table = (shape.vocab, shape.width)
    yield Tensor("token_embd.weight", table, 0.0, std, matrix=True, per_token=True)
    output_std = LOGIT_STD / sqrt(shape.width)
    if shape.tied:
        yield _norm(norm, shape.width, output_std / std)
    else:
        yield _norm(norm, shape.width)
        yield Tensor("output.weight", table, 0.0, output_std, matrix=True, per_token=True)


def _attention(shape: Shape, block: str, *, biases: bool = False) -> Iterator[Tensor]:
    keys = shape.head * shape.kv_heads
    yield _matrix(f"{block}.attn_q", shape.width, shape.width, 1.5)
    yield _matrix(f"{block}.attn_k", keys, shape.width, 1.5)
    yield _matrix(f"{block}.attn_v", keys, shape.width)
    yield _matrix(f"{block}.attn_output", shape.width, shape.width, 2.0)
    if biases:
        yield _bias(f"{block}.attn_q", shape.width, 0.5)
        yield _bias(f"{block}.attn_k", keys, 0.5)
        yield _bias(f"{block}.attn_v", keys, 0.1)


def _feed_forward(shape: Shape, block: str) -> Iterator[Tensor]:
    yield _matrix(f"{block}.ffn_gate", shape.ffn, shape.width)
    yield _matrix(f"{block}.ffn_up", shape.ffn, shape.width)
    yield _matrix(f"{block}.ffn_down", shape.width, shape.ffn, 2.0)


def _describe_transformer(writer: GGUFWriter, shape: Shape) -> None:
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.ffn)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(1_000_000.0)


def _llama(shape: Shape, *, biases: bool = False) -> Iterator[Tensor]:
    yield from _ends(shape)
    for block in (f"blk.{layer}" for layer in range(shape.layers)):
        yield _norm(f"{block}.attn_norm", shape.width)
        yield from _attention(shape, block, biases=biases)
        yield _norm(f"{block}.ffn_norm", shape.width)
        yield from _feed_forward(shape, block)


def _qwen2(shape: Shape) -> Iterator[Tensor]:
    return _llama(shape, biases=True)


ARCHITECTURES: dict[Kind, Architecture] = {
    "llama": Architecture("llama", _describe_transformer, _llama),
    "qwen2": Architecture("qwen2", _describe_transformer, _qwen2),
}
