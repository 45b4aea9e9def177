"""Which of a place's files make up the wanted model. Pure: names in, names out."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from colonnade.hub.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Protocol

    class Reference(Protocol):
        """A model as the user names it: where it is, and which of the models there."""

        @property
        def place(self) -> str:
            """The text before the file: ``hf:OWNER/REPO`` or ``pkg:PACKAGE``."""

        @property
        def wanted(self) -> str | None:
            """A file or a quantization."""


_PREFERRED = ("Q4_K_M", "Q8_0")
_SHARD = re.compile(r"-(\d{5})-of-(\d{5})$")
_QUANT = re.compile(
    r"(?:^|(?<=[-._]))((?:UD-)?(?:I?Q|TQ)\d(?:_[A-Z0-9]+)*|MXFP4(?:_MOE)?|BF16|F16|F32)(?=$|[-._])",
    re.IGNORECASE,
)
# Parts of a model that no answer can come from: image projectors, calibration data.
_PART = re.compile(r"mmproj|imatrix", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Variant:
    """One model of a repository: a GGUF file, or all parts of one that was split."""

    name: str
    """The file's path without the numbers of its parts."""
    files: tuple[str, ...]
    quant: str
    """Its quantization as the name tells it; empty if it does not."""


def choose_files(
    names: Iterable[str], model: Reference, preferred: Sequence[str] = _PREFERRED
) -> tuple[str, ...]:
    """Find the files of the wanted model; the first is the one to load.

    Where none is wanted, ``preferred`` has the quantizations that go before others.

    Raises:
        ModelError: there is no such model, or more than one; the message lists the choices.
    """
    variants = _variants(names)
    if not variants:
        msg = f"{model.place} has no GGUF file"
        raise ModelError(msg)
    if model.wanted is None:
        found = _default(variants, preferred)
    elif model.wanted.lower().endswith(".gguf"):
        found = [v for v in variants if _is_file(v, model.wanted)]
    else:
        found = _of_quant(variants, model.wanted)
    if len(found) == 1:
        return found[0].files
    if found:
        msg = f"{model} may mean several models; take one of {_labels(model, found)}"
    else:
        msg = f"{model.place} has no {model.wanted}; it has {_labels(model, variants)}"
    raise ModelError(msg)


def all_models(names: Iterable[str]) -> list[tuple[str, tuple[str, ...]]]:
    """List the models among these files: what to write for each as its file, its files."""
    variants = _variants(names)
    return [(_label(v, variants), v.files) for v in variants]


def model_stem(name: str) -> str:
    """Take directory, ending and part number off a file name."""
    return _SHARD.sub("", PurePosixPath(name).stem)


def _variants(names: Iterable[str]) -> list[Variant]:
    parts: dict[str, list[str]] = defaultdict(list)
    counts: dict[str, int] = {}
    for name in names:
        path = PurePosixPath(name)
        if path.suffix.lower() != ".gguf" or _PART.search(path.name):
            continue
        shard = _SHARD.search(path.stem)
        whole = str(path.with_name(model_stem(name) + path.suffix))
        parts[whole].append(name)
        counts[whole] = int(shard[2]) if shard else 1
    return [
        Variant(whole, tuple(sorted(files)), _quant(whole))
        for whole, files in sorted(parts.items())
        # A model with a part missing is still being uploaded, or is not all in the cache.
        if len(files) == counts[whole]
    ]


def _quant(name: str) -> str:
    found = _QUANT.findall(model_stem(name))
    return str(found[-1]).upper() if found else ""


def _default(variants: Sequence[Variant], preferred: Sequence[str]) -> Sequence[Variant]:
    for quant in preferred:
        if found := [v for v in variants if v.quant == quant]:
            return found
    return variants


def _is_file(variant: Variant, wanted: str) -> bool:
    """Whether a path, or a bare file name, means this model or a part of it."""
    names = (variant.name, *variant.files)
    return wanted in names or wanted in {PurePosixPath(name).name for name in names}


def _of_quant(variants: Sequence[Variant], wanted: str) -> Sequence[Variant]:
    """Models of that quantization; else those with the text at the end of their name."""
    wanted = wanted.upper()
    exact = [v for v in variants if v.quant == wanted]
    return exact or [v for v in variants if model_stem(v.name).upper().endswith(wanted)]


def _label(variant: Variant, others: Sequence[Variant]) -> str:
    """The shortest text that means this one: its quantization, or else its name."""
    same = [other for other in others if other.quant == variant.quant]
    return variant.quant if variant.quant and len(same) == 1 else variant.name


def _labels(model: Reference, variants: Sequence[Variant]) -> str:
    return ", ".join(f"{model.place}:{_label(variant, variants)}" for variant in variants)
