"""What a projector takes beside a model, by its header: libmtmd has no C function that says it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from colonnade.worker.llama.errors import ModelError
from colonnade.worker.llama.gguf import Gguf, read_gguf
from colonnade.worker.llama.header import HeaderError

if TYPE_CHECKING:
    from pathlib import Path

_FLOAT = 4
_BESIDE, _ATTENDING = 3, 5
"""How many times an encoder's width is there beside its feed-forward, and while it attends, as
measured on five types with flash attention."""

_OF_ANY_SIZE = 92 * 92
"""Patches of a picture that an encoder for pictures of any size reserves memory for
(``clip_hparams::set_warmup_n_tokens``)."""

_OF_SOUNDS = 1500
"""Positions of 30 seconds of sound."""

_MERGES = "clip.vision.spatial_merge_size"
_ANY_SIZE = ("qwen", "pixtral", "kimivl", "lightonocr", "glm4v", "youtuvl")
"""How the types begin that take pictures of any size."""


def projector_size(path: Path) -> tuple[int, int]:
    """Bytes of a projector's weights, and of what it computes with.

    Raises:
        ModelError: it is no GGUF file, or is damaged.
    """
    try:
        head = read_gguf(path)
        weights = path.stat().st_size
    except (HeaderError, OSError) as error:
        raise ModelError(str(error)) from error
    return weights, max(_seeing(head), _hearing(head))


def _seeing(head: Gguf) -> int:
    side, patch = _number(head, "vision.image_size"), _number(head, "vision.patch_size")
    if not side or not patch:
        return 0
    patches = (side // patch) ** 2
    kinds = (head.values.get(f"clip.{key}") for key in ("projector_type", "vision.projector_type"))
    if _MERGES in head.values or any(str(kind).startswith(_ANY_SIZE) for kind in kinds):
        patches = max(patches, _OF_ANY_SIZE)
    return _FLOAT * patches * _width(head, "vision")


def _hearing(head: Gguf) -> int:
    return _FLOAT * _OF_SOUNDS * _width(head, "audio")


def _width(head: Gguf, what: str) -> int:
    """Numbers that are there at once for each position of an encoder."""
    parts = "feed_forward_length", "embedding_length"
    ffn, width = (_number(head, f"{what}.{part}") for part in parts)
    return max(ffn + _BESIDE * width, _ATTENDING * width)


def _number(head: Gguf, name: str) -> int:
    value = head.values.get(f"clip.{name}")
    return value if isinstance(value, int) and 0 < value < 1 << 20 else 0
