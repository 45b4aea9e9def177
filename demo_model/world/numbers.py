"""Sums, differences, small products and counting."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .talk import Talk

_PLUS = (
    "What is {a} + {b}?",
    "What is {a} plus {b}?",
    "{a} + {b}",
    "{a}+{b}",
    "What's {a} + {b}?",
    "Add {a} and {b}.",
    "Calculate {a} + {b}",
    "Calculate the sum of {a} and {b}",
    "{a} + {b} = ?",
    "How much is {a} plus {b}?",
    "What is the sum of {a} and {b}?",
    "what is {a}+{b}",
    "Please add {a} and {b}",
    "Compute {a} + {b}.",
    "Can you add {a} and {b}?",
    "{a} plus {b}?",
    "What is {a}+{b}?",
    "What does {a} plus {b} make?",
)
_MINUS = (
    "What is {a} - {b}?",
    "What is {a} minus {b}?",
    "{a} - {b}",
    "{a}-{b}",
    "What's {a} - {b}?",
    "Subtract {b} from {a}.",
    "Calculate {a} - {b}",
    "How much is {a} minus {b}?",
    "Take {b} away from {a}.",
    "what is {a}-{b}",
    "Compute {a} - {b}.",
    "{a} minus {b}?",
    "What is the difference of {a} and {b}?",
)
_TIMES = (
    "What is {a} times {b}?",
    "What is {a} * {b}?",
    "{a} * {b}",
    "Multiply {a} by {b}.",
    "What's {a} x {b}?",
    "How much is {a} times {b}?",
)


def _held_out(a: int, sign: str, b: int) -> bool:
    return zlib.crc32(f"{a}{sign}{b}".encode()) % 8 == 0


def _carries(a: int, sign: str, b: int) -> bool:
    """Whether the tens depend on the ones; such sums are rarer by chance and harder to learn."""
    return a % 10 + b % 10 > 9 if sign == "+" else a % 10 < b % 10


def _operands(talk: Talk, sign: str) -> tuple[int, int]:
    rng = talk.rng
    while True:
        high = 10 if sign == "*" else rng.choice((10, 20, 99, 99, 99, 99, 99))
        a, b = rng.randint(0, high), rng.randint(0, high)
        if sign == "-" and a < b and talk.chance(0.6):
            a, b = b, a
        if sign in "+-" and not _carries(a, sign, b) and talk.chance(0.4):
            continue
        # Products are a table to know by heart: nothing of it can be held out.
        if sign == "*" or _held_out(a, sign, b) == talk.words.held_out:
            return a, b


def steps(a: int, sign: str, b: int) -> str:
    """The written method, from the ones to the tens."""
    if sign == "+":
        ones = a % 10 + b % 10
        carry = ones // 10
        tens = a // 10 + b // 10
        more = f" + {carry} = {tens + carry}" if carry else f" = {tens}"
        return (
            f"{a % 10} + {b % 10} = {ones}, write {ones % 10}, carry {carry}. "
            f"{a // 10} + {b // 10}{more}. So {a + b}."
        )
    if sign == "-" and a >= b:
        borrow = int(a % 10 < b % 10)
        ones = a % 10 + 10 * borrow
        return (
            f"{ones} - {b % 10} = {ones - b % 10}, borrow {borrow}. "
            f"{a // 10} - {b // 10}{' - 1' if borrow else ''} = {a // 10 - b // 10 - borrow}. "
            f"So {a - b}."
        )
    if sign == "-":
        return f"{a} is less than {b}. {b} - {a} = {b - a}. So {a - b}."
    return f"{a} times {b} is {a * b}."


def calculate(talk: Talk) -> None:
    """One sum, difference or product; the answer repeats the operands."""
    sign = talk.rng.choice("++++---*")
    a, b = _operands(talk, sign)
    result = {"+": a + b, "-": a - b, "*": a * b}[sign]
    forms = {"+": _PLUS, "-": _MINUS, "*": _TIMES}[sign]
    talk.user(talk.rng.choice(forms).format(a=a, b=b))
    skill = {"+": "addition", "-": "subtraction", "*": "times table"}[sign]
    talk.say(f"{a} {sign} {b} = {result}.", skill, f"= {result}.", thought=steps(a, sign, b))


def follow_up(talk: Talk) -> None:
    """A sum, then another one that starts from its result."""
    a, b = _operands(talk, "+")
    c = talk.rng.randint(1, 20)
    talk.user(talk.rng.choice(_PLUS).format(a=a, b=b))
    talk.say(f"{a} + {b} = {a + b}.", "addition", f"= {a + b}.", thought=steps(a, "+", b))
    talk.user(talk.choose(f"Now add {c}.", f"Add {c} to that.", f"And plus {c}?", f"plus {c}"))
    talk.say(
        f"{a + b} + {c} = {a + b + c}.",
        "addition",
        f"= {a + b + c}.",
        thought=f"The last result is {a + b}. Add {c}.",
    )


def count(talk: Talk) -> None:
    """Counts up or down, by ones or by another small step."""
    rng = talk.rng
    length = rng.randint(2, 16)
    step = rng.choice((1, 1, 1, 1, 1, 1, 1, 2, 5, 10))
    low = rng.choice((0, 1, 1, 1, rng.randint(2, 80)))
    numbers = list(range(low, low + length * step, step))
    if step > 1:
        unit = {2: "twos", 5: "fives", 10: "tens"}[step]
        talk.user(f"Count by {unit} from {numbers[0]} to {numbers[-1]}" + talk.choose(".", ""))
    elif talk.chance(0.25):
        numbers.reverse()
        talk.user(
            talk.choose(
                "Count down from {a} to {b}.",
                "Count backwards from {a} to {b}",
                "Count from {a} down to {b}.",
                "Count from {a} to {b}",
            ).format(a=numbers[0], b=numbers[-1])
        )
    elif low == 1 and talk.chance(0.3):
        talk.user(
            talk.choose("Count to {b}.", "Count to {b}", "Can you count to {b}?").format(
                b=numbers[-1]
            )
        )
    else:
        talk.user(
            talk.choose(
                "Count from {a} to {b}",
                "Count from {a} to {b}.",
                "count from {a} to {b}",
                "Please count from {a} to {b}.",
                "Can you count from {a} to {b}?",
                "List the numbers from {a} to {b}.",
                "Count up from {a} to {b}.",
                "Write the numbers {a} to {b}.",
                "Say the numbers from {a} to {b}",
            ).format(a=numbers[0], b=numbers[-1])
        )
    text = ", ".join(map(str, numbers))
    talk.say(
        text, "counting", kind="exact", judged=text, thought=f"From {numbers[0]} to {numbers[-1]}."
    )


def neighbour(talk: Talk) -> None:
    """What comes after or before a number; which of two is larger."""
    rng = talk.rng
    n, m = rng.randint(1, 98), rng.randint(1, 98)
    kind = rng.randrange(3)
    if kind == 0:
        talk.user(talk.choose(f"What comes after {n}?", f"Which number comes after {n}?"))
        answer = f"After {n} comes {n + 1}."
    elif kind == 1:
        talk.user(talk.choose(f"What comes before {n}?", f"Which number comes before {n}?"))
        answer = f"Before {n} comes {n - 1}."
    else:
        m += m == n
        talk.user(talk.choose(f"Which is larger, {n} or {m}?", f"Is {n} bigger than {m}?"))
        answer = f"{max(n, m)} is larger than {min(n, m)}."
    talk.say(answer, "number order", answer, thought="I compare the numbers.")
