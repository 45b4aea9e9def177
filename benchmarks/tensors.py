"""Tensors to fill with random values, and those that most kinds of models share.

Names are llama.cpp's (src/llama-arch.cpp). Shapes are as numpy has them, (outputs, inputs), the
reverse of llama.cpp's.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gguf import GGUFWriter

    from benchmarks.shapes import Shape

Special = Literal["bos", "eos", "sep"]

ATTENTION_GAIN = 1.5
"""Deviation of queries and of keys: each token heeds a few others, not the mean of all."""
FIRST_GAIN = 4.0
LATER_GAIN = 2.0
"""Deviation of what the first layer adds to the residual, and all the others together."""


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
    """A kind of model: llama.cpp's name for it, its metadata and its tensors."""

    name: str
    describe: Callable[[GGUFWriter, Shape], None]
    tensors: Callable[[Shape], Iterator[Tensor]]
    chats: bool = True
    vocabulary: Literal["bytes", "wordpieces", "unigram"] = "bytes"
    adds: tuple[Special, ...] = ()
    """The special tokens that go around a text of their own accord."""


def matrix(name: str, outputs: int, inputs: int, gain: float = 1.0) -> Tensor:
    """Make a matrix that turns inputs of deviation 1 into outputs of deviation `gain`."""
    return Tensor(f"{name}.weight", (outputs, inputs), 0.0, gain / sqrt(inputs), matrix=True)


def norm(name: str, width: int, scale: float = 1.0) -> Tensor:
    """Make the weights of a norm: its outputs have deviation `scale`."""
    return Tensor(f"{name}.weight", (width,), scale, 0.1 * scale)


def bias(name: str, width: int, mean: float = 0.0, std: float = 0.1) -> Tensor:
    """Make what is added to a matrix's outputs."""
    return Tensor(f"{name}.bias", (width,), mean, std)


def layer_norm(name: str, width: int) -> Iterator[Tensor]:
    """Make a norm that has a bias."""
    yield norm(name, width)
    yield bias(name, width)


def blocks(shape: Shape) -> Iterator[tuple[str, float]]:
    """Give for each layer the prefix of its tensors, and the deviation of what it adds.

    The first layer drowns out the embedding, so that the next token depends on more than the last
    one; the others add little, so that rounding errors do not grow from layer to layer, and a
    prompt decoded in other batches mostly has the same greedy continuation.
    """
    yield "blk.0", FIRST_GAIN
    for layer in range(1, shape.layers):
        yield f"blk.{layer}", LATER_GAIN / sqrt(shape.layers)


def attention(shape: Shape, block: str, gain: float) -> Iterator[Tensor]:
    """Make the four matrices of a layer's attention; it adds `gain` to the residual."""
    keys = shape.head * shape.kv_heads
    yield matrix(f"{block}.attn_q", shape.width, shape.width, ATTENTION_GAIN)
    yield matrix(f"{block}.attn_k", keys, shape.width, ATTENTION_GAIN)
    yield matrix(f"{block}.attn_v", keys, shape.width)
    yield matrix(f"{block}.attn_output", shape.width, shape.width, gain)


def attention_biases(shape: Shape, block: str) -> Iterator[Tensor]:
    """Make biases of queries, keys and values."""
    keys = shape.head * shape.kv_heads
    yield bias(f"{block}.attn_q", shape.width)
    yield bias(f"{block}.attn_k", keys)
    yield bias(f"{block}.attn_v", keys)


def head_norms(shape: Shape, block: str) -> Iterator[Tensor]:
    """Make the norms of each head's queries and keys."""
    yield norm(f"{block}.attn_q_norm", shape.head, ATTENTION_GAIN)
    yield norm(f"{block}.attn_k_norm", shape.head, ATTENTION_GAIN)


def feed_forward(shape: Shape, block: str, gain: float) -> Iterator[Tensor]:
    """Make a gated feed-forward part; it adds `gain` to the residual."""
    yield matrix(f"{block}.ffn_gate", shape.ffn, shape.width)
    yield matrix(f"{block}.ffn_up", shape.ffn, shape.width)
    yield matrix(f"{block}.ffn_down", shape.width, shape.ffn, gain)
