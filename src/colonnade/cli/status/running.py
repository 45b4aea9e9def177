"""``colonnade ps``: the models that a running server has loaded, or is about to."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from colonnade.cli.console import out
from colonnade.cli.report import columns, size
from colonnade.cli.status.source import Source, samples
from colonnade.watch import safe

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_ELSEWHERE = frozenset({"available", "failed"})
"""States in which a model takes no memory."""


class Running(Struct, frozen=True):
    """A model of a server."""

    model: str
    state: str
    """``loaded``, ``loading``, ``downloading`` or ``unloading``."""
    memory_bytes: int
    """What its workers take; 0 where none is there yet."""
    context: int
    """Tokens that one request may use, 0 where the server does not say it."""
    slots: int
    active: int
    """Requests that have a slot."""
    waiting: int
    expires_in: float | None = None
    """Seconds until it is unloaded if nobody uses it; None where it is not."""


def ps(url: str, api_key: str, *, as_json: bool) -> None:
    """Print a line a model.

    Raises:
        CommandError: the server does not answer, or not to us.
    """
    source = Source(url, api_key)
    try:
        running = list(_running(source))
    finally:
        source.close()
    if as_json:
        out(msgspec.json.encode(running).decode())
        return
    rows = [("MODEL", "STATE", "MEMORY", "CONTEXT", "ACTIVE", "WAITING", "UNLOADS IN")]
    for line in columns(rows + [_row(each) for each in running], right={2, 4, 5}):
        out(line)


def _running(source: Source) -> Iterator[Running]:
    models, numbers = source.json("/v1/models"), _numbers(source.text("/metrics"))
    slots = _contexts(source.json("/slots"))
    data = models.get("data") if isinstance(models, dict) else None
    if not isinstance(data, list):
        raise source.foreign()
    for each in data:
        if not isinstance(each, dict) or each.get("parent"):  # a model with an adapter
            continue
        state = safe(str(each.get("state", "loaded")), 40)
        if state not in _ELSEWHERE:
            yield _of(each, state, numbers, slots)


def _of(
    model: dict[str, Any],
    state: str,
    numbers: Mapping[str, Mapping[str, float]],
    contexts: Mapping[str, list[int]],
) -> Running:
    name = safe(str(model.get("id", "")), 200)
    own, context = numbers.get(name, {}), contexts.get(name, [])
    expires = model.get("expires_in")
    return Running(
        model=name,
        state=state,
        memory_bytes=int(own.get("memory_bytes", 0)),
        context=max(context, default=0),
        slots=len(context),
        active=int(own.get("num_requests_running", 0)),
        waiting=int(own.get("num_requests_waiting", 0)),
        expires_in=float(expires) if isinstance(expires, int | float) else None,
    )


def _contexts(slots: object) -> dict[str, list[int]]:
    """The contexts of each model's slots."""
    found: dict[str, list[int]] = defaultdict(list)
    for slot in slots if isinstance(slots, list) else ():
        if isinstance(slot, dict) and isinstance(slot.get("n_ctx"), int):
            found[safe(str(slot.get("model", "")), 200)].append(slot["n_ctx"])
    return found


def _numbers(text: str) -> dict[str, dict[str, float]]:
    """Sums over its workers, by model and metric."""
    found: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for name, labels, value in samples(text):
        if name != "memory_bytes" or labels.get("kind") == "rss":
            found[safe(labels.get("model", ""), 200)][name] += value
    return found


def _row(each: Running) -> tuple[str, ...]:
    return (
        each.model,
        each.state,
        size(each.memory_bytes) if each.memory_bytes else "",
        f"{each.context:,} x {each.slots}" if each.slots else "",
        str(each.active),
        str(each.waiting),
        "" if each.expires_in is None else _time(each.expires_in),
    )


def _time(seconds: float) -> str:
    """Write how long that is: 45 s, 4 min, 3 h."""
    for length, unit in ((3600, "h"), (60, "min")):
        if seconds >= 2 * length:
            return f"{round(seconds / length)} {unit}"
    return f"{round(seconds)} s"
