"""Reads a text as it grows, and knows what stands in its JSON already."""

from __future__ import annotations

import re
from bisect import bisect_left, insort
from contextlib import contextmanager
from enum import Enum, auto
from itertools import islice
from typing import TYPE_CHECKING

from colonnade.worker.grammar.json_places import NOTHING
from colonnade.worker.grammar.json_values import (
    NO_MEMBERS,
    OPEN_ESCAPE,
    Whole,
    respelled,
    scalar,
    spelled,
    with_item,
    with_member,
)
from colonnade.worker.grammar.known_ways import Ways

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from colonnade.worker.grammar.json_places import Asked, JsonPlaces, Places
    from colonnade.worker.grammar.json_values import Value

_SPACE = frozenset(b" \t\r\n")
_SCALAR_START = frozenset(b"-0123456789tfn")
_SCALAR = re.compile(rb"[-+.0-9a-zE]*")
_PLAIN = re.compile(rb'[^"\\]*')
_QUOTE, _BACKSLASH, _COMMA, _COLON = b'"\\,:'
_OPEN_OBJECT, _CLOSE_OBJECT, _OPEN_ARRAY, _CLOSE_ARRAY = b"{}[]"


class Mode(Enum):
    """What comes next."""

    SEEKING = auto()
    """Text that is no JSON, in which some may begin."""
    VALUE = auto()
    """A value, or the end of an array."""
    NAME = auto()
    """A key, or the end of an object."""
    COLON = auto()
    REST = auto()
    """A comma, or the end of a container."""
    KEY = auto()
    """More of a key."""
    STRING = auto()
    """More of a string that is a value."""
    SCALAR = auto()
    """More of a number or a word."""


class Container:
    """An object or an array that has begun."""

    __slots__ = (
        *("array", "asked", "begin", "compared", "count", "digest", "key", "places", "roomy"),
        *("seen", "texts", "ways"),
    )

    def __init__(
        self, begin: int, places: Places, asked: Asked, *, array: bool, compared: bool = False
    ) -> None:
        self.begin = begin
        """Where in the text."""
        self.places = places
        self.asked = asked
        self.array = array
        self.compared = compared
        """It is, or is part of, an item that has to differ from others."""
        self.digest = NO_MEMBERS
        """Of what it holds, where it is compared."""
        self.seen: dict[Hashable, bytes] = {}
        """Its keys, or its different items, with their texts where they are scarce."""
        self.texts: list[bytes] = []
        """Those texts in the order of the alphabet, without what is merely supposed."""
        self.key = b""
        """The last one."""
        self.count = 0
        """Items of an array that are whole."""
        self.roomy = False
        """There will be another key or item behind the present one, whatever that becomes."""
        self.ways = Ways()

    def copy(self) -> Container:
        """Another one in the same state."""
        made = Container(
            self.begin, self.places, self.asked, array=self.array, compared=self.compared
        )
        made.digest = self.digest
        made.seen, made.texts = dict(self.seen), list(self.texts)
        made.key, made.count, made.roomy = self.key, self.count, self.roomy
        return made

    @property
    def watched(self) -> bool:
        """The values in it are compared, or are parts of such."""
        return self.compared or self.asked.different

    def take(self, value: Value) -> None:
        """Take in a value for the comparison with others."""
        if not self.compared:
            return
        if self.array:
            self.digest = with_item(self.digest, value)
        else:
            self.digest = with_member(self.digest, self.key, value)

    @property
    def value(self) -> Value:
        """What it is compared by, once it is whole."""
        return Whole(self.array, self.digest)

    def is_known_to_begin(self, text: bytes) -> bool:
        """Whether a known key or item begins so."""
        at = bisect_left(self.texts, text)
        if at < len(self.texts) and self.texts[at].startswith(text):
            return True
        supposed = islice(self.seen.values(), len(self.texts), None)
        return any(known.startswith(text) for known in supposed)

    def has_room(self, more: int) -> bool:
        """Whether so many keys or items are left at least, as far as it is known."""
        return self.asked.values >= len(self.seen) + more


class JsonText:
    """Follows a text byte by byte. What a grammar sees to, that JSON is JSON, is not judged: where
    the text is none, JSON is looked for again from there on."""

    def __init__(self, rules: JsonPlaces) -> None:
        self._rules = rules
        self.mode = Mode.SEEKING
        self.stack: list[Container] = []
        self.repeated = False
        """What was read last, or is supposed, says a key or an item a second time."""
        self.crossed = False
        """It holds a comma behind which there may be nothing left to say."""
        self._places: Places = ()
        """Of the whole JSON."""
        self._scope = ""
        self._text = bytearray()
        self._sought = 0
        """Where in the text to look for JSON."""
        self._begin = 0
        """Where in it the present string, number or word begins."""
        self._escaped = False
        """Its last byte is a backslash that begins something."""
        self._base = 0
        """Where in it the bytes begin that are being read."""
        self._added: list[tuple[Container, Hashable]] | None = None
        """What is merely supposed to be seen; None where nothing is."""
        self._steps = {
            Mode.SEEKING: self._seek,
            Mode.VALUE: self._value,
            Mode.NAME: self._name,
            Mode.COLON: self._colon,
            Mode.REST: self._rest,
            Mode.KEY: self._string,
            Mode.STRING: self._string,
            Mode.SCALAR: self._scalar,
        }
        if rules.at_once is not None:
            self.mode = Mode.VALUE
            self._places = rules.at_once

    def copy(self) -> JsonText:
        """Another one in the same state."""
        made = JsonText(self._rules)
        made.mode, made.stack = self.mode, [each.copy() for each in self.stack]
        made._places, made._scope = self._places, self._scope
        made._text, made._sought = bytearray(self._text), self._sought
        made._begin, made._escaped = self._begin, self._escaped
        return made

    def read(self, data: bytes) -> None:
        """Go on behind these bytes."""
        if self.mode is Mode.SEEKING:
            del self._text[: self._sought]
            self._sought = 0
        self._walk(data)

    @contextmanager
    def supposing(self, data: bytes) -> Iterator[None]:
        """Within it, the text has these bytes too; ``repeated`` and ``crossed`` tell of them. It
        may be nested. Reading ends with the JSON, or where something is repeated."""
        state = (self.mode, self._places, self._scope, self._sought, self._begin, self._escaped)
        stack, length, before = self.stack, len(self._text), self._added
        kept = [(each, each.key, each.count, each.roomy, each.digest) for each in stack]
        self.stack, self._added = list(stack), []
        try:
            self._walk(data)
            yield
        finally:
            for container, value in self._added:
                container.seen.pop(value, None)
            for each, key, count, roomy, digest in kept:
                each.key, each.count, each.roomy, each.digest = key, count, roomy, digest
            self.stack, self._added = stack, before
            del self._text[length:]
            self.mode, self._places, self._scope, self._sought = state[:4]
            self._begin, self._escaped = state[4:]

    def repeats(self, data: bytes) -> bool:
        """Whether these bytes would say a key or an item a second time."""
        with self.supposing(data):
            return self.repeated

    @property
    def scarce(self) -> bool:
        """Whether anything may run out here, or within the value that begins here."""
        if self.mode is Mode.VALUE and self._rules.scarce:
            return True
        return any(each.asked.scarce for each in self.stack)

    @property
    def supposed(self) -> bool:
        """Whether some of it is merely supposed."""
        return self._added is not None

    @property
    def escaped(self) -> bool:
        """Behind a backslash in a string."""
        return self._escaped and self.mode in (Mode.KEY, Mode.STRING)

    @property
    def string(self) -> bytes | None:
        """What the present key or string says so far; None where it ends within an escape."""
        raw = bytes(self._text[self._begin + 1 :])
        if b"\\" in raw[-5:] and OPEN_ESCAPE.search(raw):
            return None
        return spelled(raw)

    def member(self, depth: int) -> bytes | None:
        """The text so far of the key or the item that the container at this depth of the stack is
        about to see; empty at its beginning, None behind it."""
        container = self.stack[depth]
        if depth + 1 < len(self.stack):
            return bytes(self._text[self.stack[depth + 1].begin :]) if container.array else None
        if self.mode is Mode.NAME or (self.mode is Mode.VALUE and container.array):
            return b""
        within = (Mode.STRING, Mode.SCALAR) if container.array else (Mode.KEY,)
        return bytes(self._text[self._begin :]) if self.mode in within else None

    def _walk(self, data: bytes) -> None:
        self.repeated = self.crossed = False
        self._base = len(self._text)
        self._text += data
        at = 0
        while at < len(data):
            at = self._steps[self.mode](data, at)
            if self._added is not None and (self.repeated or self.mode is Mode.SEEKING):
                return

    def _seek(self, data: bytes, at: int) -> int:
        found = self._rules.find(self._text, self._sought, self._scope)
        if found is None:
            self._sought = max(self._sought, len(self._text) - self._rules.reach)
            return len(data)
        self._scope, self._sought = found.scope, found.end
        if found.places is not None:
            self._places = found.places
            self.mode = Mode.VALUE
        return max(at, found.end - self._base)

    def _value(self, data: bytes, at: int) -> int:
        byte = data[at]
        if byte == _QUOTE:
            self.mode, self._begin, self._escaped = Mode.STRING, self._base + at, False
        elif byte in (_OPEN_OBJECT, _OPEN_ARRAY):
            self._open(at, array=byte == _OPEN_ARRAY)
        elif byte in _SCALAR_START:
            self.mode, self._begin = Mode.SCALAR, self._base + at
        elif byte == _CLOSE_ARRAY:
            return self._close(at, array=True)
        elif byte not in _SPACE:
            return self._lose(at)
        return at + 1

    def _name(self, data: bytes, at: int) -> int:
        byte = data[at]
        if byte == _QUOTE:
            self.mode, self._begin, self._escaped = Mode.KEY, self._base + at, False
        elif byte == _CLOSE_OBJECT:
            return self._close(at, array=False)
        elif byte not in _SPACE:
            return self._lose(at)
        return at + 1

    def _colon(self, data: bytes, at: int) -> int:
        byte = data[at]
        if byte == _COLON:
            self.mode = Mode.VALUE
        elif byte not in _SPACE:
            return self._lose(at)
        return at + 1

    def _rest(self, data: bytes, at: int) -> int:
        byte = data[at]
        if byte == _COMMA:
            container = self.stack[-1]
            if container.asked.scarce and not container.roomy and not container.has_room(1):
                self.crossed = True
            container.roomy = False
            self.mode = Mode.VALUE if container.array else Mode.NAME
        elif byte in (_CLOSE_OBJECT, _CLOSE_ARRAY):
            return self._close(at, array=byte == _CLOSE_ARRAY)
        elif byte not in _SPACE:
            return self._lose(at)
        return at + 1

    def _string(self, data: bytes, at: int) -> int:
        if self._escaped:
            self._escaped = False
            return at + 1
        plain = _PLAIN.match(data, at)
        end = at if plain is None else plain.end()
        if end == len(data):
            return end
        if data[end] == _BACKSLASH:
            self._escaped = True
            return end + 1
        begin, behind = self._begin, self._base + end + 1
        text = spelled(bytes(self._text[begin + 1 : behind - 1]))
        if self.mode is Mode.KEY:
            container = self.stack[-1]
            container.key = text
            self._see(container, text, begin, behind)
            self.mode = Mode.COLON
        else:
            self._whole(begin, behind, text)
        return end + 1

    def _scalar(self, data: bytes, at: int) -> int:
        more = _SCALAR.match(data, at)
        end = at if more is None else more.end()
        if end < len(data):
            self._whole(self._begin, self._base + end)
        return end

    def _open(self, at: int, *, array: bool) -> None:
        places = self._inner()
        asked = self._rules.asked(places, array=array) if places else NOTHING
        compared = bool(self.stack) and self.stack[-1].watched
        self.stack.append(Container(self._base + at, places, asked, array=array, compared=compared))
        self.mode = Mode.VALUE if array else Mode.NAME

    def _inner(self) -> Places:
        """The places of the value that begins."""
        if not self.stack:
            return self._places
        outer = self.stack[-1]
        if not outer.places:
            return ()
        if outer.array:
            return self._rules.item(outer.places, outer.count)
        return self._rules.member(outer.places, outer.key)

    def _close(self, at: int, *, array: bool) -> int:
        if not self.stack or self.stack[-1].array is not array:
            return self._lose(at)
        container = self.stack.pop()
        self._whole(container.begin, self._base + at + 1, container.value)
        return at + 1

    def _whole(self, begin: int, end: int, value: Value | None = None) -> None:
        """A value is whole. ``value`` is what it is compared by, but for a number or a word."""
        if not self.stack:
            self.mode, self._sought = Mode.SEEKING, end
            return
        self.mode = Mode.REST
        container = self.stack[-1]
        container.count += 1
        if not container.watched:
            return
        if value is None:
            value = scalar(bytes(self._text[begin:end]))
        container.take(value)
        if container.asked.different:
            self._see(container, value, begin, end)

    def _see(self, container: Container, value: Hashable, begin: int, end: int) -> None:
        if value in container.seen:
            self.repeated = True
            return
        text = b""
        if container.asked.scarce:
            text = respelled(bytes(self._text[begin:end]))
        container.seen[value] = text
        if self._added is not None:
            self._added.append((container, value))
        elif container.asked.scarce:
            insort(container.texts, text)
            container.ways.close(value, text)

    def _lose(self, at: int) -> int:
        """Find that it is no JSON after all."""
        self.stack.clear()
        self.mode, self._sought = Mode.SEEKING, self._base + at
        return at
