"""What each kind of model is made of: its metadata and its tensors.

Names of tensors and of metadata keys are llama.cpp's (src/llama-arch.cpp); which tensors a model
needs, and their shapes, are in src/models/<architecture>.cpp there.
"""

from __future__ import annotations

from typing import Literal

from benchmarks import decoders, encoders
from benchmarks.tensors import Architecture, Tensor

__all__ = ["ARCHITECTURES", "Architecture", "Kind", "Tensor"]

Kind = Literal[
    "llama",
    "qwen2",
    "qwen2vl",
    "sliding",
    "hybrid",
    "recurrent",
    "experts",
    "embedding",
    "bert",
    "nomic-bert",
    "jina-bert",
    "modern-bert",
    "qwen3-embedding",
    "gemma-embedding",
    "reranker",
    "modern-reranker",
    "qwen3-reranker",
]

ARCHITECTURES: dict[Kind, Architecture] = {
    "llama": Architecture("llama", decoders.describe_decoder, decoders.llama),
    "qwen2": Architecture("qwen2", decoders.describe_decoder, decoders.qwen2),
    "qwen2vl": Architecture("qwen2vl", decoders.describe_qwen2vl, decoders.qwen2),
    "sliding": Architecture("gemma3", decoders.describe_gemma3, decoders.gemma3),
    "hybrid": Architecture("lfm2", decoders.describe_lfm2, decoders.lfm2),
    "recurrent": Architecture("mamba", decoders.describe_mamba, decoders.mamba),
    "experts": Architecture("llama", decoders.describe_experts, decoders.experts),
    "embedding": encoders.BERT_OF_BYTES,
    "bert": encoders.BERT,
    "nomic-bert": encoders.NOMIC_BERT,
    "jina-bert": encoders.JINA_BERT,
    "modern-bert": encoders.MODERN_BERT,
    "qwen3-embedding": encoders.QWEN3_EMBEDDING,
    "gemma-embedding": encoders.GEMMA_EMBEDDING,
    "reranker": encoders.XLM_RERANKER,
    "modern-reranker": encoders.MODERN_RERANKER,
    "qwen3-reranker": encoders.QWEN3_RERANKER,
}
"""`embedding` gives means and has a vocabulary of bytes; `bert` gives its first token's, and has
one of word pieces. Those that end in -reranker give scores of pairs of texts."""
