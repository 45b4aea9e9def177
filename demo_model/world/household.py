"""Household tools: a timer, a search, a trip. Realistic paraphrases under random names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import lists
from .toolkit import Request, Tool, define, described, style

if TYPE_CHECKING:
    from collections.abc import Callable

    from .talk import Talk

_LANGUAGES = (
    "French",
    "German",
    "Spanish",
    "Italian",
    "Dutch",
    "Polish",
    "Greek",
    "Swedish",
    "Japanese",
    "Korean",
    "Turkish",
    "Finnish",
    "Danish",
    "Czech",
    "Hindi",
    "Arabic",
)


@dataclass(frozen=True, slots=True)
class _Everyday:
    """A household tool: words for its name, its parameters and its sentences.

    Slots in `says` are parameter places; `kinds` tells how to fill each.
    """

    verbs: tuple[str, ...]
    nouns: tuple[str, ...]
    about: str
    kinds: tuple[str, ...]
    names: tuple[tuple[str, ...], ...]
    says: tuple[str, ...]


_EVERYDAY = (
    _Everyday(
        ("send", "write", "post", "mail"),
        ("email", "message", "mail", "note"),
        "Send a message to someone",
        ("name", "phrase"),
        (("to", "recipient", "receiver", "person"), ("text", "body", "message", "subject")),
        (
            "Send {0} a message: {1}",
            "Write to {0}: {1}",
            "Tell {0} this: {1}",
            "Message {0} with {1}",
        ),
    ),
    _Everyday(
        ("set", "start", "add", "create"),
        ("timer", "countdown", "clock"),
        "Set a timer",
        ("int",),
        (("minutes", "duration", "length", "mins"),),
        (
            "Set a timer for {0} minutes",
            "Start a {0} minute timer.",
            "Timer for {0} minutes, please.",
            "Remind me in {0} minutes.",
        ),
    ),
    _Everyday(
        ("set", "add", "make", "create"),
        ("alarm", "wakeup", "bell"),
        "Set an alarm",
        ("hour", "minute"),
        (("hour", "hours", "h"), ("minute", "minutes", "min")),
        ("Wake me at {0}:{1}", "Set an alarm for {0}:{1}.", "Alarm at {0}:{1}, please."),
    ),
    _Everyday(
        ("translate", "turn", "convert"),
        ("text", "phrase", "words"),
        "Translate a text to a language",
        ("phrase", "language"),
        (("text", "phrase", "input", "source"), ("language", "target", "to", "lang")),
        (
            "Translate {0} to {1}.",
            "How do you say {0} in {1}?",
            "What is {0} in {1}?",
            "Say {0} in {1}",
            "Translate '{0}' into {1}",
        ),
    ),
    _Everyday(
        ("search", "google", "browse", "find"),
        ("web", "internet", "documents", "pages"),
        "Search for a text",
        ("phrase",),
        (("query", "q", "text", "terms", "keywords"),),
        (
            "Search for {0}",
            "Find pages about {0}.",
            "Look for {0} on the web.",
            "Search the web for {0}.",
            "Google {0}",
        ),
    ),
    _Everyday(
        ("play", "stream", "start"),
        ("music", "song", "track", "audio"),
        "Play music",
        ("phrase", "name"),
        (("song", "title", "track"), ("artist", "singer", "by")),
        (
            "Play {0} by {1}.",
            "I want to hear {0} by {1}.",
            "Put on {0} by {1}",
            "Play the song {0} by {1}",
        ),
    ),
    _Everyday(
        ("order", "buy", "purchase", "get"),
        ("food", "item", "goods", "product"),
        "Order something",
        ("int2", "food"),
        (("quantity", "count", "amount", "number"), ("item", "product", "food", "what")),
        ("Order {0} {1}.", "I want {0} {1}", "Buy {0} {1}, please.", "Get me {0} {1}."),
    ),
    _Everyday(
        ("convert", "change", "exchange"),
        ("currency", "money", "cash"),
        "Convert an amount of money",
        ("int", "money", "money"),
        (
            ("amount", "value", "how_much"),
            ("from", "source", "from_currency"),
            ("to", "target", "to_currency"),
        ),
        (
            "Convert {0} {1} to {2}.",
            "How much is {0} {1} in {2}?",
            "Change {0} {1} into {2}",
            "What are {0} {1} in {2}?",
        ),
    ),
    _Everyday(
        ("book", "reserve", "get"),
        ("table", "seats", "restaurant"),
        "Book a table",
        ("name", "int2"),
        (("restaurant", "place", "venue"), ("people", "guests", "seats", "persons")),
        (
            "Book a table at {0} for {1} people.",
            "Reserve {0} for {1}",
            "I need a table at {0} for {1} people.",
        ),
    ),
    _Everyday(
        ("turn", "switch", "set"),
        ("light", "lamp", "lights"),
        "Switch the light in a room",
        ("room", "onoff"),
        (("room", "place", "where"), ("on", "state", "enabled", "power")),
        (
            "Turn the light in the {0} {1}.",
            "Switch {1} the {0} light.",
            "Turn {1} the lights in the {0}",
        ),
    ),
    _Everyday(
        ("book", "find", "search", "get"),
        ("flight", "train", "trip", "route"),
        "Find a trip",
        ("city", "city"),
        (("from", "origin", "start", "departure"), ("to", "destination", "end", "arrival")),
        (
            "Find a trip from {0} to {1}.",
            "I want to go from {0} to {1}",
            "How do I get from {0} to {1}?",
            "Book me from {0} to {1}.",
        ),
    ),
    _Everyday(
        ("get", "find", "tell"),
        ("forecast", "climate", "temperature"),
        "Get the forecast for a place and day",
        ("city", "day"),
        (("city", "place", "town"), ("day", "date", "when")),
        (
            "What will it be like in {0} on {1}?",
            "Forecast for {0} on {1}",
            "Will it rain in {0} on {1}?",
            "How warm will it be in {0} on {1}?",
        ),
    ),
    _Everyday(
        ("get", "check", "read", "look"),
        ("time", "clock", "hour"),
        "Get the time in a city",
        ("city",),
        (("city", "timezone", "place", "zone"),),
        ("What time is it in {0}?", "Tell me the time in {0}", "How late is it in {0}?"),
    ),
    _Everyday(
        ("add", "create", "make", "new"),
        ("reminder", "task", "todo", "event"),
        "Add a task for a day",
        ("phrase", "day"),
        (("text", "title", "task", "what"), ("day", "date", "when")),
        (
            "Remind me of the {0} on {1}.",
            "Add {0} to my list for {1}",
            "On {1} I have {0}, note it.",
        ),
    ),
)


def _fill(talk: Talk, kind: str) -> tuple[Any, str]:
    """A value for an everyday slot and how it is said."""
    rng, words = talk.rng, talk.words
    if kind in ("int", "int2", "hour", "minute"):
        low, high = {"int": (1, 500), "int2": (2, 20), "hour": (0, 23), "minute": (10, 59)}[kind]
        value = rng.randint(low, high)
        return value, str(value)
    if kind == "onoff":
        on = rng.random() < 0.5
        return on, "on" if on else "off"
    makers: dict[str, Callable[[], str]] = {
        "name": words.name,
        "city": words.city,
        "phrase": words.phrase,
        "food": lambda: words.pick(lists.FOODS),
        "language": lambda: rng.choice(_LANGUAGES),
        "money": lambda: talk.choose(
            "euros", "dollars", "yen", "pounds", "francs", "USD", "EUR", "GBP"
        ),
        "room": lambda: talk.choose("kitchen", "bedroom", "hall", "garden", "office", words.noun()),
        "day": lambda: talk.choose(*lists.DAYS, "tomorrow", "today"),
    }
    text = makers[kind]()
    return text, text


_TYPES = {
    "int": "integer",
    "int2": "integer",
    "hour": "integer",
    "minute": "integer",
    "onoff": "boolean",
}


def everyday(talk: Talk) -> Tool:
    """A household tool with realistic paraphrases."""
    kind = talk.rng.choice(_EVERYDAY)
    verb, noun = talk.rng.choice(kind.verbs), talk.rng.choice(kind.nouns)
    keys = [talk.rng.choice(options) for options in kind.names]
    name = talk.choose(
        style(talk, verb, noun),
        style(talk, verb, noun),
        style(talk, noun, verb),
        style(talk, verb, talk.words.adjective(), noun),
    )
    params = {
        key: described(talk, {"type": _TYPES.get(slot, "string")}, f"The {key.replace('_', ' ')}")
        for key, slot in zip(keys, kind.kinds, strict=True)
    }

    def request(talk: Talk) -> Request:
        filled = [_fill(talk, slot) for slot in kind.kinds]
        text = talk.rng.choice(kind.says).format(*(said for _, said in filled))
        return text, {key: value for key, (value, _) in zip(keys, filled, strict=True)}

    return Tool(
        name, noun, define(talk, name, kind.about, params, keys), request, family="everyday"
    )
