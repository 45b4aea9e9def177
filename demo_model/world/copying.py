"""Repeating text exactly, known words or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .talk import Talk


def _text(talk: Talk) -> str:
    rng, words = talk.rng, talk.words
    size = rng.choice((1, 1, 2, 2, 3, 3, 4, 5, 6, 8))
    parts = [words.anything() for _ in range(size)]
    if talk.chance(0.2):
        parts[rng.randrange(size)] += rng.choice((",", "!", ";", ":", "?"))
    text = " ".join(parts)
    style = rng.random()
    if style < 0.15:
        text = text.upper()
    elif style < 0.35:
        text = text[0].upper() + text[1:]
    if talk.chance(0.2):
        text += rng.choice((".", "!", "?"))
    return text


_FORMS = (
    "Repeat after me: {}",
    "Repeat: {}",
    "Say {}",
    "Say: {}",
    'Say "{}"',
    'Repeat "{}"',
    "Repeat this: {}",
    "Repeat exactly: {}",
    "Echo {}",
    "Echo: {}",
    "repeat after me: {}",
    "Please repeat: {}",
    'Please say "{}".',
    "Write this: {}",
    'Write "{}"',
    "say {}",
    "Copy this text: {}",
    'Repeat the words "{}".',
    "Repeat the following text:\n{}",
    "Say exactly this and nothing else: {}",
    "Reply with: {}",
    'Answer with "{}".',
    "Can you say {}",
    "Print {}",
    "Reply only with {}",
    "Just say {}",
)


def repeat(talk: Talk) -> None:
    """One text to repeat, sometimes asked for again."""
    text = (
        talk.choose("hi", "hello", "ok", "yes", "Hello!", "test")
        if talk.chance(0.06)
        else (_text(talk))
    )
    talk.user(talk.rng.choice(_FORMS).format(text))
    talk.say(text, "repeating", kind="exact", judged=text, thought="I repeat the text.")
    if talk.chance(0.12):
        talk.user(
            talk.choose("Again, please.", "Say it again.", "Once more.", "Again!", "Repeat that.")
        )
        talk.say(text, "repeating", kind="exact", judged=text, thought="I repeat the last text.")


def many(talk: Talk) -> None:
    """One word several times."""
    word, times = talk.words.anything(), talk.rng.randint(2, 5)
    number = {2: "twice", 3: "three times", 4: "four times", 5: "five times"}[times]
    talk.user(
        talk.choose(f"Say {word} {number}.", f"Repeat {word} {number}", f"Write {word} {number}.")
    )
    text = " ".join([word] * times)
    talk.say(text, "repeating", kind="exact", judged=text, thought=f"{word}, {number}.")


def listing(talk: Talk) -> None:
    """Picks the first, last or n-th of a list of words."""
    rng = talk.rng
    items = [talk.words.anything() for _ in range(rng.randint(3, 6))]
    place = rng.randrange(len(items))
    label = ("first", "second", "third", "fourth", "fifth", "sixth")[place]
    if place == len(items) - 1:
        label = "last"
    talk.user(
        talk.choose(
            f"What is the {label} word of this list: {', '.join(items)}",
            f"{', '.join(items)}\nWhich of these is the {label}?",
            f"List: {', '.join(items)}\nGive me the {label} one.",
        )
    )
    talk.say(
        items[place],
        "picking",
        kind="exact",
        judged=items[place],
        thought=f"The {label} is {items[place]}.",
    )


def just_said(talk: Talk) -> None:
    """What the user said just before."""
    text = talk.last_user_text()
    if text is None:
        return
    talk.user(
        talk.choose(
            "What did I just say?",
            "What was my last message?",
            "What did I say before this?",
            "Repeat my last message.",
        )
    )
    talk.say(f'You said: "{text}"', "just said", text, thought="I look at the last message.")
