"""What each kind of model is made of: its metadata and its tensors.

Names of tensors and of metadata keys are llama.cpp's (src/llama-arch.cpp); which tensors a model
needs, and their shapes, are in src/models/<architecture>.cpp there. Shapes here are as numpy has
them, (outputs, inputs), the reverse of llama.cpp's.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING, Literal

from gguf import GGUFWriter, PoolingType

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.shapes import Shape

Kind = Literal["llama", "qwen2", "sliding", "hybrid", "recurrent", "embedding"]

LOGIT_STD = 3.0
ATTENTION_GAIN = 1.5
"""Deviation of queries and of keys: each token heeds a few others, not the mean of all."""
FIRST_GAIN = 4.0
LATER_GAIN = 2.0
"""Deviation of what the first layer adds to the residual, and all the others together."""
TIED_EMBEDDING_STD = 0.02
"""Small beside what the layers add, or a tied model would repeat its last token for ever."""
SHORT_CONVOLUTION = 3
"""Tokens that a convolution of the hybrid kind sees."""
STATE_CONVOLUTION = 4
STATE_SIZE = 16
"""Tokens that a convolution of the recurrent kind sees, and numbers in a channel's state."""


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


def _matrix(name: str, outputs: int, inputs: int, gain: float = 1.0) -> Tensor:
    """Make a matrix that turns inputs of deviation 1 into outputs of deviation `gain`."""
    return Tensor(f"{name}.weight", (outputs, inputs), 0.0, gain / sqrt(inputs), matrix=True)


def _norm(name: str, width: int, scale: float = 1.0) -> Tensor:
    return Tensor(f"{name}.weight", (width,), scale, 0.1 * scale)


def _bias(name: str, width: int, mean: float = 0.0, std: float = 0.1) -> Tensor:
    return Tensor(f"{name}.bias", (width,), mean, std)


def _layer_norm(name: str, width: int) -> Iterator[Tensor]:
    yield _norm(name, width)
    yield _bias(name, width)


def _blocks(shape: Shape) -> Iterator[tuple[str, float]]:
    """Give for each layer the prefix of its tensors, and the deviation of what it adds.

    The first layer drowns out the embedding, so that the next token depends on more than the last
    one; the others add little, so that rounding errors do not grow from layer to layer, and a
    prompt decoded in other batches mostly has the same greedy continuation.
    """
    yield "blk.0", FIRST_GAIN
    for layer in range(1, shape.layers):
        yield f"blk.{layer}", LATER_GAIN / sqrt(shape.layers)


def _ends(shape: Shape, *, norm: str = "output_norm", multiplier: float = 1.0) -> Iterator[Tensor]:
    """Make embedding, last norm and output, scaled for logits of deviation LOGIT_STD.

    `multiplier` is what the architecture multiplies embeddings by on their way in.
    """
    std = (TIED_EMBEDDING_STD if shape.tied else 1.0) / multiplier
    table = (shape.vocab, shape.width)
    yield Tensor("token_embd.weight", table, 0.0, std, matrix=True, per_token=True)
    output_std = LOGIT_STD / sqrt(shape.width)
    if shape.tied:
        yield _norm(norm, shape.width, output_std / std)
    else:
        yield _norm(norm, shape.width)
        yield Tensor("output.weight", table, 0.0, output_std, matrix=True, per_token=True)


def _attention(shape: Shape, block: str, gain: float) -> Iterator[Tensor]:
    keys = shape.head * shape.kv_heads
    yield _matrix(f"{block}.attn_q", shape.width, shape.width, ATTENTION_GAIN)
    yield _matrix(f"{block}.attn_k", keys, shape.width, ATTENTION_GAIN)
    yield _matrix(f"{block}.attn_v", keys, shape.width)
    yield _matrix(f"{block}.attn_output", shape.width, shape.width, gain)


def _attention_biases(shape: Shape, block: str) -> Iterator[Tensor]:
    keys = shape.head * shape.kv_heads
    yield _bias(f"{block}.attn_q", shape.width)
    yield _bias(f"{block}.attn_k", keys)
    yield _bias(f"{block}.attn_v", keys)


def _head_norms(shape: Shape, block: str) -> Iterator[Tensor]:
    yield _norm(f"{block}.attn_q_norm", shape.head, ATTENTION_GAIN)
    yield _norm(f"{block}.attn_k_norm", shape.head, ATTENTION_GAIN)


def _feed_forward(shape: Shape, block: str, gain: float) -> Iterator[Tensor]:
    yield _matrix(f"{block}.ffn_gate", shape.ffn, shape.width)
    yield _matrix(f"{block}.ffn_up", shape.ffn, shape.width)
    yield _matrix(f"{block}.ffn_down", shape.width, shape.ffn, gain)


def _llama(shape: Shape) -> Iterator[Tensor]:
    yield from _ends(shape)
    for block, gain in _blocks(shape):
        yield _norm(f"{block}.attn_norm", shape.width)
        yield from _attention(shape, block, gain)
        yield _norm(f"{block}.ffn_norm", shape.width)
        yield from _feed_forward(shape, block, gain)


def _qwen2(shape: Shape) -> Iterator[Tensor]:
    yield from _llama(shape)
    for block, _ in _blocks(shape):
        yield from _attention_biases(shape, block)


def _gemma3(shape: Shape) -> Iterator[Tensor]:
    yield from _ends(shape, multiplier=sqrt(shape.width))
    for block, gain in _blocks(shape):
        yield _norm(f"{block}.attn_norm", shape.width)
        yield from _attention(shape, block, gain)
        yield from _head_norms(shape, block)
        yield _norm(f"{block}.post_attention_norm", shape.width, gain)
        yield _norm(f"{block}.ffn_norm", shape.width)
        yield from _feed_forward(shape, block, gain)
        yield _norm(f"{block}.post_ffw_norm", shape.width, gain)


def _lfm2(shape: Shape) -> Iterator[Tensor]:
    yield from _ends(shape, norm="token_embd_norm")
    for layer, (block, gain) in enumerate(_blocks(shape)):
        yield _norm(f"{block}.attn_norm", shape.width)
        if _convolves(layer):
            taps = (shape.width, SHORT_CONVOLUTION)
            yield Tensor(f"{block}.shortconv.conv.weight", taps, 0.0, 1 / sqrt(SHORT_CONVOLUTION))
            yield _matrix(f"{block}.shortconv.in_proj", 3 * shape.width, shape.width)
            yield _matrix(f"{block}.shortconv.out_proj", shape.width, shape.width, gain)
        else:
            yield from _attention(shape, block, gain)
            yield from _head_norms(shape, block)
        yield _norm(f"{block}.ffn_norm", shape.width)
        yield from _feed_forward(shape, block, gain)


def _mamba(shape: Shape) -> Iterator[Tensor]:
    """Spread the time steps, so that channels remember a few tokens up to a hundred."""
    inner, rank = 2 * shape.width, shape.width // 16
    yield from _ends(shape)
    for block, gain in _blocks(shape):
        yield _norm(f"{block}.attn_norm", shape.width)
        yield _matrix(f"{block}.ssm_in", 2 * inner, shape.width)
        taps = (inner, STATE_CONVOLUTION)
        yield Tensor(f"{block}.ssm_conv1d.weight", taps, 0.0, 1 / sqrt(STATE_CONVOLUTION))
        yield _bias(f"{block}.ssm_conv1d", inner)
        yield _matrix(f"{block}.ssm_x", rank + 2 * STATE_SIZE, inner)
        yield _matrix(f"{block}.ssm_dt", inner, rank)
        yield _bias(f"{block}.ssm_dt", inner, mean=-3.0, std=1.0)
        yield Tensor(f"{block}.ssm_a", (inner, STATE_SIZE), -1.0, 0.1)
        yield Tensor(f"{block}.ssm_d", (inner,), 1.0, 0.1)
        yield _matrix(f"{block}.ssm_out", shape.width, inner, gain)


def _bert(shape: Shape) -> Iterator[Tensor]:
    """Keep layers quiet, so that texts which share tokens have embeddings that are near."""
    shape = dataclasses.replace(shape, kv_heads=shape.heads)
    table = (shape.vocab, shape.width)
    yield Tensor("token_embd.weight", table, 0.0, 1.0, matrix=True, per_token=True)
    yield Tensor("position_embd.weight", (shape.context, shape.width), 0.0, 0.1)
    yield Tensor("token_types.weight", (2, shape.width), 0.0, 0.1)
    yield from _layer_norm("token_embd_norm", shape.width)
    for block, _ in _blocks(shape):
        yield from _attention(shape, block, 0.5)
        yield from _attention_biases(shape, block)
        yield _bias(f"{block}.attn_output", shape.width)
        yield from _layer_norm(f"{block}.attn_output_norm", shape.width)
        yield _matrix(f"{block}.ffn_up", shape.ffn, shape.width)
        yield _bias(f"{block}.ffn_up", shape.ffn)
        yield _matrix(f"{block}.ffn_down", shape.width, shape.ffn, 0.5)
        yield _bias(f"{block}.ffn_down", shape.width)
        yield from _layer_norm(f"{block}.layer_output_norm", shape.width)


def _describe_decoder(writer: GGUFWriter, shape: Shape, kv_heads: list[int] | None = None) -> None:
    """Describe attention and feed-forward; `kv_heads` is by layer, where layers differ."""
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.ffn)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(kv_heads or shape.kv_heads)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(1_000_000.0)


def _describe_gemma3(writer: GGUFWriter, shape: Shape) -> None:
    """Let layers slide and see everything by turns."""
    _describe_decoder(writer, shape)
    writer.add_key_length(shape.head)
    writer.add_value_length(shape.head)
    writer.add_sliding_window(shape.window)
    writer.add_sliding_window_pattern([layer % 2 == 0 for layer in range(shape.layers)])
    writer.add_rope_freq_base_swa(10_000.0)


def _convolves(layer: int) -> bool:
    return layer % 2 == 0


def _describe_lfm2(writer: GGUFWriter, shape: Shape) -> None:
    """Let layers convolve and attend by turns: the first sort has no key heads."""
    layers = range(shape.layers)
    _describe_decoder(
        writer, shape, [0 if _convolves(layer) else shape.kv_heads for layer in layers]
    )
    writer.add_shortconv_l_cache(SHORT_CONVOLUTION)


def _describe_mamba(writer: GGUFWriter, shape: Shape) -> None:
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(0)
    writer.add_head_count(0)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_ssm_conv_kernel(STATE_CONVOLUTION)
    writer.add_ssm_inner_size(2 * shape.width)
    writer.add_ssm_state_size(STATE_SIZE)
    writer.add_ssm_time_step_rank(shape.width // 16)


def _describe_bert(writer: GGUFWriter, shape: Shape) -> None:
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.ffn)
    writer.add_head_count(shape.heads)
    writer.add_layer_norm_eps(1e-12)
    writer.add_causal_attention(False)
    writer.add_pooling_type(PoolingType.MEAN)
    writer.add_token_type_count(2)


ARCHITECTURES: dict[Kind, Architecture] = {
    "llama": Architecture("llama", _describe_decoder, _llama),
    "qwen2": Architecture("qwen2", _describe_decoder, _qwen2),
    "sliding": Architecture("gemma3", _describe_gemma3, _gemma3),
    "hybrid": Architecture("lfm2", _describe_lfm2, _lfm2),
    "recurrent": Architecture("mamba", _describe_mamba, _mamba),
    "embedding": Architecture("bert", _describe_bert, _bert, chats=False),
}
