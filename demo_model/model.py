"""The network: a small llama. Its tensors go into a GGUF file as they are."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

# On a CPU the fused kernel's backward pass is slower than plain products below this length.
SHORT = 320


@dataclass(frozen=True, slots=True)
class Shape:
    """The hyperparameters that llama.cpp reads too."""

    vocab: int = 4096
    dim: int = 256
    layers: int = 6
    heads: int = 8
    kv_heads: int = 4
    hidden: int = 768
    context: int = 2048
    rope_base: float = 10_000.0
    norm_eps: float = 1e-5

    @property
    def head_dim(self) -> int:
        """The size of one head."""
        return self.dim // self.heads


def rope_table(shape: Shape) -> Tensor:
    """Cosines and sines as float32 [2, context, head_dim / 2]."""
    half = shape.head_dim // 2
    frequency = shape.rope_base ** (-torch.arange(half, dtype=torch.float32) / half)
    angle = torch.arange(shape.context, dtype=torch.float32)[:, None] * frequency
    return torch.stack((angle.cos(), angle.sin()))


def rotate(x: Tensor, table: Tensor) -> Tensor:
    """Rotates neighbouring pairs of x [batch, heads, time, head_dim].

    llama.cpp's order for the architecture "llama": no permutation is needed at the export.
    """
    cos, sin = table[:, : x.shape[2]].to(x.dtype)
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), dim=-1).flatten(-2)


def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Causal attention over [batch, heads, time, head_dim]."""
    time = q.shape[2]
    if time > SHORT:
        fused: Tensor = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return fused
    scores = (q * q.shape[3] ** -0.5) @ k.transpose(-1, -2)
    mask = torch.full((time, time), float("-inf"), dtype=scores.dtype).triu(1)
    # Autocast would compute this softmax in float32, at twice the memory traffic.
    with torch.autocast("cpu", enabled=False):
        mixed: Tensor = (scores + mask).softmax(dim=-1) @ v
        return mixed


class Attention(nn.Module):
    """Causal self-attention, two query heads to a key head."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        kv = shape.kv_heads * shape.head_dim
        self.q = nn.Linear(shape.dim, shape.dim, bias=False)
        self.k = nn.Linear(shape.dim, kv, bias=False)
        self.v = nn.Linear(shape.dim, kv, bias=False)
        self.out = nn.Linear(shape.dim, shape.dim, bias=False)

    def forward(self, x: Tensor, table: Tensor) -> Tensor:
        """X and the result: [batch, time, dim]."""
        batch, time, _ = x.shape
        s = self.shape
        q = self.q(x).view(batch, time, s.heads, s.head_dim).transpose(1, 2)
        k = self.k(x).view(batch, time, s.kv_heads, s.head_dim).transpose(1, 2)
        v = self.v(x).view(batch, time, s.kv_heads, s.head_dim).transpose(1, 2)
        repeat = s.heads // s.kv_heads
        k = rotate(k, table).repeat_interleave(repeat, dim=1)
        y = attend(rotate(q, table), k, v.repeat_interleave(repeat, dim=1))
        mixed: Tensor = self.out(y.transpose(1, 2).reshape(batch, time, s.dim))
        return mixed


class Block(nn.Module):
    """Attention and a gated feed-forward layer, each on a normed residual."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.attn_norm = nn.RMSNorm(shape.dim, eps=shape.norm_eps)
        self.attn = Attention(shape)
        self.ffn_norm = nn.RMSNorm(shape.dim, eps=shape.norm_eps)
        self.gate = nn.Linear(shape.dim, shape.hidden, bias=False)
        self.up = nn.Linear(shape.dim, shape.hidden, bias=False)
        self.down = nn.Linear(shape.hidden, shape.dim, bias=False)

    def forward(self, x: Tensor, table: Tensor) -> Tensor:
        """X and the result: [batch, time, dim]."""
        x = x + self.attn(self.attn_norm(x), table)
        h = self.ffn_norm(x)
        fed: Tensor = x + self.down(functional.silu(self.gate(h)) * self.up(h))
        return fed


class Model(nn.Module):
    """Token ids [batch, time] to hidden states [batch, time, dim]; `logits` are a product away."""

    rope: Tensor

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.embed = nn.Embedding(shape.vocab, shape.dim)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.norm = nn.RMSNorm(shape.dim, eps=shape.norm_eps)
        self.register_buffer("rope", rope_table(shape), persistent=False)
        self._initialise()

    def _initialise(self) -> None:
        nn.init.normal_(self.embed.weight, std=0.02)
        deep = (2 * self.shape.layers) ** -0.5
        for name, parameter in self.blocks.named_parameters():
            if parameter.ndim == 2:
                narrow = name.endswith(("attn.out.weight", "down.weight"))
                nn.init.normal_(parameter, std=0.04 * (deep if narrow else 1.0))

    def forward(self, ids: Tensor) -> Tensor:
        """Ids [batch, time] to states [batch, time, dim]."""
        x = self.embed(ids)
        for block in self.blocks:
            x = block(x, self.rope)
        normed: Tensor = self.norm(x)
        return normed

    def logits(self, hidden: Tensor) -> Tensor:
        """Scores over the vocabulary; the embedding is the output matrix too."""
        return functional.linear(hidden, self.embed.weight)
