"""The fields as a page of Markdown: ``python -m colonnade.api.fields > docs/fields.md``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import json

from colonnade.api.fields.declared import GENERATION_FIELDS
from colonnade.api.fields.row import BOTH, Standing
from colonnade.api.fields.texts import TEXT_FIELDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from colonnade.api.fields.row import Field

_INTRODUCTION = """\
# Fields

What becomes of every field that OpenAI, llama-server or vLLM document for the bodies of
`/v1/chat/completions` and `/v1/completions`. A test holds each row against a real server.

- **done**: it does what its document says; the note tells where that needs saying.
- **accepted without effect**: it cannot change the answer here; the note says why.
- **refused**: the answer is a 400 whose `param` is the field. Null, and the values that ask for
  nothing (the third column), are accepted: clients send defaults.

Whole numbers may be written as `2.0`. A field that is in no table is ignored, as llama-server and
vLLM do (OpenAI refuses it): clients send fields of many other servers. The answer's header
`x-colonnade-ignored` lists them, and with `--log-level debug` the log does.

This page is generated: `python -m colonnade.api.fields > docs/fields.md`.
"""

_TEXTS = """\
The tables below are those of `/v1/embeddings`, `/v1/rerank` (and `/reranking`) and `/v1/score`.
"""


def render() -> str:
    """Write the whole page."""
    return "\n".join([_INTRODUCTION, *_sections()])


def _sections() -> Iterator[str]:
    yield from _tables("", GENERATION_FIELDS)
    yield _TEXTS
    yield from _tables(": embeddings and scores", TEXT_FIELDS)


def _tables(behind: str, rows: tuple[Field, ...]) -> Iterator[str]:
    for standing in Standing:
        fields = [field for field in rows if field.standing is standing]
        header = ["field", "of", "endpoints"]
        if standing is Standing.REFUSED:
            header.append("accepted values")
        header.append("note")
        lines = [_row(header), _row(["---"] * len(header)), *map(_line, fields)]
        yield f"## {standing.capitalize()}{behind}\n"
        yield "\n".join(lines) + "\n"


def _line(field: Field) -> str:
    cells = [
        f"`{field.name}`",
        ", ".join(field.sources),
        "both" if field.endpoints == BOTH else ", ".join(field.endpoints),
    ]
    if field.standing is Standing.REFUSED:
        cells.append(", ".join(f"`{json.encode(value).decode()}`" for value in field.neutral))
    return _row([*cells, field.note])


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
