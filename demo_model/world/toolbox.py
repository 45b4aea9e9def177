"""Tools with random names and parameters, and the sentences that call for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import lists
from .calculator import arithmetic
from .household import everyday
from .toolkit import Request, Tool, define, described, string_value, style
from .words import is_held_out

if TYPE_CHECKING:
    from collections.abc import Callable

    from .talk import Talk

_UNITS = (
    "celsius",
    "fahrenheit",
    "metric",
    "imperial",
    "meters",
    "feet",
    "kilograms",
    "pounds",
    "euros",
    "dollars",
    "hours",
    "minutes",
    "full",
    "brief",
    "daily",
    "weekly",
    "monthly",
)


def lookup(talk: Talk) -> Tool:
    """`get_<noun>(<where>)`, sometimes with an optional choice such as a unit."""
    words = talk.words
    noun = words.noun()
    where = talk.choose(
        "city",
        "place",
        "person",
        "item",
        "town",
        "country",
        "user",
        "query",
        "id_or_name",
        words.noun(),
        words.noun(),
        "target",
    )
    if talk.words.held_out and talk.chance(0.3):
        where = "location"
    verb = talk.choose("get", "find", "fetch", "check", "read", "look_up", "show", words.verb())
    name = talk.choose(
        style(talk, verb, noun),
        style(talk, verb, noun),
        style(talk, noun, words.noun()),
        style(talk, verb, "current", noun),
    )
    params = {where: described(talk, {"type": "string"}, f"The {where}")}
    options: tuple[str, ...] = ()
    choice = talk.choose("unit", "format", "mode", "units", "kind", words.noun())
    if talk.chance(0.3) and choice != where:
        options = tuple(talk.rng.sample(_UNITS, talk.rng.randint(2, 3)))
        params[choice] = {"type": "string", "enum": list(options)}

    def request(talk: Talk) -> Request:
        value = string_value(talk)
        text = talk.choose(
            f"What is the {noun} in {value}?",
            f"What's the {noun} in {value}?",
            f"What is the {noun} of {value}?",
            f"Tell me the {noun} for {value}.",
            f"Show me the {noun} of {value}",
            f"How is the {noun} in {value}?",
            f"I need the {noun} for {value}.",
            f"{noun} in {value}?",
            f"Get the {noun} of {value}.",
            f"Can you find the {noun} for {value}?",
            f"what is the {noun} in {value}",
            f"Check the {noun} in {value}",
            f"What is {value}'s {noun}?",
            f"Look up the {noun} for {value}.",
        )
        arguments: dict[str, Any] = {where: value}
        if options and talk.chance(0.6):
            arguments[choice] = talk.rng.choice(options)
            end = text[-1] if text[-1] in ".?" else ""
            joint = talk.choose(" in ", f", {choice} ", " as ", " with ")
            text = f"{text.rstrip('.?')}{joint}{arguments[choice]}{end}"
        return text, arguments

    spec = define(
        talk,
        name,
        talk.choose(
            f"Get the {noun} of a {where}.",
            f"Returns the {noun}",
            f"Get the current {noun} for a {where}",
        ),
        params,
        [where],
    )
    return Tool(name, noun, spec, request, repeatable=not options)


def _typed(talk: Talk) -> tuple[dict[str, Any], Callable[[Talk], tuple[Any, str]]]:
    """A parameter's schema, and a maker of values with the words that say them."""
    rng = talk.rng
    kind = rng.random()
    if kind < 0.4:

        def text(talk: Talk) -> tuple[Any, str]:
            value = string_value(talk)
            return value, talk.choose(value, value, value, f'"{value}"')

        return {"type": "string"}, text
    if kind < 0.65:

        def integer(talk: Talk) -> tuple[Any, str]:
            value = talk.rng.choice((talk.rng.randint(0, 20), talk.rng.randint(0, 999)))
            return value, str(value)

        return {"type": "integer"}, integer
    if kind < 0.75:

        def number(talk: Talk) -> tuple[Any, str]:
            value = round(talk.rng.uniform(0, 50), talk.rng.choice((1, 2)))
            return value, str(value)

        return {"type": "number"}, number
    if kind < 0.87:

        def truth(talk: Talk) -> tuple[Any, str]:
            value = talk.rng.random() < 0.5
            return value, talk.choose("true", "on", "yes") if value else talk.choose(
                "false", "off", "no"
            )

        return {"type": "boolean"}, truth
    options = [talk.words.pick(lists.ADJECTIVES) for _ in range(rng.randint(2, 4))]

    def option(talk: Talk) -> tuple[Any, str]:
        value = talk.rng.choice(options)
        return value, value

    return {"type": "string", "enum": options}, option


def action(talk: Talk) -> Tool:
    """`<verb>_<noun>(...)` with one to four typed parameters that the sentence names."""
    words, rng = talk.words, talk.rng
    verb, noun = words.verb(), words.noun()
    keys: list[str] = []
    size = rng.choice((1, 2, 2, 3, 4))
    while len(keys) < size:
        key = words.noun() if talk.chance(0.8) else f"{words.noun()}_{words.noun()}"
        if key not in keys and key != noun:
            keys.append(key)
    typed = {key: _typed(talk) for key in keys}
    params = {
        key: described(talk, schema, f"The {key.replace('_', ' ')} of the {noun}")
        for key, (schema, _) in typed.items()
    }
    optional = set(rng.sample(keys, len(keys) // 2)) if talk.chance(0.4) else set()

    def request(talk: Talk) -> Request:
        used = [key for key in keys if key not in optional or talk.chance(0.5)]
        values = {key: typed[key][1](talk) for key in used}
        form = talk.choose(
            "{k} {v}", "{k} {v}", "{k} = {v}", "{k}: {v}", "the {k} {v}", "{k} set to {v}"
        )
        parts = [form.format(k=key.replace("_", " "), v=said) for key, (_, said) in values.items()]
        talk.rng.shuffle(parts)
        tail = parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
        text = talk.choose(
            "{V} the {n} with {t}.",
            "Please {v} the {n} with {t}",
            "{V} a {n} with {t}.",
            "Can you {v} the {n} with {t}?",
            "{V} {n}, {t}",
            "I want to {v} a {n} with {t}.",
            "{v} the {n} using {t}",
            "Could you {v} a {n}: {t}?",
        )
        text = text.format(V=verb.capitalize(), v=verb, n=noun, t=tail)
        return text, {key: value for key, (value, _) in values.items()}

    name = talk.choose(style(talk, verb, noun), style(talk, verb, noun), style(talk, noun, verb))
    spec = define(
        talk,
        name,
        talk.choose(f"{verb.capitalize()} a {noun}.", f"{verb.capitalize()}s the {noun}"),
        params,
        [key for key in keys if key not in optional],
    )
    return Tool(name, noun, spec, request)


def make(talk: Talk) -> Tool:
    """A tool of any family, whose name belongs to the split."""
    kind = talk.rng.random()
    maker = (
        lookup if kind < 0.34 else arithmetic if kind < 0.5 else action if kind < 0.78 else everyday
    )
    while True:
        tool = maker(talk)
        if is_held_out(tool.name) == talk.words.held_out:
            return tool


def toolset(talk: Talk, low: int = 1, high: int = 4) -> list[Tool]:
    """Tools that do not overlap: no two about the same thing, one everyday family member each."""
    tools: list[Tool] = []
    taken: set[str] = set()
    for _ in range(talk.rng.randint(low, high)):
        tool = make(talk)
        mark = (
            "arithmetic"
            if tool.family == "arithmetic"
            else (
                tool.spec["function"].get("description", tool.subject)
                if tool.family == "everyday"
                else tool.subject
            )
        )
        if not {mark, tool.name, tool.subject} & taken:
            taken |= {mark, tool.name, tool.subject}
            tools.append(tool)
    return tools
