"""``colonnade check``: does the model load and generate here, how fast, and what can it do."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from colonnade.cli.console import loading, out, say
from colonnade.cli.errors import CommandError
from colonnade.cli.report import aligned, count, size, template_name
from colonnade.generation import CompletionPrompt, Finished, Turn
from colonnade.messages import Decoding
from colonnade.serving import resolved_model, serve_model

if TYPE_CHECKING:
    from colonnade.generation import Generator, ServedModel, Usage
    from colonnade.hub import ResolvedModel
    from colonnade.settings import Settings

_PROMPT_TOKENS = 512
_DECODE_TOKENS = 64
_SETTLING_TOKENS = 24
"""Tokens after which a worker has usually chosen how its threads wait."""


class Report(Struct, frozen=True):
    """What was found. Speeds are in tokens a second, None where nothing can be generated."""

    model: str
    description: str
    parameters: int
    size_bytes: int
    memory_bytes: int
    load_seconds: float
    context: int
    context_trained: int
    slots: int
    prefill_speed: float | None
    decode_speed: float | None
    thread_wait: str | None
    """How threads that wait for each other do so; None where the worker has not chosen it: there is
    but one, or the environment or the library says it."""
    chat_template: str | None
    tools: bool
    """Whether the chat template shows tools; where not, the system message does."""
    tool_format: str | None
    """How the model writes calls."""
    thoughts: str | None
    """The markers around its thoughts, None for a model that shows no sign of having any."""
    infill: bool
    generates: bool
    embedding_size: int | None
    """Of an embedding model; None for one that generates."""


def check(settings: Settings, *, as_json: bool) -> None:
    """Check the model and print the report.

    Raises:
        ModelError: it cannot be had or loaded.
        CommandError: it loads, but generates nothing.
    """
    resolved = resolved_model(settings, say)
    report = asyncio.run(_check(settings, resolved))
    if as_json:
        out(msgspec.json.encode(report).decode())
        return
    for line in aligned(_facts(report)):
        out(line)


async def _check(settings: Settings, resolved: ResolvedModel) -> Report:
    async with AsyncExitStack() as stack:
        with loading(resolved.path.name) as progress:
            context = serve_model(settings, resolved, progress)
            registry = await stack.enter_async_context(context)
        model = registry.models.find(None)
        usage = await _generate(registry.generator, model) if model.engine.info.decoder else None
        return _report(model, usage)


async def _generate(generator: Generator, model: ServedModel) -> Usage:
    """Read a long prompt and write a fixed number of tokens, once what a model does at first is
    behind it."""
    info = model.engine.info
    # By ids, for the same length whatever the tokenizer; what they mean makes no difference.
    ids = tuple(i % info.vocab_size for i in range(min(_PROMPT_TOKENS, info.ctx_size // 2)))
    most = info.ctx_size // 4
    await _answer(generator, model, ids[-1:], min(_SETTLING_TOKENS, most))
    return await _answer(generator, model, ids, min(_DECODE_TOKENS, most))


async def _answer(
    generator: Generator, model: ServedModel, ids: tuple[int, ...], tokens: int
) -> Usage:
    """Write so many tokens, whatever the model would say."""
    decoding = Decoding(max_tokens=tokens, ignore_eos=True)
    generation = await generator.start(Turn(None, CompletionPrompt(ids), decoding))
    async for event in generation:
        if isinstance(event, Finished):
            return event.usage
    msg = f"{model.id} ended without an answer"
    raise CommandError(msg)


def _report(model: ServedModel, usage: Usage | None) -> Report:
    info = model.engine.info
    return Report(
        model=model.id,
        description=info.description,
        parameters=info.parameters,
        size_bytes=info.size,
        memory_bytes=info.memory,
        load_seconds=round(model.load_seconds, 3),
        context=info.ctx_size,
        context_trained=info.ctx_train,
        slots=info.slots,
        prefill_speed=_speed(usage.prompt_tokens, usage.prompt_ms) if usage else None,
        decode_speed=_speed(usage.completion_tokens, usage.decode_ms) if usage else None,
        thread_wait=_thread_wait(model),
        chat_template=template_name(model) if info.decoder else None,
        tools=info.decoder and model.template.study.tools,
        tool_format=model.call_format.name if info.decoder else None,
        thoughts=_thoughts(model) if info.decoder else None,
        infill=info.infill,
        generates=info.decoder,
        embedding_size=None if info.decoder else info.embedding_size,
    )


def _thread_wait(model: ServedModel) -> str | None:
    wait = model.engine.thread_wait
    if wait is None:
        return None
    how = "spinning before sleep" if wait.spins else "asleep"
    return f"{how}: a step takes {wait.spinning_ms:.1f} ms spinning, {wait.asleep_ms:.1f} asleep"


def _thoughts(model: ServedModel) -> str | None:
    found = model.reasoning
    return None if found is None else f"{found.opening.strip()} {found.closing.strip()}"


def _speed(tokens: int, milliseconds: float) -> float | None:
    return round(tokens / milliseconds * 1e3, 1) if milliseconds > 0 else None


def _facts(report: Report) -> list[tuple[str, str]]:
    facts = [
        ("Model", f"{report.model} ({report.description})"),
        ("Size", f"{count(report.parameters)} parameters, {size(report.size_bytes)}"),
        ("Loading", f"{report.load_seconds:.1f} s"),
        ("Memory", size(report.memory_bytes)),
        ("Context", f"{report.context:,} tokens each for {report.slots} at a time"),
        ("", f"{report.context_trained:,} tokens in training"),
    ]
    if report.generates:
        facts += [
            ("Prefill", f"{report.prefill_speed:,.0f} tokens/s"),
            ("Decoding", f"{report.decode_speed:,.1f} tokens/s"),
            ("Waiting", report.thread_wait or "not chosen by the worker"),
            ("Template", report.chat_template or "none"),
            ("Tools", f"{report.tool_format}{'' if report.tools else ', not in the template'}"),
            ("Thoughts", report.thoughts or "none"),
            ("Infill", "yes" if report.infill else "no"),
        ]
    else:
        facts.append(("Embedding", f"{report.embedding_size:,} numbers; it cannot generate text"))
    return facts
