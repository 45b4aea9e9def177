"""Projector files (`mmproj`) with random weights, for the tests and the benchmarks.

    python -m benchmarks.random_projector OUT.gguf --kind llava --width 128

A projector makes of a picture or a sound what a model of the same width reads in place of tokens.
These say nothing meaningful of either, but another picture gives another answer. Names of tensors
and of metadata keys are those of llama.cpp's tools/mtmd/clip-impl.h; which tensors a kind needs is
in clip.cpp there, and what is done with them in its models.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from gguf import GGUFWriter

from benchmarks.random_gguf import write_tensors
from benchmarks.tensors import Tensor, layer_norm, matrix

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Kind = Literal["llava", "gemma3", "qwen2vl", "ultravox", "omni"]
"""`llava` and `ultravox` are the simplest for pictures and for sounds, `omni` is both in one file.
All tokens of a picture of `gemma3` see each other; those of `qwen2vl` are placed in rows."""

MEL_BINS = 80
SOUND_POSITIONS = 1500
"""Pairs of frames in 30 seconds, which every sound is filled up to."""
STACKED = 16
"""Frames that make up two tokens of a sound."""


@dataclass(frozen=True)
class Encoder:
    """Dimensions of what looks at a picture, or listens."""

    layers: int = 2
    width: int = 64
    heads: int = 4
    ffn: int = 96
    image: int = 64
    """Pixels to a side, where each picture is brought to one size."""
    patch: int = 8

    @property
    def patches(self) -> int:
        """Of a picture of that size."""
        return (self.image // self.patch) ** 2


SLOW = Encoder(layers=24, width=1024, heads=16, ffn=4096, image=384, patch=16)
"""As large as what sees for models of some thousand million weights."""


def write_random_projector(
    path: Path | str,
    *,
    kind: Kind = "llava",
    width: int = 128,
    encoder: Encoder | None = None,
    seed: int = 0,
) -> Path:
    """Write a projector for a model whose embeddings have `width` numbers, and return its path."""
    encoder = encoder or Encoder()
    writer = GGUFWriter(path, "clip")
    writer.add_name(f"Random {kind} projector")
    tensors: list[Tensor] = []
    if kind != "ultravox":
        seen = "llava" if kind == "omni" else kind
        _describe_sight(writer, seen, encoder, width)
        tensors += _KINDS[seen](encoder, width)
    if kind in ("ultravox", "omni"):
        _describe_hearing(writer, encoder, width)
        tensors += _ultravox(encoder, width)
    write_tensors(writer, tensors, "f16", seed)
    writer.close()
    return Path(path)


def _describe_sight(writer: GGUFWriter, kind: str, encoder: Encoder, width: int) -> None:
    names = {"llava": "mlp", "gemma3": "gemma3", "qwen2vl": "qwen2vl_merger"}
    writer.add_clip_has_vision_encoder(True)
    writer.add_clip_vision_projector_type(names[kind])
    writer.add_vision_image_size(encoder.image)
    writer.add_vision_patch_size(encoder.patch)
    writer.add_vision_embedding_length(encoder.width)
    writer.add_vision_feed_forward_length(encoder.ffn)
    writer.add_vision_block_count(encoder.layers)
    writer.add_vision_head_count(encoder.heads)
    writer.add_vision_projection_dim(width)
    writer.add_vision_attention_layernorm_eps(1e-6)
    writer.add_vision_image_mean([0.5, 0.5, 0.5])
    writer.add_vision_image_std([0.5, 0.5, 0.5])
    writer.add_vision_use_gelu(True)
    if kind == "gemma3":
        writer.add_vision_projector_scale_factor(2)


def _describe_hearing(writer: GGUFWriter, encoder: Encoder, width: int) -> None:
    writer.add_clip_has_audio_encoder(True)
    writer.add_clip_audio_projector_type("ultravox")
    writer.add_audio_embedding_length(encoder.width)
    writer.add_audio_feed_forward_length(encoder.ffn)
    writer.add_audio_block_count(encoder.layers)
    writer.add_audio_head_count(encoder.heads)
    writer.add_audio_projection_dim(width)
    writer.add_audio_attention_layernorm_eps(1e-5)
    writer.add_audio_num_mel_bins(MEL_BINS)
    writer.add_audio_stack_factor(STACKED)


def _linear(name: str, outputs: int, inputs: int, gain: float = 1.0) -> Iterator[Tensor]:
    yield matrix(name, outputs, inputs, gain)
    yield Tensor(f"{name}.bias", (outputs,), 0.0, 0.1)


def _layers(prefix: str, encoder: Encoder) -> Iterator[Tensor]:
    width, ffn = encoder.width, encoder.ffn
    for layer in range(encoder.layers):
        block = f"{prefix}.blk.{layer}"
        yield from layer_norm(f"{block}.ln1", width)
        yield from _linear(f"{block}.attn_q", width, width, 1.5)
        if prefix == "a":  # whose keys have no bias
            yield matrix(f"{block}.attn_k", width, width, 1.5)
        else:
            yield from _linear(f"{block}.attn_k", width, width, 1.5)
        yield from _linear(f"{block}.attn_v", width, width)
        yield from _linear(f"{block}.attn_out", width, width)
        yield from layer_norm(f"{block}.ln2", width)
        yield from _linear(f"{block}.ffn_up", ffn, width)
        yield from _linear(f"{block}.ffn_down", width, ffn)
    yield from layer_norm(f"{prefix}.post_ln", width)


def _patches(encoder: Encoder, name: str = "v.patch_embd.weight") -> Tensor:
    inputs = 3 * encoder.patch**2
    shape = (encoder.width, 3, encoder.patch, encoder.patch)
    return Tensor(name, shape, 0.0, 2 / sqrt(inputs), matrix=True)


def _placed_patches(encoder: Encoder) -> Iterator[Tensor]:
    yield _patches(encoder)
    yield Tensor("v.patch_embd.bias", (encoder.width,), 0.0, 0.1)
    yield Tensor("v.position_embd.weight", (encoder.patches, encoder.width), 0.0, 0.5)


def _llava(encoder: Encoder, width: int) -> Iterator[Tensor]:
    yield from _placed_patches(encoder)
    yield from _layers("v", encoder)
    yield from _linear("mm.0", width, encoder.width, 2.0)
    yield from _linear("mm.2", width, width)


def _gemma3(encoder: Encoder, width: int) -> Iterator[Tensor]:
    yield from _placed_patches(encoder)
    yield from _layers("v", encoder)
    projection = (encoder.width, width)  # inputs first, unlike all others
    std = 1 / sqrt(encoder.width)
    yield Tensor("mm.input_projection.weight", projection, 0.0, std)
    yield Tensor("mm.soft_emb_norm.weight", (encoder.width,), 1.0, 0.1)


def _qwen2vl(encoder: Encoder, width: int) -> Iterator[Tensor]:
    """Patches are of two frames, and four of them make a token."""
    yield _patches(encoder)
    yield _patches(encoder, "v.patch_embd.weight.1")
    yield from _layers("v", encoder)
    yield from _linear("mm.0", 4 * encoder.width, 4 * encoder.width, 2.0)
    yield from _linear("mm.2", width, 4 * encoder.width)


def _ultravox(encoder: Encoder, width: int) -> Iterator[Tensor]:
    stacked = STACKED * encoder.width
    for number, inputs in ((1, MEL_BINS), (2, encoder.width)):
        shape = (encoder.width, inputs, 3)
        std = 1 / sqrt(3 * inputs)
        yield Tensor(f"a.conv1d.{number}.weight", shape, 0.0, std, matrix=True)
        yield Tensor(f"a.conv1d.{number}.bias", (encoder.width, 1), 0.0, 0.1)
    yield Tensor("a.position_embd.weight", (SOUND_POSITIONS, encoder.width), 0.0, 0.1)
    yield from _layers("a", encoder)
    yield Tensor("mm.a.norm_pre.weight", (stacked,), 1.0, 0.1)
    yield matrix("mm.a.mlp.1", 2 * width, stacked)
    yield Tensor("mm.a.norm_mid.weight", (width,), 1.0, 0.1)
    yield matrix("mm.a.mlp.2", width, width)


_KINDS = {"llava": _llava, "gemma3": _gemma3, "qwen2vl": _qwen2vl}


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the projector that the command line asks for."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.random_projector",
        description="Write a projector with random weights.",
    )
    parser.add_argument("path", type=Path, metavar="OUT.gguf")
    parser.add_argument("--kind", choices=get_args(Kind), default="llava")
    parser.add_argument("--width", type=int, default=128, help="of the model's embeddings")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--slow", action="store_const", const=SLOW, dest="encoder")
    path = write_random_projector(**vars(parser.parse_args(arguments)))
    print(f"{path}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
