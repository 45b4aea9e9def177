"""LoRA adapters with random weights for a GGUF file, for the tests and the benchmarks.

    python -m benchmarks.random_lora MODEL.gguf OUT.gguf --seed 1

They say nothing meaningful, but change what a model says: each has a pair of matrices for some of
the weights of each layer. The same arguments give the same bytes.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from gguf import GGUFReader, GGUFWriter

if TYPE_CHECKING:
    from collections.abc import Sequence

WEIGHTS = ("attn_q", "attn_v", "ffn_down")
"""Those that are adapted, of each layer: what all kinds of layers with attention have."""


def write_random_lora(
    model: Path | str,
    path: Path | str,
    *,
    seed: int = 0,
    rank: int = 8,
    size: float = 0.1,
    weights: Sequence[str] = WEIGHTS,
    kind: Literal["f32", "f16"] = "f32",
    invocation: Sequence[int] = (),
) -> Path:
    """Write an adapter of `rank` for `model` to `path` and return it.

    `size` is the standard deviation of both matrices' numbers. With `invocation` it says that it is
    activated by these tokens (aLoRA).
    """
    reader = GGUFReader(model)
    architecture = reader.fields["general.architecture"].contents()
    writer = GGUFWriter(path, architecture)
    writer.add_string("general.type", "adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", float(rank))
    if invocation:
        tokens = np.array(invocation, dtype=np.uint32)
        writer.add_array("adapter.alora.invocation_tokens", tokens.tolist())
    random = np.random.default_rng(seed)
    number = np.float16 if kind == "f16" else np.float32
    for tensor in reader.tensors:
        if tensor.name.endswith(tuple(f".{name}.weight" for name in weights)):
            inputs, outputs = (int(each) for each in tensor.shape[:2])
            for side, shape in (("a", (rank, inputs)), ("b", (outputs, rank))):
                values = (random.standard_normal(shape) * size).astype(number)
                writer.add_tensor(f"{tensor.name}.lora_{side}", values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return Path(path)


def main() -> None:
    """Write a file as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rank", type=int, default=8)
    parser.add_argument("--size", type=float, default=0.1)
    given = parser.parse_args()
    write_random_lora(given.model, given.out, seed=given.seed, rank=given.rank, size=given.size)


if __name__ == "__main__":
    main()
