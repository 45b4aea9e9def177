"""What models that generate text are made of: their metadata and their tensors."""

from __future__ import annotations

import dataclasses
from math import sqrt
from typing import TYPE_CHECKING

from benchmarks.tensors import (
    Tensor,
    attention,
    attention_biases,
    bias,
    blocks,
    feed_forward,
    head_norms,
    matrix,
    norm,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gguf import GGUFWriter

    from benchmarks.shapes import Shape

LOGIT_STD = 3.0
TIED_EMBEDDING_STD = 0.02
"""Small beside what the layers add, or a tied model would repeat its last token for ever."""
SHORT_CONVOLUTION = 3
"""Tokens that a convolution of the hybrid kind sees."""
STATE_CONVOLUTION = 4
STATE_SIZE = 16
EXPERTS, EXPERTS_USED = 4, 2
"""Tokens that a convolution of the recurrent kind sees, and numbers in a channel's state."""


def _ends(shape: Shape, *, last: str = "output_norm", multiplier: float = 1.0) -> Iterator[Tensor]:
    """Make embedding, last norm and output, scaled for logits of deviation LOGIT_STD.

    `multiplier` is what the architecture multiplies embeddings by on their way in.
    """
    std = (TIED_EMBEDDING_STD if shape.tied else 1.0) / multiplier
    table = (shape.vocab, shape.width)
    yield Tensor("token_embd.weight", table, 0.0, std, matrix=True, per_token=True)
    output_std = LOGIT_STD / sqrt(shape.width)
    if shape.tied:
        yield norm(last, shape.width, output_std / std)
    else:
        yield norm(last, shape.width)
        yield Tensor("output.weight", table, 0.0, output_std, matrix=True, per_token=True)


def llama(shape: Shape) -> Iterator[Tensor]:
    """Make what most decoders are made of."""
    yield from _ends(shape)
    for block, gain in blocks(shape):
        yield norm(f"{block}.attn_norm", shape.width)
        yield from attention(shape, block, gain)
        yield norm(f"{block}.ffn_norm", shape.width)
        yield from feed_forward(shape, block, gain)


def experts(shape: Shape) -> Iterator[Tensor]:
    """Make Llama's tensors, with a few feed-forwards a layer of which each token takes some."""
    yield from _ends(shape)
    for block, gain in blocks(shape):
        yield norm(f"{block}.attn_norm", shape.width)
        yield from attention(shape, block, gain)
        yield norm(f"{block}.ffn_norm", shape.width)
        yield matrix(f"{block}.ffn_gate_inp", EXPERTS, shape.width)
        for name, outputs, inputs, size in (
            ("gate", shape.ffn, shape.width, 1.0),
            ("up", shape.ffn, shape.width, 1.0),
            ("down", shape.width, shape.ffn, gain),
        ):
            of_one = matrix(f"{block}.ffn_{name}_exps", outputs, inputs, size)
            yield dataclasses.replace(of_one, shape=(EXPERTS, *of_one.shape))


def qwen2(shape: Shape) -> Iterator[Tensor]:
    """Make Llama's tensors, with biases of the attention."""
    yield from llama(shape)
    for block, _ in blocks(shape):
        yield from attention_biases(shape, block)


def gemma3(shape: Shape) -> Iterator[Tensor]:
    """Make a model with norms before and after each half of a layer."""
    yield from _ends(shape, multiplier=sqrt(shape.width))
    for block, gain in blocks(shape):
        yield norm(f"{block}.attn_norm", shape.width)
        yield from attention(shape, block, gain)
        yield from head_norms(shape, block)
        yield norm(f"{block}.post_attention_norm", shape.width, gain)
        yield norm(f"{block}.ffn_norm", shape.width)
        yield from feed_forward(shape, block, gain)
        yield norm(f"{block}.post_ffw_norm", shape.width, gain)


def lfm2(shape: Shape) -> Iterator[Tensor]:
    """Make a model whose layers convolve and attend by turns."""
    yield from _ends(shape, last="token_embd_norm")
    for layer, (block, gain) in enumerate(blocks(shape)):
        yield norm(f"{block}.attn_norm", shape.width)
        if _convolves(layer):
            taps = (shape.width, SHORT_CONVOLUTION)
            yield Tensor(f"{block}.shortconv.conv.weight", taps, 0.0, 1 / sqrt(SHORT_CONVOLUTION))
            yield matrix(f"{block}.shortconv.in_proj", 3 * shape.width, shape.width)
            yield matrix(f"{block}.shortconv.out_proj", shape.width, shape.width, gain)
        else:
            yield from attention(shape, block, gain)
            yield from head_norms(shape, block)
        yield norm(f"{block}.ffn_norm", shape.width)
        yield from feed_forward(shape, block, gain)


def mamba(shape: Shape) -> Iterator[Tensor]:
    """Spread the time steps, so that channels remember a few tokens up to a hundred."""
    inner, rank = 2 * shape.width, shape.width // 16
    yield from _ends(shape)
    for block, gain in blocks(shape):
        yield norm(f"{block}.attn_norm", shape.width)
        yield matrix(f"{block}.ssm_in", 2 * inner, shape.width)
        taps = (inner, STATE_CONVOLUTION)
        yield Tensor(f"{block}.ssm_conv1d.weight", taps, 0.0, 1 / sqrt(STATE_CONVOLUTION))
        yield bias(f"{block}.ssm_conv1d", inner)
        yield matrix(f"{block}.ssm_x", rank + 2 * STATE_SIZE, inner)
        yield matrix(f"{block}.ssm_dt", inner, rank)
        yield bias(f"{block}.ssm_dt", inner, mean=-3.0, std=1.0)
        yield Tensor(f"{block}.ssm_a", (inner, STATE_SIZE), -1.0, 0.1)
        yield Tensor(f"{block}.ssm_d", (inner,), 1.0, 0.1)
        yield matrix(f"{block}.ssm_out", shape.width, inner, gain)


def describe_decoder(writer: GGUFWriter, shape: Shape, kv_heads: list[int] | None = None) -> None:
    """Describe attention and feed-forward; `kv_heads` is by layer, where layers differ."""
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.ffn)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(kv_heads or shape.kv_heads)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(1_000_000.0)


def describe_experts(writer: GGUFWriter, shape: Shape) -> None:
    """Describe a decoder with experts."""
    describe_decoder(writer, shape)
    writer.add_expert_count(EXPERTS)
    writer.add_expert_used_count(EXPERTS_USED)


def describe_qwen2vl(writer: GGUFWriter, shape: Shape) -> None:
    """Rotate parts of each head by time, height and width."""
    describe_decoder(writer, shape)
    half = shape.head // 2
    writer.add_rope_dimension_sections([half // 2, half // 4, half // 4, 0])


def describe_gemma3(writer: GGUFWriter, shape: Shape) -> None:
    """Let layers slide and see everything by turns."""
    describe_decoder(writer, shape)
    writer.add_key_length(shape.head)
    writer.add_value_length(shape.head)
    writer.add_sliding_window(shape.window)
    writer.add_sliding_window_pattern([layer % 2 == 0 for layer in range(shape.layers)])
    writer.add_rope_freq_base_swa(10_000.0)


def _convolves(layer: int) -> bool:
    return layer % 2 == 0


def describe_lfm2(writer: GGUFWriter, shape: Shape) -> None:
    """Let layers convolve and attend by turns: the first sort has no key heads."""
    layers = range(shape.layers)
    describe_decoder(
        writer, shape, [0 if _convolves(layer) else shape.kv_heads for layer in layers]
    )
    writer.add_shortconv_l_cache(SHORT_CONVOLUTION)


def describe_mamba(writer: GGUFWriter, shape: Shape) -> None:
    """Describe a model that has no attention."""
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
