"""Which of a place's files make up the wanted model. Pure: names in, names out."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from colonnade.hub.errors import ManyModelsError, ModelError

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


_MOST_NAMED = 12
"""Choices that an error lists."""
_MOST_COMPARED = 1_000
_PREFERRED = ("Q4_K_M", "Q8_0")
_SHARD = re.compile(r"-(\d{5})-of-(\d{5})$")
_QUANT = re.compile(
    r"(?:^|(?<=[-._]))((?:UD-)?(?:I?Q|TQ)\d(?:_[A-Z0-9]+)*|MXFP4(?:_MOE)?|BF16|F16|F32)(?=$|[-._])",
    re.IGNORECASE,
)
# Parts of a model that no answer can come from: image projectors, calibration data.
_PROJECTOR = re.compile(r"mmproj", re.IGNORECASE)
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
        ManyModelsError: there are several; the message lists the choices.
        ModelError: there is no such model; the message lists what there is.
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
        found = _ofquantization(variants, model.wanted)
    if len(found) == 1:
        return found[0].files
    if found:
        msg = f"{model} may mean several models; take one of {_choices(model, variants, found)}"
        raise ManyModelsError(msg)
    msg = f"{model.place} has no {model.wanted}; it has {_nearest(model, variants)}"
    raise ModelError(msg)


def default_label(names: Iterable[str], preferred: Sequence[str] = _PREFERRED) -> str | None:
    """The model that is taken where none is wanted, as ``all_models`` calls it; None if it is not
    clear which."""
    variants = _variants(names)
    found = _default(variants, preferred)
    labels = _labels(variants)
    return labels[variants.index(found[0])] if len(found) == 1 else None


def choose_projector(names: Iterable[str], model_file: str) -> str | None:
    """The file beside a model with which it sees or hears; None where there is none.

    As llama.cpp takes it: the one that lies the nearest above the model, and of these the one whose
    quantization is the nearest to the model's.
    """
    place, bits = PurePosixPath(model_file).parent, _bits(model_file)
    found = [name for name in names if is_projector(name)]
    near = [n for n in found if place.is_relative_to(PurePosixPath(n).parent)]
    return min(
        near,
        key=lambda n: (-len(PurePosixPath(n).parts), abs(_bits(n) - bits), n),
        default=None,
    )


def own_projectors(names: Iterable[str], model_file: str) -> list[str]:
    """The projectors in a directory that may be of a model there: all, if what lies there is one
    model in several quantizations, and else those that are called after it."""
    names = list(names)
    found = [name for name in names if is_projector(name)]
    own = _family(model_file)
    if not found or {_family(each.name) for each in _variants(names)} <= {own}:
        return found
    return [name for name in found if _family(name) == own]


def _family(name: str) -> str:
    """A file's name without its quantization, and what says that it is a projector."""
    stem = _PROJECTOR.sub("", model_stem(name))
    stem = _QUANT.sub("", stem)
    return "-".join(re.findall(r"[a-z0-9]+", stem.lower()))


def all_models(names: Iterable[str]) -> list[tuple[str, tuple[str, ...]]]:
    """List the models among these files: what to write for each as its file, its files."""
    variants = _variants(names)
    return [(label, v.files) for label, v in zip(_labels(variants), variants, strict=True)]


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
        Variant(whole, tuple(sorted(files)), quantization(whole))
        for whole, files in sorted(parts.items())
        # A model with a part missing is still being uploaded, or is not all in the cache.
        if len(files) == counts[whole]
    ]


def quantization(name: str) -> str:
    """A file's quantization as its name tells it; empty where it does not."""
    found = _QUANT.findall(model_stem(name))
    return str(found[-1]).upper() if found else ""


def _bits(name: str) -> int:
    """How many bits a weight has, as the quantization's name tells it; 0 if it does not."""
    digits = re.search(r"\d+", quantization(name))
    return int(digits[0]) if digits else 0


def is_projector(name: str) -> bool:
    """Whether a file is what lets a model see or hear."""
    path = PurePosixPath(name)
    return path.suffix.lower() == ".gguf" and bool(_PROJECTOR.search(path.name))


def _default(variants: Sequence[Variant], preferred: Sequence[str]) -> Sequence[Variant]:
    for quant in preferred:
        if found := [v for v in variants if v.quant == quant]:
            return found
    return variants


def _is_file(variant: Variant, wanted: str) -> bool:
    """Whether a path, or a bare file name, means this model or a part of it."""
    names = (variant.name, *variant.files)
    return wanted in names or wanted in {PurePosixPath(name).name for name in names}


def _ofquantization(variants: Sequence[Variant], wanted: str) -> Sequence[Variant]:
    """Models of that quantization; else those with the text at the end of their name."""
    wanted = wanted.upper()
    exact = [v for v in variants if v.quant == wanted]
    return exact or [v for v in variants if model_stem(v.name).upper().endswith(wanted)]


def _labels(variants: Sequence[Variant]) -> list[str]:
    """The shortest text that means each of them: its quantization, or else its name."""
    counts = Counter(variant.quant for variant in variants)
    return [v.quant if v.quant and counts[v.quant] == 1 else v.name for v in variants]


def _choices(model: Reference, variants: Sequence[Variant], found: Sequence[Variant]) -> str:
    """What to write for those that were found among all."""
    labels = dict(zip(variants, _labels(variants), strict=True))
    return _listed(model, [labels[each] for each in found])


def _nearest(model: Reference, variants: Sequence[Variant]) -> str:
    """The choices; where there are many, those whose names are nearest to what is wanted."""
    labels = _labels(variants)
    if len(labels) > _MOST_NAMED:
        spelled = {label.lower(): label for label in labels[:_MOST_COMPARED]}
        near = get_close_matches(str(model.wanted).lower(), spelled, _MOST_NAMED, 0.0)
        first = {spelled[each]: None for each in near}
        labels = [*first, *(label for label in labels if label not in first)]
    return _listed(model, labels)


def _listed(model: Reference, labels: Sequence[str]) -> str:
    text = ", ".join(f"{model.place}:{label}" for label in labels[:_MOST_NAMED])
    more = len(labels) - _MOST_NAMED
    return f"{text} and {more:,} more" if more > 0 else text
