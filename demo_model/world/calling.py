"""Dialogue turns that call tools, use their results, or decline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import lists
from .toolkit import Tool, string_value

if TYPE_CHECKING:
    from .talk import Talk


def _result(talk: Talk, tool: Tool) -> tuple[Any, str, list[str]]:
    """A tool's result, the answer that reports it, and the strings this has to contain."""
    rng, words = talk.rng, talk.words
    if tool.family == "arithmetic":
        number = rng.randint(0, 999)
        value: Any = rng.choice((number, {"result": number}, {"sum": number}, {"value": number}))
        return value, f"The result is {number}.", [str(number)]
    kind = rng.random()
    if kind < 0.45:
        found = {}
        for _ in range(rng.randint(1, 3)):
            found[words.noun()] = rng.choice(
                (
                    rng.randint(0, 999),
                    rng.randint(-9, 40),
                    words.adjective(),
                    words.name(),
                    words.pseudo(1, 3),
                )
            )
        parts = [f"the {key} is {value}" for key, value in found.items()]
        said = parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
        return found, f"T{said[1:]}.", [str(value) for value in found.values()]
    if kind < 0.7:
        text = talk.choose(
            f"{words.adjective()}, {rng.randint(0, 40)} degrees",
            words.phrase(),
            words.name(),
            f"{rng.randint(2, 900)} {words.noun()}s",
            words.pseudo(1, 3),
            str(rng.randint(0, 999)),
        )
        return text, f"The answer is: {text}.", [text]
    if kind < 0.88:
        good = rng.choice(
            ({"status": "ok"}, {"ok": True}, {"success": True}, "ok", "done", {"status": "done"})
        )
        return good, "It is done.", ["done"]
    problem = talk.choose(
        f"{words.noun()} not found",
        "not allowed",
        f"{words.noun()} is closed",
        "timeout",
        f"unknown {words.noun()}",
    )
    return {"error": problem}, f"That did not work: {problem}.", [problem]


def _spoken_thought(calls: list[tuple[Tool, dict[str, Any]]]) -> str:
    return " ".join(
        f"I call {tool.name} with {', '.join(map(str, arguments.values())) or 'nothing'}."
        for tool, arguments in calls
    )


def _skill(tools: list[Tool]) -> str:
    if len(tools) > 1:
        return "tool: two calls"
    return "tool: everyday" if tools[0].family == "everyday" else "tool: one call"


def _run(talk: Talk, text: str, calls: list[tuple[Tool, dict[str, Any]]]) -> None:
    talk.user(text)
    talk.call(
        [(tool.name, arguments) for tool, arguments in calls],
        _skill([t for t, _ in calls]),
        _spoken_thought(calls),
    )
    answers, wanted = [], []
    for tool, _ in calls:
        value, answer, want = _result(talk, tool)
        talk.result(value)
        answers.append(answer)
        wanted += want
    talk.say(" ".join(answers), "tool result", wanted, thought="I report the result.")


def one(talk: Talk) -> None:
    """One request, one call, its result and the answer."""
    tool = talk.rng.choice(talk.tools)
    text, arguments = tool.request(talk)
    if talk.chance(0.08):
        text += talk.choose(f" Use {tool.name}.", f" Please use the {tool.name} tool.")
    _run(talk, text, [(tool, arguments)])


def two(talk: Talk) -> None:
    """One request that needs two calls: one tool twice, or two tools."""
    tool = talk.rng.choice(talk.tools)
    if len(talk.tools) > 1 and talk.chance(0.6):
        other = talk.rng.choice([t for t in talk.tools if t is not tool])
        first, second = tool.request(talk), other.request(talk)
        joint = talk.choose(" And ", " Also: ", " Then: ", "\n", " ")
        _run(talk, first[0] + joint + second[0], [(tool, first[1]), (other, second[1])])
    elif tool.repeatable:
        noun, key = tool.subject, next(iter(tool.spec["function"]["parameters"]["properties"]))
        one_value, two_value = string_value(talk), string_value(talk)
        if one_value == two_value:
            return
        text = talk.choose(
            f"What is the {noun} in {one_value} and in {two_value}?",
            f"Compare the {noun} of {one_value} and {two_value}.",
            f"What's the {noun} in {one_value} and {two_value}?",
            f"Get the {noun} for {one_value} and for {two_value}",
        )
        _run(talk, text, [(tool, {key: one_value}), (tool, {key: two_value})])
    else:
        one(talk)


def none(talk: Talk) -> None:
    """A request for which there is no tool."""
    words = talk.words
    taken = {tool.subject for tool in talk.tools}
    noun = words.noun()
    while noun in taken:
        noun = words.noun()
    text = talk.choose(
        f"What is the {noun} in {words.city()}?",
        f"What's the {noun} of {words.name()}?",
        f"Get the {noun} for {words.city()}.",
        f"Please {words.verb()} the {noun}.",
        f"Check the {noun} in {words.city()}",
        f"Show me the {noun} of {words.name()}",
        f"{words.verb().capitalize()} a {noun} with {words.noun()} {talk.rng.randint(1, 99)}.",
        f"Order {words.pick(lists.FOODS)} for the {noun}.",
    )
    talk.user(text)
    talk.say(
        f"I am sorry, I have no tool for the {noun}.",
        "tool: no call",
        f"no tool for the {noun}",
        thought="No tool fits.",
    )
