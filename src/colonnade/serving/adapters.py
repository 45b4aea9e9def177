"""Adapters as settings declare them: ``[NAME=]FILE[:SCALE]``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from colonnade.generation import LARGEST_SCALE, Adapter
from colonnade.hub import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterable

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
"""What may stand behind the colon of a model's name."""

_NAMED = re.compile(rf"({_NAME.pattern})=(.+)")
_SCALE = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?")


def declared_adapters(texts: Iterable[str]) -> tuple[Adapter, ...]:
    """The adapters of a model, in their order. Without a scale one is not applied unless a request
    chooses it; without a name it is called as its file, without the ending.

    Raises:
        ModelError: a text is none of that form, or two have one name.
    """
    found: dict[str, Adapter] = {}
    for text in texts:
        adapter = _adapter(text)
        if adapter.name in found:
            msg = f"lora: two adapters are named {adapter.name!r}; say NAME=FILE"
            raise ModelError(msg)
        found[adapter.name] = adapter
    return tuple(found.values())


def _adapter(text: str) -> Adapter:
    named = _NAMED.fullmatch(text)
    rest = text if named is None else named[2]
    path, scale = rest, 0.0
    before, _, last = rest.rpartition(":")
    if before and _SCALE.fullmatch(last):
        path, scale = before, float(last)
    if abs(scale) > LARGEST_SCALE:
        msg = f"lora: the scale in {text!r} is beyond {LARGEST_SCALE:g}"
        raise ModelError(msg)
    name = Path(path).stem if named is None else named[1]
    if not _NAME.fullmatch(name):
        msg = (
            f"lora: {name!r} cannot be an adapter's name, which has letters, digits, '.', '_' and "
            "'-' and begins with a letter or a digit; say NAME=FILE"
        )
        raise ModelError(msg)
    return Adapter(name, path, scale)
