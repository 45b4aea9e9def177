"""The variables of templates that switch thinking on and off, or say how much of it is wanted.

Every family has its own. Their names alone prove little, as templates use the same words for
variables of their own: a switch is one that changes what a greeting is rendered to.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from colonnade.messages import Failure

Greet: TypeAlias = Callable[[Mapping[str, Any]], str]
"""Renders a greeting with variables; raises ``Failure``."""

_SWITCHES: tuple[tuple[str, Any, Any], ...] = (
    ("enable_thinking", True, False),
    ("thinking", True, False),
    ("reasoning", True, False),
    ("thinking_mode", "enabled", "disabled"),
    ("thinking_budget", -1, 0),
)
"""(name, value for on, value for off)"""

THINKING: Mapping[str, Any] = {
    "enable_thinking": True,
    "thinking": True,
    "thinking_mode": "enabled",
}
"""Variables with which a template that knows thoughts writes them."""

_EFFORTS = ("reasoning_effort", "thinking_effort", "reasoning_strength")
LEVELS = ("minimal", "low", "medium", "high", "xhigh", "max")
"""OpenAI's levels of effort beside ``none``, in order."""
_LEAST = ("none", "no_think", "minimal", "low")
"""Levels for no effort at all, the most fitting first."""

_TRAINED: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("<|channel|>analysis", ("low", "medium", "high")),
)
"""(mark in the source, levels) of families whose templates write whatever level they are given."""


@dataclass(frozen=True, slots=True)
class Switches:
    """What switches a template's thinking: the variables for on and for off.

    ``effort`` is the name of the variable that takes a level, empty where none does; ``levels``
    says under which name the template knows each of OpenAI's, ``none`` among them.
    """

    on: Mapping[str, Any] = field(default_factory=dict)
    off: Mapping[str, Any] = field(default_factory=dict)
    effort: str = ""
    levels: Mapping[str, str] = field(default_factory=dict)


def find_switches(greet: Greet, source: str, variables: Collection[str]) -> Switches:
    """Find the switches of a template by rendering. ``variables`` are the names that it reads."""
    usual = _try(greet, {})
    on: dict[str, Any] = {}
    off: dict[str, Any] = {}
    for name, yes, no in _SWITCHES:
        if name in variables:
            with_yes, with_no = _try(greet, {name: yes}), _try(greet, {name: no})
            if with_yes is not None and with_no is not None and with_yes != with_no:
                on[name], off[name] = yes, no
    effort = next((name for name in _EFFORTS if name in variables), "")
    if not effort:
        return Switches(on, off)
    levels = _levels(greet, effort, source, usual)
    if not on and _try(greet, {effort: levels["none"]}) == usual:
        on[effort] = levels["high"]  # does not think unless told how much
    return Switches(on, off, effort, levels)


def _levels(greet: Greet, effort: str, source: str, usual: str | None) -> dict[str, str]:
    """What to say for each level."""
    trained = next((levels for mark, levels in _TRAINED if mark in source), None)
    texts = {level: _try(greet, {effort: level}) for level in (*_LEAST, *LEVELS)}
    taken = [level for level in LEVELS if level in trained] if trained else []
    taken = taken or [level for level in LEVELS if texts[level] is not None] or list(LEVELS)
    names = {level: _nearest(level, taken) for level in LEVELS}
    least = [level for level in _LEAST if texts[level] is not None]
    if trained or not least:
        return {**names, "none": taken[0]}
    if texts["none"] is None:  # it knows its levels
        return {**names, "none": least[0]}
    return {**names, "none": next((level for level in least if texts[level] != usual), "none")}


def _nearest(level: str, taken: Collection[str]) -> str:
    """The nearest of the levels that are taken, the higher one of two."""
    place = LEVELS.index(level)
    return min(taken, key=lambda other: (abs(LEVELS.index(other) - place), -LEVELS.index(other)))


def _try(greet: Greet, variables: Mapping[str, Any]) -> str | None:
    try:
        return greet(variables)
    except Failure:
        return None
