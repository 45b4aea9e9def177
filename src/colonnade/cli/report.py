"""What is said of a loaded model, in the units that people read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from colonnade.messages import MediaKind
from colonnade.watch import size, three_digits

__all__ = [
    "ago",
    "aligned",
    "columns",
    "count",
    "model_facts",
    "quantization",
    "size",
    "template_name",
]

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence

    from colonnade.generation import ServedModel
    from colonnade.messages import ModelInfo


def model_facts(model: ServedModel) -> list[tuple[str, str]]:
    """Name, size, memory, context and chat template, as pairs of a label and its text."""
    info = model.engine.info
    facts = [
        ("Model", f"{model.id} ({info.architecture}, {quantization(info)})"),
        ("Size", f"{count(info.parameters)} parameters, {size(info.size)}"),
        ("Memory", f"{size(info.memory)}, loaded in {model.load_seconds:.1f} s"),
        ("Context", f"{info.ctx_size:,} tokens each for {info.slots} at a time"),
    ]
    if info.draft:
        facts.append(("Draft model", info.draft))
    if info.projector:
        takes = {MediaKind.IMAGE: "images", MediaKind.AUDIO: "audio"}
        kinds = " and ".join(takes[kind] for kind in info.media)
        facts.append(("Projector", f"{info.projector}, for {kinds}"))
    if info.decoder:
        facts.append(("Template", template_name(model)))
    return facts


def quantization(info: ModelInfo) -> str:
    """The file's quantization, such as Q4_K_M: the last word of llama.cpp's description."""
    return info.description.rsplit(" ", 1)[-1]


def template_name(model: ServedModel) -> str:
    """Where the chat template comes from, with what is to know about it."""
    template = model.template.study
    name = "the model's own" if template.name == "model" else template.name
    return f"{name} ({template.warning})" if template.warning else name


def aligned(facts: Iterable[tuple[str, str]]) -> list[str]:
    """Lines with the labels in one column and their texts in the next."""
    facts = list(facts)
    width = max(len(label) for label, _ in facts)
    return [f"{label:<{width}}  {text}" for label, text in facts]


def columns(rows: Sequence[Sequence[str]], right: Container[int] = ()) -> list[str]:
    """Lines with the rows' cells one below the other, those of the columns ``right`` at their right
    side."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            f"{cell:>{width}}" if number in right else f"{cell:<{width}}"
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def ago(seconds: float) -> str:
    """Write how long ago something was: 3 days ago."""
    for length, unit in (
        (31_556_952, "year"),
        (2_629_746, "month"),
        (86_400, "day"),
        (3600, "hour"),
        (60, "minute"),
    ):
        number = int(seconds // length)
        if number:
            return f"{number} {unit}{'s' if number > 1 else ''} ago"
    return "just now"


def count(number: int) -> str:
    """Write a number of parameters: 1.2 B, 135 M, 980 K."""
    for unit, name in ((1e9, "B"), (1e6, "M"), (1e3, "K")):
        if number >= unit:
            return f"{three_digits(number / unit)} {name}"
    return str(number)
