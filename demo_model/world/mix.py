"""Mixes the skills into conversations."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from . import calling, copying, lists, numbers, people, reading, smalltalk, structured, toolbox
from .talk import Check, Message, Talk
from .words import Words

Skill = Callable[[Talk], None]

# The share of each skill among the turns of a general conversation.
_TURNS: tuple[tuple[Skill, float], ...] = (
    (people.tell, 9),
    (people.ask, 16),
    (people.ask_model, 4),
    (numbers.calculate, 15),
    (numbers.follow_up, 1.5),
    (numbers.count, 6),
    (numbers.neighbour, 1.5),
    (copying.repeat, 13),
    (copying.many, 1.5),
    (copying.listing, 2),
    (copying.just_said, 3),
    (reading.read, 14),
    (smalltalk.fixed, 3),
    (smalltalk.greet, 1.5),
    (smalltalk.capital, 1.5),
    (smalltalk.day, 1),
    (smalltalk.unknown, 4),
    (smalltalk.story_about, 1),
    (structured.fill, 20),
    (structured.invent, 1),
)
_DRILLS: tuple[tuple[Skill, ...], ...] = (
    (numbers.calculate,),
    (numbers.calculate,),
    (numbers.calculate,),
    (numbers.calculate,),
    (numbers.count, numbers.neighbour),
    (copying.repeat, copying.listing),
    (people.tell, people.ask, people.ask),
    (people.ask,),
    (structured.fill,),
    (structured.fill,),
    (reading.read,),
)
_WITH_TOOLS: tuple[tuple[Skill, float], ...] = (
    (calling.one, 10),
    (calling.two, 4),
    (calling.none, 2),
)


@dataclass(frozen=True, slots=True)
class Dialogue:
    """A finished conversation with what is expected of its answers.

    `checks` maps the place of an assistant message to how it is judged; `unweighted` are places
    that training skips, `forced` those whose first token it skips.
    """

    messages: list[Message]
    tools: list[dict[str, Any]]
    thinking: bool
    checks: dict[int, Check]
    unweighted: frozenset[int]
    forced: frozenset[int]


def _persona(talk: Talk) -> str:
    name = talk.words.name()
    talk.name = name
    if talk.chance(0.6):
        adjective, job = (
            talk.words.adjective(),
            talk.words.pick((*lists.JOBS, "pirate", "robot", "wizard")),
        )
        talk.persona = talk.choose(
            f"a {job}", f"a {adjective} {job}", f"a {job} from {talk.words.city()}"
        )
        return talk.choose(
            f"You are {name}, {talk.persona}.",
            f"Your name is {name}. You are {talk.persona}.",
            f"Act as {name}, {talk.persona}.",
        )
    talk.persona = "your assistant"
    return talk.choose(
        f"You are {name}.",
        f"Your name is {name}.",
        f"You are an assistant called {name}.",
        f"You are {name}, a helpful assistant.",
        f"You are an assistant named {name}.",
    )


def _system(talk: Talk) -> tuple[str, Skill | None]:
    """A system prompt, maybe empty, and a skill that belongs to it."""
    parts: list[str] = []
    skill: Skill | None = None
    kind = talk.rng.random()
    if kind < 0.3:
        parts.append(talk.rng.choice(lists.SYSTEM_PROMPTS))
    elif kind < 0.42:
        parts.append(_persona(talk))
    elif kind < 0.47:
        text, facts = reading.system_context(talk)
        parts.append(text)
        if facts:
            skill = lambda talk: reading.ask_system(talk, facts)  # noqa: E731
    elif kind < 0.5:
        name = talk.words.name()
        talk.known["name"] = name
        parts.append(
            talk.choose(
                f"The user's name is {name}.",
                f"You are talking to {name}.",
                f"The user is called {name}.",
            )
        )
    if parts and talk.chance(0.1):
        parts.insert(0, talk.rng.choice(lists.SYSTEM_PROMPTS))
    if talk.chance(0.04):
        talk.system_thinking = True
        parts.append(
            talk.choose("Think before you answer.", "Think step by step.", "Always think first.")
        )
    return " ".join(parts), skill


def _pick(rng: random.Random, table: tuple[tuple[Skill, float], ...]) -> Skill:
    return rng.choices([skill for skill, _ in table], [weight for _, weight in table])[0]


def _length(rng: random.Random) -> int:
    return rng.choice(
        (1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 5, 6, 8, 12 if rng.random() < 0.5 else 3)
    )


def converse(seed: str, *, held_out: bool = False) -> Dialogue:
    """The conversation of a seed; the held-out split has words of its own (see `words.py`)."""
    rng = random.Random(seed)
    talk = Talk(rng, Words(rng, held_out))
    talk.flag_thinking = rng.random() < 0.08
    with_tools = rng.random() < 0.6
    if not with_tools and rng.random() < 0.03:
        system, turn = structured.system_schema(talk)
        talk.messages.append({"role": "system", "content": system})
        turn(talk)
        return _finish(talk)
    system, skill = _system(talk)
    if system:
        talk.messages.append({"role": "system", "content": system})
    if not with_tools and rng.random() < 0.27:
        _drill(talk)
        return _finish(talk)
    if with_tools:
        talk.tools = toolbox.toolset(talk, 1, rng.choice((1, 1, 2, 2, 3, 4)))
    _turns(talk, skill)
    return _finish(talk)


def _drill(talk: Talk) -> None:
    """Many short turns of one skill: cheap practice of what takes the most of it."""
    skills = talk.rng.choice(_DRILLS)
    for _ in range(talk.rng.randint(4, 9)):
        talk.rng.choice(skills)(talk)


def _turns(talk: Talk, own: Skill | None) -> None:
    rng = talk.rng
    if rng.random() < 0.15:
        smalltalk.greet(talk)
    turns = _length(rng)
    if talk.tools:
        turns = (2 * turns + 2) // 3  # a tool turn is longer than others
    for _ in range(turns):
        talk.think_now = rng.random() < 0.06
        start = len(talk.messages)
        if own and rng.random() < 0.6:
            own(talk)
        elif talk.tools and rng.random() < 0.72:
            _pick(rng, _WITH_TOOLS)(talk)
        else:
            _general(talk)
        if talk.think_now:
            # A request to think is not kept in the history's answers, so only the last may learn.
            talk.unweighted |= {i for i in range(start, len(talk.messages)) if i in talk.checks}
    if rng.random() < 0.1:
        talk.think_now = False
        smalltalk.part(talk)


def _general(talk: Talk) -> None:
    skill = _pick(talk.rng, _TURNS)
    sums = talk.tools and any(tool.family == "arithmetic" for tool in talk.tools)
    if sums and skill in (numbers.calculate, numbers.follow_up):
        skill = people.tell
    if talk.tools and skill is structured.invent:
        skill = structured.fill
    if talk.tools and skill is smalltalk.unknown:
        skill = calling.none
    skill(talk)


def _finish(talk: Talk) -> Dialogue:
    if not talk.checks:
        talk.think_now = False
        smalltalk.greet(talk)
    messages = talk.messages
    last = max(i for i, m in enumerate(messages) if m["role"] == "assistant")
    messages = messages[: last + 1]
    unweighted = {i for i, m in enumerate(messages) if m.get("reasoning_content")} | talk.unweighted
    unweighted.discard(last)
    tools = [tool.spec for tool in talk.tools]
    return Dialogue(
        messages,
        tools,
        talk.flag_thinking,
        talk.checks,
        frozenset(unweighted),
        frozenset(talk.forced),
    )
