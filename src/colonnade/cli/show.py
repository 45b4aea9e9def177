"""``colonnade show``: what a model's file says of it, without loading it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from colonnade.cli.console import out, say
from colonnade.cli.errors import CommandError
from colonnade.cli.report import aligned, count, size
from colonnade.engine import LoadError, Surveyor
from colonnade.hub import local_model

if TYPE_CHECKING:
    from pathlib import Path

    from colonnade.hub import ResolvedModel
    from colonnade.messages import FileFacts


class Shown(Struct, frozen=True):
    """What is shown. Sizes in bytes; what the file does not say is empty or 0."""

    model: str
    path: str
    name: str
    architecture: str
    quantization: str
    parameters: int
    size: int
    context_trained: int
    embedding_size: int
    vocab_size: int
    capabilities: list[str]
    """Of ``chat``, ``completion``, ``tools``, ``thoughts``, ``infill``, ``embeddings``, ``rerank``,
    ``images``, ``audio``."""
    pooling: str
    """How embeddings are made of tokens'."""
    chat_template: bool
    template_tools: bool
    """Whether the chat template speaks of tools; where not, the system message does."""
    projector: str | None
    """The file beside it with which it sees or hears."""
    tensors: dict[str, int]
    """Bytes by type."""
    license: str
    base_models: list[str]


def show(text: str, *, as_json: bool) -> None:
    """Print a model's facts.

    Raises:
        ModelError: it is not here.
        CommandError: its file cannot be read.
    """
    resolved = local_model(text)
    shown = asyncio.run(_look(text, resolved))
    if as_json:
        out(msgspec.json.encode(shown).decode())
        return
    for line in aligned(_lines(shown)):
        out(line)


async def _look(text: str, resolved: ResolvedModel) -> Shown:
    surveyor = Surveyor()
    try:
        facts = await surveyor.describe(resolved.path)
        projector = await _projector(surveyor, resolved.projector) if facts.model else None
    except LoadError as error:
        raise CommandError(str(error)) from error
    finally:
        await surveyor.close()
    return Shown(
        model=text,
        path=str(resolved.path),
        name=facts.name,
        architecture=facts.architecture,
        quantization=facts.quantization,
        parameters=facts.parameters,
        size=facts.size,
        context_trained=facts.ctx_train,
        embedding_size=facts.embedding_size,
        vocab_size=facts.vocab_size,
        capabilities=_capabilities(facts, projector),
        pooling=facts.pooling,
        chat_template=facts.chat_template,
        template_tools=facts.tools,
        projector=projector.path if projector else None,
        tensors=dict(facts.types),
        license=facts.license,
        base_models=list(facts.base_models),
    )


async def _projector(surveyor: Surveyor, beside: Path | None) -> FileFacts | None:
    """The facts of what lies beside a model for it to see or hear."""
    if beside is None:
        return None
    try:
        return await surveyor.describe(beside)
    except LoadError as error:  # the model works without it
        say(f"colonnade: {error}")
        return None


def _capabilities(facts: FileFacts, projector: FileFacts | None) -> list[str]:
    able = {
        "chat": facts.decoder and facts.chat_template,
        "completion": facts.decoder,
        "tools": facts.decoder and facts.chat_template,
        "thoughts": facts.decoder and facts.thoughts,
        "infill": facts.decoder and facts.infill,
        "embeddings": facts.model and not facts.decoder and facts.pooling != "rank",
        "rerank": facts.model and facts.pooling == "rank",
        "images": bool(projector and projector.vision) or facts.vision,
        "audio": bool(projector and projector.audio) or facts.audio,
    }
    return [name for name, has in able.items() if has]


def _lines(shown: Shown) -> list[tuple[str, str]]:
    kind = ", ".join(filter(None, (shown.architecture or "of no architecture", shown.quantization)))
    tensors = ", ".join(f"{name} {size(bytes_)}" for name, bytes_ in shown.tensors.items())
    facts = [
        ("Model", f"{shown.name} ({kind})"),
        ("File", shown.path),
        ("Size", f"{count(shown.parameters)} parameters, {size(shown.size)}"),
        ("Context", _number(shown.context_trained, "tokens in training")),
        ("Embedding", _number(shown.embedding_size, "numbers", shown.pooling)),
        ("Vocabulary", _number(shown.vocab_size, "tokens")),
        ("Can", ", ".join(shown.capabilities) or "nothing by itself"),
        ("Template", _template(shown)),
        ("Projector", shown.projector or ""),
        ("Tensors", tensors),
        ("License", shown.license),
        ("Made of", ", ".join(shown.base_models)),
    ]
    return [(label, text) for label, text in facts if text]


def _number(number: int, what: str, note: str = "") -> str:
    """Empty where the file does not say it."""
    pooled = f", pooled by {note}" if note and note != "none" else ""
    return f"{number:,} {what}{pooled}" if number else ""


def _template(shown: Shown) -> str:
    if not shown.chat_template:
        return "none" if "completion" in shown.capabilities else ""
    return "the model's own" + ("" if shown.template_tools else ", which speaks of no tools")
