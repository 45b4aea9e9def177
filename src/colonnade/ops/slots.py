"""``GET /slots``: what runs, slot by slot, without a word of what is said.

Fields that llama-server has under ``/slots`` have its names here, and mean the same.
"""

from typing import Literal, NamedTuple

from litestar import Router, get
from litestar.di import NamedDependency, Provide
from msgspec import UNSET, Struct, UnsetType

from colonnade.engine import AnyEngine
from colonnade.generation import Models, ServedModel
from colonnade.messages import SlotUse
from colonnade.web.access import admins_only


class NextToken(Struct):
    """How far an answer is, in tokens."""

    has_next_token: bool
    n_remain: int
    n_decoded: int


class SlotAdapter(Struct):
    """An adapter, by its place among the model's."""

    id: int
    name: str
    scale: float


class SlotState(Struct, kw_only=True):
    """A slot; what follows ``state`` is there while it works on something."""

    id: int
    """Its number among all slots of its model."""
    model: str
    engine: int
    """The number of the model's worker that has it."""
    n_ctx: int
    is_processing: bool
    state: Literal["idle", "prefill", "decode"]
    id_task: int | UnsetType = UNSET
    """The engine's number of the request, as the log has it."""
    request_id: str | UnsetType = UNSET
    """The client's request: ``x-request-id``."""
    door: str | UnsetType = UNSET
    """The service whose route it came to."""
    caller: str | UnsetType = UNSET
    """The name of the key that it came with; empty without one."""
    choice: int | UnsetType = UNSET
    n_prompt_tokens: int | UnsetType = UNSET
    n_prompt_tokens_processed: int | UnsetType = UNSET
    n_prompt_tokens_cache: int | UnsetType = UNSET
    next_token: list[NextToken] | UnsetType = UNSET
    seconds: float | UnsetType = UNSET
    """Since it got the slot."""
    tokens_per_second: float | UnsetType = UNSET
    """Of what it does now: reading its prompt, or writing its answer."""
    constrained: bool | UnsetType = UNSET
    """Whether a schema, a grammar or tools say what may come."""
    lora: list[SlotAdapter] | UnsetType = UNSET
    """The adapters that it is answered with."""
    drafted: int | UnsetType = UNSET
    accepted: int | UnsetType = UNSET


@get(
    "/slots",
    response_description="All slots of all models.",
    summary="What runs",
    guards=[admins_only],
)
async def slots(models: NamedDependency[Models]) -> list[SlotState]:
    """What each slot works on, for whom, how far and how fast; for administrators."""
    return [state for model in models for state in await _states(model)]


def slots_router(models: Models) -> Router:
    """The route, bound to what it shows."""
    return Router(
        "/",
        route_handlers=[slots],
        dependencies={"models": Provide(lambda: models, sync_to_thread=False)},
        tags=["Operations"],
        opt={"door": "ops"},
    )


async def _states(model: ServedModel) -> list[SlotState]:
    states: list[SlotState] = []
    for number, engine in enumerate(model.engine.members):
        place = _Place(model, number, len(states), engine)
        uses = {use.slot: use for use in (await engine.observe()).slots}
        states += [
            _busy(place, uses[slot]) if slot in uses else _idle(place, slot)
            for slot in range(engine.info.slots)
        ]
    return states


class _Place(NamedTuple):
    """Where slots are."""

    model: ServedModel
    number: int
    """The engine's."""
    first: int
    """The number of its first slot among those of the model."""
    engine: AnyEngine


def _idle(place: _Place, slot: int) -> SlotState:
    return SlotState(
        id=place.first + slot,
        model=place.model.id,
        engine=place.number,
        n_ctx=place.engine.info.ctx_size,
        is_processing=False,
        state="idle",
    )


def _busy(place: _Place, use: SlotUse) -> SlotState:
    about = place.engine.about(use.request)
    reads = use.read < use.prompt_tokens
    done = min(use.read, use.prompt_tokens) - use.cached_tokens
    rate = done / use.prefill if reads and use.prefill else 0.0
    if not reads and use.decode:
        rate = use.generated / use.decode
    return SlotState(
        id=place.first + use.slot,
        model=place.model.id,
        engine=place.number,
        n_ctx=place.engine.info.ctx_size,
        is_processing=True,
        state="prefill" if reads else "decode",
        id_task=use.request,
        request_id=UNSET if about is None else about.id,
        door=UNSET if about is None else about.door,
        caller=UNSET if about is None else about.caller,
        choice=use.choice,
        n_prompt_tokens=use.prompt_tokens,
        n_prompt_tokens_processed=done,
        n_prompt_tokens_cache=use.cached_tokens,
        next_token=[
            NextToken(has_next_token=True, n_remain=use.remaining, n_decoded=use.generated)
        ],
        seconds=round(use.prefill + use.decode, 3),
        tokens_per_second=round(rate, 2),
        constrained=use.constrained,
        lora=[
            SlotAdapter(id=adapter, name=place.model.adapters.names[adapter], scale=scale)
            for adapter, scale in use.adapters
        ],
        drafted=use.drafted,
        accepted=use.accepted,
    )
