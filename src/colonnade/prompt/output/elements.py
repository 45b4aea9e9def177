"""The reader of arguments that are XML elements behind marks, see ``ElementArguments``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from colonnade.prompt.calls.elements import ITEM
from colonnade.prompt.calls.kinds import KINDS, kinds, resolve
from colonnade.prompt.output.scalars import starts, whole_value
from colonnade.prompt.output.source import Stops

if TYPE_CHECKING:
    from collections.abc import Iterator

    from colonnade.prompt.calls.tools import Tool
    from colonnade.prompt.output.sinks import Sink
    from colonnade.prompt.output.source import Reading, Source

_KEY_LENGTH = 1000
_MAX_DEPTH = 32
_NAME_END = Stops((">",))
_CONTAINERS = frozenset({"object", "array"})


def read_elements(mark: str, source: Source, sink: Sink, tool: Tool | None) -> Reading[bool]:
    """Read parameters up to a closing tag that belongs to none of them, which stays unread."""
    if tool is None:
        schema: Any = True
    elif tool.custom is not None:
        schema = {"additionalProperties": {"type": "string"}}
    else:
        schema = tool.parameters
    return (yield from _Elements(mark, source, sink, schema).object(schema, 0))


class _Elements:
    def __init__(self, mark: str, source: Source, sink: Sink, root: Any) -> None:  # noqa: ANN401
        self._opening, self._closing = f"{mark}<", f"{mark}</"
        self._stops = Stops((mark,))
        self._mark = mark
        self._source = source
        self._sink = sink
        self._root = root

    def object(self, schema: Any, depth: int) -> Reading[bool]:  # noqa: ANN401
        """Read members."""
        separator = "{"
        while True:
            name = yield from self._name()
            if name is None:
                break
            self._sink.json(f"{separator}{json.dumps(name, ensure_ascii=False)}: ")
            separator = ", "
            inner = _anyone(_members(schema, self._root, name, depth))
            if not (yield from self._value(inner, depth + 1)):
                return False
        if not (yield from self._closes()):
            return False
        self._sink.json("{}" if separator == "{" else "}")
        return True

    def _array(self, schema: Any, depth: int) -> Reading[bool]:  # noqa: ANN401
        inner = _anyone(_items(schema, self._root, depth))
        separator = "["
        while (yield from self._name()) is not None:
            self._sink.json(separator)
            separator = ", "
            if not (yield from self._value(inner, depth + 1)):
                return False
        if not (yield from self._closes()):
            return False
        self._sink.json("[]" if separator == "[" else "]")
        return True

    def _name(self) -> Reading[str | None]:
        """Read an opening tag's name; None where none comes."""
        yield from self._source.blank()
        if (yield from self._next()) != self._opening:
            return None
        self._source.take(len(self._opening))
        name = yield from self._source.word(_NAME_END, _KEY_LENGTH)
        if name is not None:
            self._source.take(1)
        return name

    def _closes(self) -> Reading[bool]:
        """Whether a closing tag comes."""
        return (yield from self._next()) == self._closing

    def _next(self) -> Reading[str | None]:
        """The mark of the tag that comes next, None where none does. It stays unread."""
        found = yield from self._source.literal(self._opening, self._closing)
        if found is not None:
            self._source.text = found + self._source.text
        elif self._source.ended and self._closing.startswith(self._source.text):
            self._source.take(len(self._source.text))
        return found

    def _value(self, schema: Any, depth: int) -> Reading[bool]:  # noqa: ANN401
        """Read a value and its closing tag."""
        allowed = kinds(schema, self._root) or KINDS
        if depth > _MAX_DEPTH:
            return False
        tag = yield from self._next()
        empty = "string" not in allowed and bool(allowed & _CONTAINERS)
        if tag == self._opening or (tag == self._closing and empty):
            if not (yield from self._container(schema, allowed, depth)):
                return False
        elif not (yield from self._text(allowed)):
            return False
        if (yield from self._source.literal(self._closing)) is None:
            return False
        if (yield from self._source.word(_NAME_END, _KEY_LENGTH)) is None:
            return False
        self._source.take(1)
        return True

    def _container(self, schema: Any, allowed: frozenset[str], depth: int) -> Reading[bool]:  # noqa: ANN401
        """Read an object or a list, told by the schema or else by the first element's name."""
        possible = allowed & _CONTAINERS or _CONTAINERS
        listed = possible == {"array"}
        if len(possible) > 1:
            first = f"{self._opening}{ITEM}>"
            listed = (yield from self._source.literal(first)) is not None
            if listed:
                self._source.text = first + self._source.text
        return (yield from (self._array if listed else self.object)(schema, depth))

    def _text(self, allowed: frozenset[str]) -> Reading[bool]:
        """Read a value up to the next mark, which stays unread."""
        char = yield from self._source.char()
        if allowed == {"string"} or (char not in starts(allowed) and "string" in allowed):
            self._sink.quote()
            stop = yield from self._source.until(self._stops, self._sink.chars, whole=True)
            if stop is not None:
                self._sink.quote()
        else:
            pieces: list[str] = []
            stop = yield from self._source.until(self._stops, pieces.append, whole=True)
            if stop is None:
                self._sink.json("".join(pieces))
            else:
                whole_value("".join(pieces), self._sink, allowed)
        self._source.text = (stop or "") + self._source.text
        return stop is not None


def _anyone(schemas: Iterator[Any]) -> Any:  # noqa: ANN401 - schemas are JSON
    """A schema for what any of some schemas allows."""
    found = list(schemas)
    return found[0] if len(found) == 1 else {"anyOf": found} if found else True


def _members(schema: Any, root: Any, key: str, depth: int) -> Iterator[Any]:  # noqa: ANN401
    """What a schema says of a member, as far as one may have to know to read it."""
    for plain in _parts(schema, root, depth):
        properties = plain.get("properties")
        if isinstance(properties, dict) and key in properties:
            yield properties[key]
            continue
        if isinstance(patterns := plain.get("patternProperties"), dict):
            yield from patterns.values()
        if isinstance(plain.get("additionalProperties"), dict):
            yield plain["additionalProperties"]


def _items(schema: Any, root: Any, depth: int) -> Iterator[Any]:  # noqa: ANN401
    for plain in _parts(schema, root, depth):
        yield from plain.get("prefixItems") or ()
        given = plain.get("items")
        if isinstance(given, dict | list):
            yield from given if isinstance(given, list) else [given]


def _parts(schema: Any, root: Any, depth: int) -> Iterator[dict[str, Any]]:  # noqa: ANN401
    """A schema, and those that it is put together of."""
    plain = resolve(schema, root)
    if isinstance(plain, bool) or depth > _MAX_DEPTH:
        return
    yield plain
    for word in ("anyOf", "oneOf", "allOf"):
        if isinstance(branches := plain.get(word), list):
            for branch in branches:
                yield from _parts(branch, root, depth + 1)
