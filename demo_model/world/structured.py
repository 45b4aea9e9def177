"""Filling a small JSON schema from a sentence."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import lists

if TYPE_CHECKING:
    from collections.abc import Callable

    from .talk import Talk


@dataclass(frozen=True, slots=True)
class Field:
    """One property: its schema, its value, and how a sentence says the value."""

    key: str
    schema: dict[str, Any]
    value: Any
    said: str


def _spoken(key: str) -> str:
    return key.replace("_", " ")


def _key(talk: Talk) -> str:
    words = talk.words
    if talk.chance(0.25):
        return f"{words.noun()}_{words.noun()}"
    return words.noun()


def _string(talk: Talk) -> str:
    words = talk.words
    return talk.choose(
        words.name(),
        words.city(),
        words.phrase(),
        words.pseudo(1, 3),
        words.noun(),
        f"{words.name()} {words.name()}",
        f"{words.city()} {words.noun().capitalize()}",
    )


def _field(talk: Talk, key: str) -> Field:
    rng, words = talk.rng, talk.words
    kind = rng.random()
    if kind < 0.42:
        text = _string(talk)
        return Field(key, {"type": "string"}, text, text)
    if kind < 0.67:
        number = rng.choice((rng.randint(0, 20), rng.randint(0, 120), rng.randint(100, 9999)))
        return Field(key, {"type": "integer"}, number, str(number))
    if kind < 0.74:
        real = round(rng.uniform(0, 100), rng.choice((1, 2)))
        return Field(key, {"type": "number"}, real, str(real))
    if kind < 0.84:
        truth = rng.random() < 0.5
        return Field(
            key,
            {"type": "boolean"},
            truth,
            talk.choose("true", "yes", "on") if truth else talk.choose("false", "no", "off"),
        )
    if kind < 0.92:
        options = [words.pick(lists.ADJECTIVES) for _ in range(rng.randint(2, 4))]
        value = rng.choice(options)
        return Field(key, {"type": "string", "enum": options}, value, value)
    names = [words.name() if talk.chance(0.6) else words.noun() for _ in range(rng.randint(1, 4))]
    said = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    return Field(key, {"type": "array", "items": {"type": "string"}}, names, said)


def _labelled(talk: Talk, fields: list[Field]) -> str:
    """A sentence that names each key."""
    form = talk.choose(
        "The {k} is {v}", "{k}: {v}", "{k} {v}", "{k} is {v}", "the {k} is {v}", "{k} = {v}"
    )
    joint = talk.choose(", ", ". ", "; ", " and ", "\n", ", ")
    parts = [form.format(k=_spoken(f.key), v=f.said) for f in fields]
    talk.rng.shuffle(parts)
    return joint.join(parts)


def _person(talk: Talk) -> tuple[list[Field], str]:
    words = talk.words
    name, age = words.name(), talk.rng.randint(5, 95)
    city, job = words.city(), words.pick(lists.JOBS)
    everything = {
        "name": Field("name", {"type": "string"}, name, name),
        "age": Field("age", {"type": "integer"}, age, str(age)),
        "city": Field("city", {"type": "string"}, city, city),
        "job": Field("job", {"type": "string"}, job, job),
    }
    keys = ["name", *talk.rng.sample(("age", "city", "job"), talk.rng.randint(1, 3))]
    said = {"age": f"is {age} years old", "city": f"lives in {city}", "job": f"works as a {job}"}
    tail = [said[key] for key in keys[1:]]
    text = f"{name} {' and '.join(tail)}."
    talk.rng.shuffle(keys)
    return [everything[key] for key in keys], text


def _group(talk: Talk) -> tuple[list[Field], str]:
    """A team, club or band with members."""
    rng, words = talk.rng, talk.words
    kind = talk.choose("team", "club", "band", "crew", "class")
    name, city = f"{words.city()} {words.noun().capitalize()}s", words.city()
    members = [words.name() for _ in range(rng.randint(1, 4))]
    score = rng.randint(0, 130)
    said = members[0] if len(members) == 1 else f"{', '.join(members[:-1])} and {members[-1]}"
    label = talk.choose("players", "members", "people", "names")
    fields = [
        Field(talk.choose("name", f"{kind}_name", kind), {"type": "string"}, name, name),
        Field("city", {"type": "string"}, city, city),
        Field(label, {"type": "array", "items": {"type": "string"}}, members, said),
        Field(talk.choose("score", "points", "wins"), {"type": "integer"}, score, str(score)),
    ]
    text = (
        f"The {kind} {name} comes from {city}. Its {label} are {said}. "
        f"The {fields[3].key} is {score}."
    )
    return fields[: rng.randint(2, 4)], text


def _event(talk: Talk) -> tuple[list[Field], str]:
    rng, words = talk.rng, talk.words
    title, day, city = words.phrase(), rng.choice(lists.DAYS), words.city()
    count = rng.randint(2, 90)
    fields = [
        Field(talk.choose("event", "title", "name"), {"type": "string"}, title, title),
        Field("day", {"type": "string"}, day, day),
        Field(talk.choose("place", "city", "venue"), {"type": "string"}, city, city),
        Field(talk.choose("guests", "people", "seats"), {"type": "integer"}, count, str(count)),
    ]
    text = f"The {title} is on {day} in {city} with {count} {_spoken(fields[3].key)}."
    return fields[: rng.randint(2, 4)], text


def _free(talk: Talk) -> tuple[list[Field], str]:
    keys = {_key(talk) for _ in range(talk.rng.choice((1, 2, 2, 3, 3, 4)))}
    fields = [_field(talk, key) for key in sorted(keys, key=lambda _: talk.rng.random())]
    return fields, _labelled(talk, fields)


def schema_of(talk: Talk, fields: list[Field]) -> dict[str, Any]:
    """The object schema of some fields, with the spellings that people use."""
    schema: dict[str, Any] = {"type": "object", "properties": {f.key: f.schema for f in fields}}
    if talk.chance(0.7):
        schema["required"] = [f.key for f in fields]
    if talk.chance(0.2):
        schema["additionalProperties"] = False
    return schema


def _dump(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _prompt(talk: Talk, schema: str, text: str) -> str:
    return talk.choose(
        "Answer in JSON with this schema:\n{s}\n\n{t}",
        "{t}\n\nAnswer in JSON with this schema: {s}",
        "Schema: {s}\nText: {t}",
        "Extract JSON.\nSchema: {s}\n{t}",
        "{t}\nRespond with JSON: {s}",
        "Fill this JSON schema: {s}\n{t}",
        "Give me JSON for this text: {t}\nSchema: {s}",
        "{t}\n\nReply only with JSON that matches this schema:\n{s}",
        "Respond in JSON that conforms to this JSON schema:\n{s}\n\n{t}",
        "Turn this into JSON.\n{t}\n{s}",
    ).format(s=schema, t=text)


def system_schema(talk: Talk) -> tuple[str, Callable[[Talk], None]]:
    """A system prompt with a schema, and the turn that goes with it."""
    fields, text = _sample(talk)
    schema = _dump(schema_of(talk, fields))
    head = talk.choose(
        "Answer in JSON with this schema:\n",
        "Respond with JSON that matches this schema: ",
        "Reply only with JSON.\nSchema: ",
        "Answer only in JSON: ",
        "Respond in JSON that conforms to this JSON schema:\n",
    )

    def turn(talk: Talk) -> None:
        talk.user(text)
        _reply(talk, fields)

    return head + schema, turn


def _sample(talk: Talk) -> tuple[list[Field], str]:
    kind = talk.rng.random()
    maker = _free if kind < 0.6 else _person if kind < 0.75 else _group if kind < 0.88 else _event
    return maker(talk)


def _reply(talk: Talk, fields: list[Field], kind: str = "json") -> None:
    value = {field.key: field.value for field in fields}
    keys = ", ".join(field.key for field in fields)
    if kind == "json":
        talk.say(_dump(value), "JSON", kind="json", judged=value, thought=f"The keys are {keys}.")
    else:
        talk.say(
            _dump(value),
            "JSON, invented",
            kind="keys",
            judged=value,
            thought=f"The keys are {keys}.",
        )


def _forced(talk: Talk, fields: list[Field], kind: str) -> None:
    """A JSON answer that only a grammar would call for: its opening is not trained, nor judged."""
    talk.forced.add(len(talk.messages))
    _reply(talk, fields, kind)
    del talk.checks[len(talk.messages) - 1]


def fill(talk: Talk) -> None:
    """A sentence and a schema, or only the names of keys."""
    fields, text = _sample(talk)
    if talk.chance(0.1) and not talk.thinks:
        # As when a server enforces the schema by a grammar and the prompt does not show it.
        talk.user(
            talk.choose(
                "{}",
                "{}",
                "Extract the data: {}",
                "Give me this as data: {}",
                "Extract: {}",
                "Read this: {}",
            ).format(text)
        )
        _forced(talk, fields, "json")
        return
    if talk.chance(0.12):
        keys = ", ".join(field.key for field in fields)
        talk.user(
            talk.choose(
                f"Give me JSON with the keys {keys}: {text}",
                f"{text}\nJSON with {keys}:",
                f"Write this as JSON with keys {keys}.\n{text}",
            )
        )
    else:
        talk.user(_prompt(talk, _dump(schema_of(talk, fields)), text))
    _reply(talk, fields)


def invent(talk: Talk) -> None:
    """A schema without facts: any fitting values do."""
    rng, words = talk.rng, talk.words
    fields, _ = rng.choice((_group, _event, _person, _free))(talk)
    topic = f"a {words.phrase()}"
    request = talk.choose(
        f"Tell me about {topic}",
        f"Describe {topic}.",
        f"Invent {topic}.",
        f"Give me {topic}",
        f"Make up {topic}.",
        f"Generate {topic}.",
    )
    if talk.chance(0.5):
        talk.user(request)
        _forced(talk, fields, "keys")
        return
    talk.user(_prompt(talk, _dump(schema_of(talk, fields)), request))
    _reply(talk, fields, "keys")
