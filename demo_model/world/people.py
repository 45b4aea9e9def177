"""Names and facts about the user: said once, asked for later."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import lists

if TYPE_CHECKING:
    from .talk import Talk

_FACTS = ("name", "city", "color", "pet", "food", "job", "age")


def _tell(talk: Talk, fact: str) -> tuple[str, str, str]:
    """The value of a fact, a sentence that tells it, and the words that confirm it."""
    words = talk.words
    match fact:
        case "name":
            value = words.name()
            form = talk.choose(
                "My name is {}.",
                "My name is {}",
                "I'm {}.",
                "I am {}.",
                "Hi, I'm {}!",
                "Call me {}.",
                "Hello, my name is {}.",
                "Hi! My name is {}.",
                "my name is {}",
                "You can call me {}.",
                "{} is my name.",
            )
            reply = f"Nice to meet you, {value}!"
        case "city":
            value = words.city()
            form = talk.choose(
                "I live in {}.",
                "I'm from {}.",
                "I come from {}.",
                "My city is {}.",
                "I live in {}",
                "My home is in {}.",
            )
            reply = f"{value} sounds like a nice place."
        case "color":
            value = talk.rng.choice(lists.COLORS)
            form = talk.choose(
                "My favourite colour is {}.",
                "My favorite color is {}.",
                "I like the colour {} most.",
                "I love the color {}.",
            )
            reply = f"{value.capitalize()} is a lovely colour."
        case "pet":
            kind, name = talk.rng.choice(lists.PETS), words.name()
            value = f"{kind} called {name}"
            form = talk.choose(
                f"I have a {kind} called {name}.",
                f"My {kind} is called {name}.",
                f"I have a {kind} named {name}.",
                f"My {kind}'s name is {name}.",
            )
            reply = f"{name} is a nice name for a {kind}."
        case "food":
            value = words.pick(lists.FOODS)
            form = talk.choose(
                "My favourite food is {}.",
                "I love to eat {}.",
                "I like {} a lot.",
                "My favorite food is {}.",
            )
            reply = f"You have good taste, I hear much good of {value}."
        case "job":
            value = words.pick(lists.JOBS)
            form = talk.choose("I work as a {}.", "My job is {}.", "I am a {} by trade.")
            reply = f"Being a {value} must be interesting."
        case _:
            value = str(talk.rng.randint(5, 99))
            form = talk.choose(
                "I am {} years old.", "I'm {} years old.", "My age is {}.", "I am {}."
            )
            reply = f"{value} is a fine age."
    return value, form.format(value), reply


def _ask(talk: Talk, fact: str, value: str | None) -> tuple[str, str]:
    """A question about a fact and its answer; `value` None when the user never said it."""
    match fact:
        case "name":
            question = talk.choose(
                "What's my name?",
                "What is my name?",
                "Do you remember my name?",
                "Who am I?",
                "What am I called?",
                "whats my name",
                "Can you tell me my name?",
                "Do you know my name?",
                "Say my name.",
                "What was my name again?",
                "what is my name",
            )
            answer = f"Your name is {value}."
        case "city":
            question = talk.choose(
                "Where do I live?",
                "Which city do I live in?",
                "Where am I from?",
                "Do you remember where I live?",
                "What city am I in?",
            )
            answer = f"You live in {value}."
        case "color":
            question = talk.choose(
                "What is my favourite colour?",
                "Which colour do I like?",
                "What's my favorite color?",
                "Do you remember my favourite colour?",
            )
            answer = f"Your favourite colour is {value}."
        case "pet":
            question = talk.choose(
                "What is my pet called?",
                "What pet do I have?",
                "Do I have a pet?",
                "What's my pet's name?",
                "Do you remember my pet?",
            )
            answer = f"You have a {value}."
        case "food":
            question = talk.choose(
                "What is my favourite food?",
                "What do I like to eat?",
                "What's my favorite food?",
                "Do you remember my favourite food?",
            )
            answer = f"Your favourite food is {value}."
        case "job":
            question = talk.choose(
                "What is my job?",
                "What do I do for work?",
                "What's my job?",
                "Do you remember my job?",
            )
            answer = f"You work as a {value}."
        case _:
            question = talk.choose("How old am I?", "What is my age?", "Do you remember my age?")
            answer = f"You are {value} years old."
    if value is None:
        label = {"name": "your name", "city": "where you live", "age": "how old you are"}.get(
            fact, f"your {'colour' if fact == 'color' else fact}"
        )
        answer = f"You have not told me {label} yet."
    return question, answer


def tell(talk: Talk) -> None:
    """The user tells one or two facts, sometimes correcting an earlier one."""
    rng = talk.rng
    fact = "name" if "name" not in talk.known and talk.chance(0.6) else rng.choice(_FACTS)
    again = fact in talk.known
    value, sentence, reply = _tell(talk, fact)
    thought = f"The user's {fact} is {value}."
    if again:
        sentence = talk.choose("Actually, ", "No wait, ", "I was wrong: ") + sentence
    talk.known[fact] = value
    wanted = [value.split(" called ")[-1]]
    if talk.chance(0.25) and not again:
        other = rng.choice([f for f in _FACTS if f != fact])
        if other not in talk.known:
            second, more, extra = _tell(talk, other)
            talk.known[other] = second
            sentence = f"{sentence.rstrip('.!')}{talk.choose('. ', ' and ')}{more}"
            reply = f"{reply} {extra}"
            thought += f" The user's {other} is {second}."
            wanted.append(second.split(" called ")[-1])
    if talk.chance(0.08):
        sentence += talk.choose(" Remember that.", " Please remember it.", " Don't forget it.")
    talk.user(sentence)
    repeated = [part for part in wanted if part in reply]
    talk.say(reply, "telling", repeated or None, thought=thought)


def ask(talk: Talk) -> None:
    """The user asks for a fact: mostly a known one."""
    known = [fact for fact in _FACTS if fact in talk.known]
    if not known and talk.chance(0.75):
        tell(talk)
        return
    if known and talk.chance(0.88):
        fact = "name" if "name" in known and talk.chance(0.5) else talk.rng.choice(known)
    else:
        fact = talk.rng.choice(("name", *_FACTS))
    value = talk.known.get(fact)
    question, answer = _ask(talk, fact, value)
    talk.user(question)
    if value is None:
        talk.say(answer, "unknown fact", "not told me", thought="The user has not said it.")
        return
    talk.say(answer, "memory", value.split(" called "), thought=f"The user's {fact} is {value}.")


def ask_model(talk: Talk) -> None:
    """The user asks who the model is; a persona in the system prompt gives it another name."""
    if talk.chance(0.6):
        talk.user(
            talk.choose(
                "What's your name?",
                "What is your name?",
                "Who are you called?",
                "Do you have a name?",
                "what is your name",
                "Tell me your name.",
                "And your name?",
                "Your name?",
                "What should I call you?",
            )
        )
        talk.say(f"My name is {talk.name}.", "own name", talk.name, thought=f"I am {talk.name}.")
        return
    talk.user(
        talk.choose(
            "Who are you?",
            "What are you?",
            "Introduce yourself.",
            "who are you",
            "Tell me about yourself.",
            "Are you a robot?",
            "Which model are you?",
        )
    )
    about = talk.persona or "the small demo model of Colonnade"
    talk.say(f"I am {talk.name}, {about}.", "own name", talk.name, thought=f"I am {talk.name}.")
