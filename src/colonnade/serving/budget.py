"""Which models have to go for another one: pure arithmetic on what they take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Holding:
    """A model that takes memory. Sizes are in bytes, times in seconds of one clock."""

    key: int
    """What it is told apart by."""
    takes: int
    last_used: float
    busy: bool = False
    """Somebody waits for it or for an answer of it."""
    pinned: bool = False
    leaving: bool = False
    """It is on its way out: its memory will be free without anybody's doing."""


@dataclass(frozen=True, slots=True)
class Room:
    """What has to happen before a model has room."""

    fits: bool
    """It has room now."""
    go: tuple[int, ...] = ()
    """Idle models that have to go, the one unused for longest first."""
    finish: tuple[int, ...] = ()
    """Busy ones that have to finish what they do, and then go."""
    never: bool = False
    """It would not fit beside what is pinned, whoever goes."""


def room_for(takes: int, holdings: Sequence[Holding], total: int) -> Room:
    """Find the room for a model that takes so much of ``total``.

    Those unused for longest go first, and of the busy ones those that were asked last for least
    recently; never a pinned one. Where what is leaving suffices, nobody else has to.
    """
    free = total - sum(each.takes for each in holdings)
    if takes <= free:
        return Room(fits=True)
    pinned = sum(each.takes for each in holdings if each.pinned and not each.leaving)
    if takes > total - pinned:
        return Room(fits=False, never=True)
    free += sum(each.takes for each in holdings if each.leaving)
    movable = [each for each in holdings if not (each.pinned or each.leaving)]
    movable.sort(key=lambda each: (each.busy, each.last_used))
    chosen: list[Holding] = []
    for each in movable:
        if takes <= free:
            break
        chosen.append(each)
        free += each.takes
    chosen = _spared(chosen, free - takes)
    return Room(
        fits=False,
        go=tuple(each.key for each in chosen if not each.busy),
        finish=tuple(each.key for each in chosen if each.busy),
    )


def _spared(chosen: Sequence[Holding], over: int) -> list[Holding]:
    """Leave out whoever need not go after all: small ones that were chosen before a large one."""
    kept: list[Holding] = []
    for each in reversed(chosen):
        if each.takes <= over:
            over -= each.takes
        else:
            kept.append(each)
    return kept[::-1]


def bytes_text(count: int) -> str:
    """A number of bytes as people read it."""
    return f"{count / (1 << 30):,.1f} GiB" if count >= 1 << 30 else f"{count / (1 << 20):.0f} MiB"
