"""What models that give embeddings of texts, or scores of pairs of them, are made of.

Their layers are quiet, so that texts which share tokens have embeddings that are near; those whose
embedding is one token's have louder ones, or it would know of that token alone.
"""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import TYPE_CHECKING

from gguf import PoolingType

from benchmarks import decoders
from benchmarks.tensors import (
    Architecture,
    Tensor,
    attention,
    attention_biases,
    bias,
    blocks,
    feed_forward,
    head_norms,
    layer_norm,
    matrix,
    norm,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gguf import GGUFWriter

    from benchmarks.shapes import Shape

QUIET = 0.5
LOUD = 2.0
"""What a half of a layer adds to a residual of deviation 1."""
SCORE_STD = 3.0
DENSE = 4
"""How often the width of gemma-embedding is in that of its dense layers after pooling."""
RERANK_TEMPLATE = (
    '<|im_start|>system\nJudge whether the Document answers the Query: "yes" or "no".<|im_end|>\n'
    "<|im_start|>user\n<Query>: {query}\n<Document>: {document}<|im_end|>\n"
    "<|im_start|>assistant\n<think>\n\n</think>\n\n"
)


def _whole(shape: Shape) -> Shape:
    """The shape with as many key heads as there are heads, as models of BERT's kind have."""
    return dataclasses.replace(shape, kv_heads=shape.heads)


def _token_embeddings(shape: Shape, std: float = 1.0) -> Tensor:
    table = (shape.vocab, shape.width)
    return Tensor("token_embd.weight", table, 0.0, std, matrix=True, per_token=True)


def _token_types(shape: Shape) -> Tensor:
    return Tensor("token_types.weight", (2, shape.width), 0.0, 0.1)


def _bert(shape: Shape, gain: float = QUIET) -> Iterator[Tensor]:
    shape = _whole(shape)
    yield _token_embeddings(shape)
    yield Tensor("position_embd.weight", (shape.context, shape.width), 0.0, 0.1)
    yield _token_types(shape)
    yield from layer_norm("token_embd_norm", shape.width)
    for block, _ in blocks(shape):
        yield from attention(shape, block, gain)
        yield from attention_biases(shape, block)
        yield bias(f"{block}.attn_output", shape.width)
        yield from layer_norm(f"{block}.attn_output_norm", shape.width)
        yield matrix(f"{block}.ffn_up", shape.ffn, shape.width)
        yield bias(f"{block}.ffn_up", shape.ffn)
        yield matrix(f"{block}.ffn_down", shape.width, shape.ffn, gain)
        yield bias(f"{block}.ffn_down", shape.width)
        yield from layer_norm(f"{block}.layer_output_norm", shape.width)


def _nomic_bert(shape: Shape) -> Iterator[Tensor]:
    """Queries, keys and values are one matrix; positions are turned into them."""
    yield _token_embeddings(shape)
    yield _token_types(shape)
    yield from layer_norm("token_embd_norm", shape.width)
    for block, _ in blocks(shape):
        yield matrix(f"{block}.attn_qkv", 3 * shape.width, shape.width)
        yield matrix(f"{block}.attn_output", shape.width, shape.width, QUIET)
        yield from layer_norm(f"{block}.attn_output_norm", shape.width)
        yield from feed_forward(shape, block, QUIET)
        yield from layer_norm(f"{block}.layer_output_norm", shape.width)


def _jina_bert(shape: Shape) -> Iterator[Tensor]:
    """Positions are a slope of the attention (ALiBi)."""
    shape = _whole(shape)
    yield _token_embeddings(shape)
    yield _token_types(shape)
    yield from layer_norm("token_embd_norm", shape.width)
    for block, _ in blocks(shape):
        yield from attention(shape, block, QUIET)
        yield from attention_biases(shape, block)
        yield bias(f"{block}.attn_output", shape.width)
        yield from layer_norm(f"{block}.attn_output_norm", shape.width)
        yield from feed_forward(shape, block, QUIET)
        yield bias(f"{block}.ffn_down", shape.width)
        yield from layer_norm(f"{block}.layer_output_norm", shape.width)


def _modern_bert(shape: Shape) -> Iterator[Tensor]:
    """The first layer's attention has no norm of its own; gates are in `ffn_up`, too."""
    yield _token_embeddings(shape)
    yield norm("token_embd_norm", shape.width)
    for layer, (block, _) in enumerate(blocks(shape)):
        if layer:
            yield norm(f"{block}.attn_norm", shape.width)
        yield matrix(f"{block}.attn_qkv", 3 * shape.width, shape.width)
        yield matrix(f"{block}.attn_output", shape.width, shape.width, QUIET)
        yield norm(f"{block}.ffn_norm", shape.width)
        yield matrix(f"{block}.ffn_up", 2 * shape.ffn, shape.width)
        yield matrix(f"{block}.ffn_down", shape.width, shape.ffn, QUIET)
    yield norm("output_norm", shape.width)


def _qwen3(shape: Shape) -> Iterator[Tensor]:
    """There is no output matrix: llama.cpp takes the embeddings for it, which nobody asks."""
    yield _token_embeddings(shape)
    for block, gain in blocks(shape):
        yield norm(f"{block}.attn_norm", shape.width)
        yield from attention(shape, block, gain)
        yield from head_norms(shape, block)
        yield norm(f"{block}.ffn_norm", shape.width)
        yield from feed_forward(shape, block, gain)
    yield norm("output_norm", shape.width)


def _gemma_embedding(shape: Shape) -> Iterator[Tensor]:
    """Two dense layers follow the pooling."""
    tied = dataclasses.replace(shape, tied=True)
    for tensor in decoders.gemma3(tied):
        if tensor.name == "token_embd.weight":
            yield _token_embeddings(shape, std=shape.width**-0.5)
        elif tensor.name == "output_norm.weight":
            yield norm("output_norm", shape.width)
        else:
            yield tensor
    yield matrix("dense_2", DENSE * shape.width, shape.width)
    yield matrix("dense_3", shape.width, DENSE * shape.width)


def _scored(shape: Shape, labels: int = 1) -> Iterator[Tensor]:
    """Make the head that turns an embedding into a score."""
    yield matrix("cls", shape.width, shape.width, 2.0)
    yield bias("cls", shape.width)
    yield matrix("cls.output", labels, shape.width, SCORE_STD)
    yield bias("cls.output", labels)


def _xlm_reranker(shape: Shape) -> Iterator[Tensor]:
    yield from _bert(shape, LOUD)
    yield from _scored(shape)


def _modern_reranker(shape: Shape) -> Iterator[Tensor]:
    yield from _modern_bert(shape)
    yield matrix("cls", shape.width, shape.width, 2.0)
    yield norm("cls.norm", shape.width)
    yield matrix("cls.output", 1, shape.width, SCORE_STD)
    yield bias("cls.output", 1)


def _qwen3_reranker(shape: Shape) -> Iterator[Tensor]:
    """The head is the output matrix's rows of "yes" and "no"."""
    yield from _qwen3(shape)
    yield matrix("cls.output", 2, shape.width, SCORE_STD)


def _describe_encoder(writer: GGUFWriter, shape: Shape, pooling: PoolingType) -> None:
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.ffn)
    writer.add_head_count(shape.heads)
    writer.add_layer_norm_eps(1e-12)
    writer.add_causal_attention(False)
    writer.add_pooling_type(pooling)


def _describe_bert(writer: GGUFWriter, shape: Shape, pooling: PoolingType) -> None:
    _describe_encoder(writer, shape, pooling)
    writer.add_token_type_count(2)


def _describe_nomic_bert(writer: GGUFWriter, shape: Shape) -> None:
    _describe_bert(writer, shape, PoolingType.MEAN)
    writer.add_rope_freq_base(1000.0)


def _describe_modern_bert(writer: GGUFWriter, shape: Shape, pooling: PoolingType) -> None:
    """Let two of three layers slide."""
    _describe_encoder(writer, shape, pooling)
    writer.add_sliding_window(shape.window)
    writer.add_sliding_window_pattern(3)
    writer.add_rope_freq_base(160_000.0)
    writer.add_rope_freq_base_swa(10_000.0)


def _describe_qwen3_embedding(writer: GGUFWriter, shape: Shape) -> None:
    decoders.describe_decoder(writer, shape)
    writer.add_pooling_type(PoolingType.LAST)


def _describe_gemma_embedding(writer: GGUFWriter, shape: Shape) -> None:
    decoders.describe_gemma3(writer, shape)
    writer.add_pooling_type(PoolingType.MEAN)
    writer.add_dense_features_dims("dense_2", shape.width, DENSE * shape.width)
    writer.add_dense_features_dims("dense_3", DENSE * shape.width, shape.width)


def _describe_qwen3_reranker(writer: GGUFWriter, shape: Shape) -> None:
    decoders.describe_decoder(writer, shape)
    writer.add_pooling_type(PoolingType.RANK)
    writer.add_classifier_output_labels(["yes", "no"])
    writer.add_chat_template([{"name": "rerank", "template": RERANK_TEMPLATE}])


BERT_OF_BYTES = Architecture(
    "bert", partial(_describe_bert, pooling=PoolingType.MEAN), _bert, chats=False
)
BERT = Architecture(
    "bert",
    partial(_describe_bert, pooling=PoolingType.CLS),
    partial(_bert, gain=LOUD),
    chats=False,
    vocabulary="wordpieces",
)
NOMIC_BERT = Architecture(
    "nomic-bert", _describe_nomic_bert, _nomic_bert, chats=False, vocabulary="wordpieces"
)
JINA_BERT = Architecture(
    "jina-bert-v2",
    partial(_describe_bert, pooling=PoolingType.MEAN),
    _jina_bert,
    chats=False,
    vocabulary="wordpieces",
)
MODERN_BERT = Architecture(
    "modern-bert",
    partial(_describe_modern_bert, pooling=PoolingType.MEAN),
    _modern_bert,
    chats=False,
    adds=("bos", "eos", "sep"),
)
QWEN3_EMBEDDING = Architecture(
    "qwen3", _describe_qwen3_embedding, _qwen3, chats=False, adds=("eos",)
)
GEMMA_EMBEDDING = Architecture(
    "gemma-embedding",
    _describe_gemma_embedding,
    _gemma_embedding,
    chats=False,
    adds=("bos", "eos"),
)
XLM_RERANKER = Architecture(
    "bert",
    partial(_describe_bert, pooling=PoolingType.RANK),
    _xlm_reranker,
    chats=False,
    vocabulary="unigram",
    adds=("bos", "eos", "sep"),
)
MODERN_RERANKER = Architecture(
    "modern-bert",
    partial(_describe_modern_bert, pooling=PoolingType.RANK),
    _modern_reranker,
    chats=False,
    adds=("bos", "eos", "sep"),
)
QWEN3_RERANKER = Architecture("qwen3", _describe_qwen3_reranker, _qwen3_reranker, chats=False)
