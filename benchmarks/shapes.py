"""Dimensions of the models, by size."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Literal

Size = Literal["tiny", "40m", "0.5b", "8b"]


@dataclass(frozen=True)
class Shape:
    """Dimensions of a model; `width`, `ffn` and the product of heads are multiples of 32."""

    layers: int
    width: int
    heads: int
    kv_heads: int
    ffn: int
    vocab: int
    context: int
    window: int
    """Tokens that the sliding layers of the sliding kind see."""
    tied: bool
    """Whether the output matrix is the token embedding."""

    @property
    def head(self) -> int:
        """Width of one attention head."""
        return self.width // self.heads

    def replaced(
        self, *, vocab: int | None = None, context: int | None = None, tied: bool = False
    ) -> Shape:
        """Copy the shape with another vocabulary or context, where one is given, or with the output
        matrix tied to the embedding."""
        return dataclasses.replace(
            self,
            vocab=self.vocab if vocab is None else vocab,
            context=self.context if context is None else context,
            tied=self.tied or tied,
        )


SHAPES: dict[Size, Shape] = {
    "tiny": Shape(
        layers=4,
        width=128,
        heads=4,
        kv_heads=2,
        ffn=256,
        vocab=4096,
        context=2048,
        window=32,
        tied=False,
    ),
    "40m": Shape(
        layers=8,
        width=512,
        heads=8,
        kv_heads=4,
        ffn=1408,
        vocab=16384,
        context=4096,
        window=128,
        tied=False,
    ),
    "0.5b": Shape(
        layers=24,
        width=896,
        heads=14,
        kv_heads=2,
        ffn=4864,
        vocab=151936,
        context=32768,
        window=512,
        tied=True,
    ),
    "8b": Shape(
        layers=32,
        width=4096,
        heads=32,
        kv_heads=8,
        ffn=14336,
        vocab=128256,
        context=131072,
        window=4096,
        tied=False,
    ),
}
"""`0.5b` has the dimensions of Qwen2.5-0.5B, `8b` those of Llama 3.1 8B."""
