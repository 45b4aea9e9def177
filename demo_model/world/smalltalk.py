"""Greetings, thanks, a few facts, stories and jokes; an honest answer to the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import lists
from .phrases import EXCHANGES

if TYPE_CHECKING:
    from .talk import Talk


def fixed(talk: Talk) -> None:
    """One of the fixed exchanges."""
    skill, users, reply = talk.rng.choice(EXCHANGES)
    talk.user(talk.rng.choice(users))
    talk.say(reply, "small talk", thought=f"The user wants: {skill}.")


def greet(talk: Talk) -> None:
    """A greeting as people open a conversation with; a known name is used."""
    skill, users, reply = EXCHANGES[0] if talk.chance(0.6) else EXCHANGES[1]
    talk.user(talk.rng.choice(users))
    talk.say(reply, "small talk", thought=f"A {skill}.")


def part(talk: Talk) -> None:
    """Thanks or a goodbye."""
    skill, users, reply = talk.rng.choice(EXCHANGES[2:4])
    talk.user(talk.rng.choice(users))
    talk.say(reply, "small talk", thought=f"The user says {skill}.")


def story_about(talk: Talk) -> None:
    """A story with a hero whom the user chose."""
    hero = talk.choose(
        talk.words.name(), f"a {talk.words.phrase()}", f"a {talk.rng.choice(lists.PETS)}"
    )
    talk.user(
        talk.choose(
            f"Tell me a story about {hero}.",
            f"Tell me a short story about {hero}",
            f"Write a story about {hero}",
        )
    )
    talk.say(
        f"Once there was {hero}. One day it rained, and {hero} waited under the old columns. "
        f"When the sun came back, {hero} went home and slept well.",
        "story",
        hero,
        thought=f"A story about {hero}.",
    )


def capital(talk: Talk) -> None:
    """The capital of a country, or the country of a capital."""
    country, city = talk.rng.choice(list(lists.CAPITALS.items()))
    if talk.chance(0.25):
        talk.user(
            talk.choose(
                f"Which country has the capital {city}?", f"What country is {city} the capital of?"
            )
        )
        talk.say(
            f"{city} is the capital of {country}.",
            "capitals",
            country,
            thought=f"{city} belongs to {country}.",
        )
        return
    talk.user(
        talk.choose(
            f"What is the capital of {country}?",
            f"What's the capital of {country}?",
            f"Capital of {country}?",
            f"Tell me the capital of {country}.",
            f"what is the capital of {country}",
            f"Which city is the capital of {country}?",
            f"Do you know the capital of {country}?",
        )
    )
    talk.say(f"The capital of {country} is {city}.", "capitals", city, thought=f"It is {city}.")


def day(talk: Talk) -> None:
    """The day or the month before or after another."""
    ring = talk.rng.choice((lists.DAYS, lists.MONTHS))
    place = talk.rng.randrange(len(ring))
    one, two = ring[place], ring[(place + 1) % len(ring)]
    if talk.chance(0.6):
        talk.user(talk.choose(f"What comes after {one}?", f"Which comes after {one}?"))
        talk.say(f"After {one} comes {two}.", "days", two, thought=f"{one}, {two}.")
    else:
        talk.user(talk.choose(f"What comes before {two}?", f"Which comes before {two}?"))
        talk.say(f"Before {two} comes {one}.", "days", f"comes {one}.", thought=f"{one}, {two}.")


def unknown(talk: Talk) -> None:
    """Something beyond the small world: the model says so and names it."""
    words = talk.words
    topic = talk.choose(
        words.phrase(),
        words.pseudo(1, 3),
        words.name(),
        f"the {words.phrase()}",
        f"{words.phrase()} {words.noun()}",
        words.noun(),
    )
    talk.user(
        talk.choose(
            f"What is {topic}?",
            f"Explain {topic}",
            f"Tell me about {topic}.",
            f"Who invented {topic}?",
            f"Explain {topic}.",
            f"How does {topic} work?",
            f"Why is {topic} important?",
            f"What do you know about {topic}?",
            f"Write an essay about {topic}.",
            f"what is {topic}",
            f"Describe {topic}.",
            f"Who is {topic}?",
            f"Where is {topic}?",
            f"Who won {topic}?",
            f"Summarize {topic}",
            f"What do you think of {topic}?",
        )
    )
    talk.say(
        f"I am sorry, I do not know enough about {topic}.",
        "unknown topic",
        topic,
        thought=f"I know nothing about {topic}.",
    )
