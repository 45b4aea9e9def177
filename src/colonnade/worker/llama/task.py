"""What a model file is made for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from colonnade.worker.llama.file_facts import ENCODERS
from colonnade.worker.llama.header import HeaderError, read_numbers
from colonnade.worker.llama.pooling import POOLINGS

if TYPE_CHECKING:
    from colonnade.messages import LoadModel


def with_task(load: LoadModel) -> LoadModel:
    """The load with its task chosen, where that is left to the file: one that says how its
    embeddings are pooled, or whose attention looks ahead, is made for embeddings."""
    if load.task != "auto":
        return load
    task = "embed" if _embeds(Path(load.path)) else "generate"
    return msgspec.structs.replace(load, task=task)


def _embeds(path: Path) -> bool:
    try:
        numbers = read_numbers(path)
    except (HeaderError, OSError):
        return False  # opening it will tell
    for name, value in numbers.items():
        architecture, _, key = name.partition(".")
        if architecture in ENCODERS:
            return True
        if key == "pooling_type" and value in POOLINGS.values():
            return True
        if key == "attention.causal" and not value:
            return True
    return False
