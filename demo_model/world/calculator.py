"""Tools that compute with two numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .toolkit import Request, Tool, define, described, style

if TYPE_CHECKING:
    from .talk import Talk

_SUMS = (
    ("sum", "total", "addition", "add"),
    ("difference", "subtraction", "subtract"),
    ("product", "multiplication", "multiply"),
)


def arithmetic(talk: Talk) -> Tool:
    """Two numbers: a calculator, which then is used in place of the model's own arithmetic."""
    words = talk.words
    which = talk.rng.randrange(3)
    noun = talk.rng.choice(_SUMS[which])
    verb = talk.choose("calculate", "compute", "do", "get", "run", "work_out", words.verb())
    first, second = talk.choose(
        "a b", "x y", "first second", "n1 n2", "left right", "num1 num2"
    ).split()
    kind = talk.choose("integer", "integer", "number")
    name = talk.choose(
        style(talk, verb, noun),
        style(talk, verb, noun),
        style(talk, noun, talk.choose("numbers", "values", "two", words.pseudo(1, 2))),
    )
    about = (
        (
            "Add two numbers",
            "Sum of two numbers",
            "Calculate the sum of two numbers",
            "Calculates the sum of two integers",
        ),
        ("Subtract two numbers", "Difference of two numbers"),
        ("Multiply two numbers", "Product of two numbers"),
    )[which]
    params = {
        p: described(talk, {"type": kind}, f"{label} number")
        for p, label in ((first, "First"), (second, "Second"))
    }

    def request(talk: Talk) -> Request:
        a, b = talk.rng.randint(0, 999), talk.rng.randint(0, 999)
        if talk.chance(0.7):
            a, b = a % 100, b % 100
        forms = (
            (
                "What is {a} + {b}?",
                "Calculate {a} + {b}",
                "Calculate the sum of {a} and {b}",
                "Add {a} and {b}.",
                "What is {a} plus {b}?",
                "{a} + {b}",
                "What is the sum of {a} and {b}?",
                "Sum {a} and {b}",
                "What's {a} + {b}?",
                "How much is {a} + {b}?",
            ),
            (
                "What is {a} - {b}?",
                "Calculate {a} - {b}",
                "What is {a} minus {b}?",
                "{a} - {b}",
                "What is the difference of {a} and {b}?",
                "How much is {a} minus {b}?",
            ),
            (
                "What is {a} * {b}?",
                "What is {a} times {b}?",
                "Multiply {a} by {b}.",
                "{a} * {b}",
                "Calculate {a} * {b}",
                "What is the product of {a} and {b}?",
            ),
        )[which]
        return talk.rng.choice(forms).format(a=a, b=b), {first: a, second: b}

    spec = define(talk, name, talk.rng.choice(about), params, [first, second])
    return Tool(name, noun, spec, request, family="arithmetic")
