"""Questions about a paragraph that the prompt gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import lists

if TYPE_CHECKING:
    from .talk import Talk

_NOT_SAID = "The text does not say that."


@dataclass(frozen=True, slots=True)
class Fact:
    """A sentence of a paragraph, questions about it, their answers and the answers' key words."""

    sentence: str
    questions: tuple[tuple[str, str, str], ...]


def _article(word: str) -> str:
    return f"an {word}" if word[0] in "aeiou" else f"a {word}"


def _fact(talk: Talk, who: str) -> Fact:
    words, rng = talk.words, talk.rng
    match rng.randrange(8):
        case 0:
            city = words.city()
            return Fact(
                f"{who} lives in {city}.",
                (
                    (f"Where does {who} live?", f"{who} lives in {city}.", city),
                    (f"Who lives in {city}?", f"{who} lives in {city}.", who),
                ),
            )
        case 1:
            job = words.pick(lists.JOBS)
            return Fact(
                f"{who} works as {_article(job)}.",
                (
                    (f"What is {who}'s job?", f"{who} works as {_article(job)}.", job),
                    (f"Who works as {_article(job)}?", f"{who} works as {_article(job)}.", who),
                    (f"What does {who} do?", f"{who} works as {_article(job)}.", job),
                ),
            )
        case 2:
            age = rng.randint(4, 99)
            return Fact(
                f"{who} is {age} years old.",
                ((f"How old is {who}?", f"{who} is {age} years old.", str(age)),),
            )
        case 3:
            food = words.pick(lists.FOODS)
            return Fact(
                f"{who} likes {food}.",
                (
                    (f"What does {who} like?", f"{who} likes {food}.", food),
                    (f"Who likes {food}?", f"{who} likes {food}.", who),
                ),
            )
        case 4:
            pet, name = rng.choice(lists.PETS), words.name()
            return Fact(
                f"{who} has a {pet} called {name}.",
                (
                    (f"What is {who}'s {pet} called?", f"{who} has a {pet} called {name}.", name),
                    (f"What pet does {who} have?", f"{who} has a {pet} called {name}.", pet),
                ),
            )
        case 5:
            year = rng.randint(1500, 2030)
            city = words.city()
            return Fact(
                f"{who} was born in {city} in {year}.",
                (
                    (f"When was {who} born?", f"{who} was born in {year}.", str(year)),
                    (f"Where was {who} born?", f"{who} was born in {city}.", city),
                ),
            )
        case 6:
            noun, color = words.noun(), rng.choice(lists.COLORS)
            return Fact(
                f"{who}'s {noun} is {color}.",
                ((f"What colour is {who}'s {noun}?", f"{who}'s {noun} is {color}.", color),),
            )
        case _:
            noun, place = words.phrase(), words.noun()
            return Fact(
                f"{who} put the {noun} in the {place}.",
                (
                    (f"Where is the {noun}?", f"The {noun} is in the {place}.", place),
                    (
                        f"Who put the {noun} in the {place}?",
                        f"{who} put the {noun} in the {place}.",
                        who,
                    ),
                ),
            )


def _thing(talk: Talk) -> Fact:
    """A definition or an attribute of a thing: mostly copying of unseen words."""
    words = talk.words
    noun = words.phrase()
    if talk.chance(0.5):
        kind = words.phrase()
        tail = talk.choose(
            f"that {words.verb()}s the {words.noun()}",
            f"in which {_article(words.noun())} is used",
            f"made of {words.noun()} and {words.noun()}",
            f"from {words.city()}",
            f"for {words.noun()}s and {words.noun()}s",
            f"used by {words.pick(lists.JOBS)}s",
            f"where {_article(words.phrase())} can {words.verb()} {_article(words.phrase())}",
        )
        sentence = f"{noun[0].upper()}{noun[1:]} is {_article(kind)} {tail}."
        return Fact(
            sentence,
            (
                (f"What is {noun}?", sentence, tail),
                (f"what is {noun}", sentence, tail),
                (f"Explain {noun}.", sentence, tail),
            ),
        )
    attribute, value = (
        words.noun(),
        talk.choose(words.city(), str(talk.rng.randint(2, 999)), words.name(), words.phrase()),
    )
    sentence = f"The {attribute} of the {noun} is {value}."
    return Fact(sentence, ((f"What is the {attribute} of the {noun}?", sentence, value),))


def paragraph(talk: Talk, low: int = 2, high: int = 6) -> list[Fact]:
    """Facts about different people and things, whose questions do not collide."""
    facts: list[Fact] = []
    used: set[str] = set()
    for _ in range(talk.rng.randint(low, high)):
        fact = _thing(talk) if talk.chance(0.35) else _fact(talk, talk.words.name())
        keys = {question for question, _, _ in fact.questions}
        if not keys & used:
            used |= keys
            facts.append(fact)
    return facts


def _other_question(talk: Talk) -> str:
    return talk.rng.choice(_fact(talk, talk.words.name()).questions)[0]


def _frame(talk: Talk, context: str, question: str) -> str:
    frame = talk.choose(
        "Context: {c}\n\nQuestion: {q}",
        "Context:\n{c}\n\nQuestion: {q}",
        "{c}\n\n{q}",
        "{c} {q}",
        "Read this: {c}\n{q}",
        "{q}\n\nContext: {c}",
        "Text: {c}\nQuestion: {q}",
        "Answer from the text.\n{c}\n{q}",
        "Use this context to answer.\n\n{c}\n\n{q}",
        "Given this context:\n{c}\n\n{q}",
        "Context: {c}\n\n{q}",
        "Context: {c}\n{q}\nAnswer:",
    )
    return frame.format(c=context, q=question)


def read(talk: Talk) -> None:
    """A paragraph with a question, and sometimes further questions on it."""
    facts = paragraph(talk)
    context = " ".join(fact.sentence for fact in facts)
    first = True
    for _ in range(talk.rng.choice((1, 1, 2, 3))):
        if talk.chance(0.15):
            question, answer, key = _other_question(talk), _NOT_SAID, "does not say"
            thought, skill = "No sentence says it.", "reading: not said"
        else:
            fact = talk.rng.choice(facts)
            question, answer, key = talk.rng.choice(fact.questions)
            thought, skill = f"The text says: {fact.sentence}", "reading"
        talk.user(_frame(talk, context, question) if first else question)
        talk.say(answer, skill, key, thought=thought)
        first = False


def system_context(talk: Talk) -> tuple[str, list[Fact]]:
    """A paragraph for the system prompt, asked about later by `ask_system`."""
    facts = paragraph(talk, 1, 4)
    context = " ".join(fact.sentence for fact in facts)
    head = talk.choose(
        "", "Context: ", "Use this context: ", "Facts: ", "Context:\n", "Answer from this text: "
    )
    return head + context, facts


def ask_system(talk: Talk, facts: list[Fact]) -> None:
    """A question about the paragraph in the system prompt."""
    fact = talk.rng.choice(facts)
    question, answer, key = talk.rng.choice(fact.questions)
    talk.user(question)
    talk.say(answer, "reading", key, thought=f"The text says: {fact.sentence}")
