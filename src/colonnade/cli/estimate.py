"""``colonnade check --estimate``: what a model takes, found out without loading it; and how that is
said in a line."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from colonnade.cli.console import out, say
from colonnade.cli.errors import CommandError
from colonnade.cli.report import aligned, count, size
from colonnade.engine import LoadError, Surveyor
from colonnade.hub import ModelError
from colonnade.machine.memory import usable_memory
from colonnade.serving import LoadPlan, resolved_model

if TYPE_CHECKING:
    from colonnade.messages import FileFacts, Fit, Footprint, LoadModel
    from colonnade.settings import Settings


class GpuPart(Struct, frozen=True):
    """What comes to one GPU."""

    name: str
    total_bytes: int
    free_bytes: int


class Estimate(Struct, frozen=True):
    """What was found out. ``room_bytes`` is None where the system does not tell."""

    model: str
    architecture: str
    parameters: int
    size_bytes: int
    context: int
    context_trained: int
    slots: int
    gpu_layers: int
    weights_bytes: int
    mapped_bytes: int
    cache_bytes: int
    compute_bytes: int
    program_bytes: int
    total_bytes: int
    room_bytes: int | None
    fits: bool
    gpus: tuple[GpuPart, ...]


def estimate(settings: Settings, *, as_json: bool) -> None:
    """Print what the model takes, with what is left open chosen.

    Raises:
        ModelError: it cannot be had, or the least of it that is of use does not fit.
        CommandError: it does not fit as it is asked for.
    """
    resolved = resolved_model(settings, say)
    # What the file is made for tells how it is loaded, as in ``serve``.
    load = msgspec.structs.replace(LoadPlan(resolved, settings).request, task="auto")
    room = usable_memory(settings.limits.memory << 20)
    facts, fit = asyncio.run(_survey(load, room))
    found = _estimate(resolved.id, facts, fit, room)
    if as_json:
        out(msgspec.json.encode(found).decode())
    else:
        for line in aligned(_facts(found, fit, room)):
            out(line)
    if not found.fits:
        msg = f"{resolved.path.name} does not fit: it takes {size(fit.footprint.own)} of its own"
        raise CommandError(msg)


async def _survey(load: LoadModel, room: int | None) -> tuple[FileFacts, Fit]:
    surveyor = Surveyor()
    open_ = load.ctx_size == 0 or load.slots == 0
    try:
        facts = await surveyor.describe(load.path)
        return facts, await surveyor.fit(load, room if open_ else None)
    except LoadError as error:
        raise ModelError(str(error)) from error
    finally:
        await surveyor.close()


def _estimate(name: str, facts: FileFacts, fit: Fit, room: int | None) -> Estimate:
    found, load = fit.footprint, fit.load
    return Estimate(
        model=name,
        architecture=facts.architecture,
        parameters=facts.parameters,
        size_bytes=facts.size,
        context=load.ctx_size or 0,
        context_trained=facts.ctx_train,
        slots=load.slots,
        gpu_layers=load.gpu_layers,
        weights_bytes=found.weights,
        mapped_bytes=found.mapped,
        cache_bytes=found.cache,
        compute_bytes=found.compute,
        program_bytes=found.program,
        total_bytes=found.total,
        room_bytes=room,
        fits=room is None or found.own <= room,
        gpus=tuple(GpuPart(gpu.name, gpu.total, gpu.free) for gpu in found.gpus),
    )


def _facts(found: Estimate, fit: Fit, room: int | None) -> list[tuple[str, str]]:
    mapped = f", {size(found.mapped_bytes)} of it mapped" if found.mapped_bytes else ""
    facts = [
        ("Model", f"{found.model} ({found.architecture})"),
        ("Size", f"{count(found.parameters)} parameters, {size(found.size_bytes)}"),
        ("Takes", size(found.total_bytes) + mapped),
        ("Fit", fit_words(fit.load, fit.footprint, room)),
        ("", f"{found.context_trained:,} tokens in training"),
    ]
    facts += [
        (gpu.name, f"{size(gpu.total_bytes)} of {size(gpu.free_bytes)} free") for gpu in found.gpus
    ]
    return facts


def fit_words(load: LoadModel, footprint: Footprint, room: int | None) -> str:
    """How a model fits, in a line: ``8,192 tokens x 4; of 24.0 GiB: weights 4.10 GiB, KV ...``.
    One that embeds has no slots.

    ``room``: bytes that there are for it, None where nobody knows.
    """
    parts = (
        ("weights", footprint.weights + footprint.mapped),
        ("KV", footprint.cache),
        ("compute", footprint.compute),
        ("program", footprint.program),
    )
    sums = [f"{part} {size(amount)}" for part, amount in parts if amount]
    sums += [f"{gpu.name} {size(gpu.total)}" for gpu in footprint.gpus if gpu.total]
    of_room = "" if room is None else f"of {size(room)}: "
    slots = "" if load.task == "embed" else f" x {load.slots}"
    return f"{load.ctx_size or 0:,} tokens{slots}; {of_room}{', '.join(sums)}"
