"""Readers of arguments in the notations of ``prompt.calls.formats``.

Each turns what the model writes into pieces of one JSON object and returns whether it has come to
the object's end.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from colonnade.prompt.calls.formats import (
    BracedArguments,
    ElementArguments,
    JsonArguments,
    PythonArguments,
    TaggedArguments,
)
from colonnade.prompt.calls.kinds import KINDS, argument_kinds
from colonnade.prompt.output.elements import read_elements
from colonnade.prompt.output.scalars import WORDS, is_json, starts, whole_value
from colonnade.prompt.output.sinks import JsonSink
from colonnade.prompt.output.source import Stops

if TYPE_CHECKING:
    from colonnade.prompt.calls.formats import Arguments
    from colonnade.prompt.calls.tools import Tool
    from colonnade.prompt.output.sinks import Sink
    from colonnade.prompt.output.source import Reading, Source

_OUTSIDE = re.compile(r'["{}\[\]]')
_INSIDE = re.compile(r'["\\]')
_ESCAPE_STOPS = Stops(('"', "\\"))
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "0": "\0", "a": "\a", "v": "\v"}
_ESCAPES |= {char: char for char in "\"'\\/"} | {"\n": ""}
_HEX = {"x": 2, "u": 4, "U": 8}
_CDATA = ("<![CDATA[", "]]>")
_KEY_LENGTH = 1000
_BARE_STOPS = Stops(",}]):({['\" \t\r\n")
_PAIR = 0x10000


def read_arguments(
    arguments: Arguments, source: Source, sink: Sink, tool: Tool | None, tail: str
) -> Reading[bool]:
    """Read the arguments of a call.

    ``tool`` is what is called, None when it is unknown; ``tail`` the literal text behind the
    arguments, which stays unread.
    """
    match arguments:
        case TaggedArguments():
            return (yield from _tagged(arguments, source, sink, tool, tail))
        case ElementArguments(mark):
            return (yield from read_elements(mark, source, sink, tool))
        case PythonArguments():
            return (yield from _keywords(source, sink))
        case BracedArguments(quote):
            return (yield from _braced(source, sink, quote))
        case JsonArguments():
            custom = tool is not None and tool.custom is not None
            return (yield from (_input(source, sink) if custom else json_object(source, sink)))


def json_object(source: Source, sink: Sink) -> Reading[bool]:
    """Read one JSON object as it is written."""
    yield from source.blank()
    if (yield from source.char()) != "{":
        return False
    depth, position, quoted = 0, 0, False
    while True:
        text = source.text
        found = (_INSIDE if quoted else _OUTSIDE).search(text, position)
        if found is None or (found.group() == "\\" and found.end() == len(text)):
            whole = len(text) if found is None else found.start()
            sink.json(source.take(whole))
            position = 0
            if source.ended:
                sink.json(source.take(len(source.text)))
                return False
            yield
            continue
        position = found.end()
        match found.group():
            case '"':
                quoted = not quoted
            case "\\":
                position += 1
            case "{" | "[":
                depth += 1
            case _:
                depth -= 1
                if depth == 0:
                    sink.json(source.take(position))
                    return True


def _input(source: Source, sink: Sink) -> Reading[bool]:
    """Read a JSON object for its strings: a custom tool's has one, the input."""
    yield from source.blank()
    if (yield from source.literal("{")) is None:
        return False
    yield from source.blank()
    if (yield from source.literal('"')) is None:
        return (yield from source.literal("}")) is not None
    if (yield from source.until(Stops(('"',)), sink.json)) is None:
        return False
    for mark in (":", '"'):
        yield from source.blank()
        if (yield from source.literal(mark)) is None:
            return False
    if not (yield from _quoted(source, sink, '"')):
        return False
    yield from source.blank()
    return (yield from source.literal("}")) is not None


def _quoted(source: Source, sink: Sink, mark: str) -> Reading[bool]:
    """Read a string with backslashes up to its closing ``mark``."""
    stops = _ESCAPE_STOPS if mark == '"' else Stops((mark, "\\"))
    sink.quote()
    while True:
        stop = yield from source.until(stops, sink.chars, whole=True)
        if stop is None:
            return False
        if stop == mark:
            sink.quote()
            return True
        if not (yield from _escape(source, sink)):
            return False


def _escape(source: Source, sink: Sink) -> Reading[bool]:
    """Read what stands behind a backslash."""
    char = yield from source.char()
    if not char:
        return False
    source.take(1)
    if char not in _HEX:
        sink.chars(_ESCAPES.get(char, f"\\{char}"))  # as in Python, others stand for themselves
        return True
    code = yield from _code(source, _HEX[char])
    if code is None:
        sink.chars("\\" + char)
        return True
    if 0xD800 <= code < 0xDC00 and (yield from source.literal("\\u")) is not None:
        low = yield from _code(source, _HEX["u"])
        if low is not None and 0xDC00 <= low < 0xE000:
            code = _PAIR + ((code - 0xD800) << 10) + (low - 0xDC00)
    lone = 0xD800 <= code < 0xE000 or code > 0x10FFFF
    sink.chars("\N{REPLACEMENT CHARACTER}" if lone else chr(code))
    return True


def _code(source: Source, digits: int) -> Reading[int | None]:
    """Read hexadecimal digits."""
    while len(source.text) < digits and not source.ended:
        yield
    text = source.text[:digits]
    if len(text) < digits or not re.fullmatch("[0-9a-fA-F]+", text):
        return None
    return int(source.take(digits), 16)


def _tagged(
    tags: TaggedArguments, source: Source, sink: Sink, tool: Tool | None, tail: str
) -> Reading[bool]:
    opening, end = tags.opening.strip(), _first_chunk(tail)
    key_stops = Stops(_first_chunk(middle) for middle in tags.middles)
    separator = "{"
    while True:
        yield from source.blank()
        found = yield from source.literal(opening, end)
        if found != opening:
            source.text = (found or "") + source.text
            cut = any(tag.startswith(source.text) for tag in (opening, end))
            if source.ended and found is None and cut:
                source.take(len(source.text))
                return False
            break
        key = yield from source.word(key_stops, _KEY_LENGTH)
        if key is None:
            return False
        told = yield from _middle(tags, source)
        if told is None:
            return False
        sink.json(f"{separator}{json.dumps(key, ensure_ascii=False)}: ")
        separator = ", "
        if not (yield from _value(tags, source, sink, told or _key_kinds(tool, key))):
            return False
    sink.json("{}" if separator == "{" else "}")
    return True


def _first_chunk(literal: str) -> str:
    return next(iter(literal.split()), "")


def _middle(tags: TaggedArguments, source: Source) -> Reading[frozenset[str] | None]:
    """Read what stands between key and value: which kinds of values it announces, None where it is
    something else. Empty where it announces none."""
    if not tags.told:
        return frozenset[str]() if (yield from source.expect(tags.middle)) else None
    found = yield from source.literal(*tags.middles)
    return None if found is None else tags.middles[found]


def _key_kinds(tool: Tool | None, key: str) -> frozenset[str]:
    """The kinds of values that a tool's schema allows for a parameter."""
    if tool is None:
        return KINDS
    if tool.custom is not None:
        return frozenset({"string"})
    return argument_kinds(tool.parameters, key)


def _character_data(tags: TaggedArguments, source: Source, sink: Sink) -> Reading[bool]:
    """Read a string up to the end of its section, and the closing tag."""
    sink.quote()
    if (yield from source.until(Stops(_CDATA[1:]), sink.chars, whole=True)) is None:
        return False
    sink.quote()
    return (yield from source.expect(tags.closing + tags.after))


def _value(
    tags: TaggedArguments, source: Source, sink: Sink, allowed: frozenset[str]
) -> Reading[bool]:
    """Read a parameter's value and its closing tag."""
    stops = Stops((tags.closing, tags.closing.strip()))
    if tags.cdata and (yield from source.literal(_CDATA[0])) is not None:
        return (yield from _character_data(tags, source, sink))
    char = yield from source.char()
    if allowed == {"string"} or (char not in starts(allowed) and "string" in allowed):
        sink.quote()
        stop = yield from source.until(stops, sink.chars, whole=True)
        if stop is not None:
            sink.quote()
    elif char in ("{", "["):
        stop = yield from _container(tags, source, sink, stops, maybe_text="string" in allowed)
    else:
        pieces: list[str] = []
        stop = yield from source.until(stops, pieces.append, whole=True)
        if stop is None:
            sink.json("".join(pieces))
        else:
            whole_value("".join(pieces), sink, allowed)
    if stop is None:
        return False
    yield from source.expect(tags.after)
    return True


def _container(
    tags: TaggedArguments, source: Source, sink: Sink, stops: Stops, *, maybe_text: bool
) -> Reading[str | None]:
    """Read a list or an object, in JSON or as Python writes it, and the closing tag.

    ``maybe_text``: what is none of them after all is a string. Otherwise it is left as it is.
    """
    pieces: list[str] = []
    if maybe_text:
        source.taken = []
    whole = yield from _literal(source, JsonSink(pieces.append) if maybe_text else sink, stops)
    closed = whole and (yield from source.expect(tags.closing))
    if not maybe_text:
        return tags.closing if closed else (yield from source.until(stops, sink.json, whole=True))
    taken, source.taken = "".join(source.taken or ()), None
    if closed and is_json("".join(pieces)):
        sink.json("".join(pieces))
        return tags.closing
    if source.ended and not whole:
        sink.json("".join(pieces))
        return None
    source.text = taken + source.text
    sink.quote()
    stop = yield from source.until(stops, sink.chars, whole=True)
    if stop is not None:
        sink.quote()
    return stop


def _keywords(source: Source, sink: Sink) -> Reading[bool]:
    """Read Python's keyword arguments, up to the closing bracket, which stays unread."""
    separator = "{"
    while True:
        yield from source.blank()
        yield from source.literal(",")
        yield from source.blank()
        char = yield from source.char()
        if char in (")", ""):
            break
        key = yield from source.word(Stops("=)"), _KEY_LENGTH)
        if key is None or (yield from source.literal("=")) is None:
            return False
        sink.json(f"{separator}{json.dumps(key.strip(), ensure_ascii=False)}: ")
        separator = ", "
        if not (yield from _literal(source, sink, _BARE_STOPS)):
            return False
    if not char:
        return False
    sink.json("{}" if separator == "{" else "}")
    return True


def _literal(source: Source, sink: Sink, ends: Stops) -> Reading[bool]:
    """Read one value in Python's notation or JSON's. No bare word reaches over one of ``ends``."""
    depth, bare = 0, Stops((*_BARE_STOPS.texts, *ends.texts))
    while True:
        yield from source.blank()
        char = yield from source.char()
        if not char:
            return False
        if char in "\"'":
            source.take(1)
            if not (yield from _quoted(source, sink, char)):
                return False
        elif char in "[{":
            sink.json(source.take(1))
            depth += 1
            continue
        elif char in ",:" and depth:
            sink.json(source.take(1) + " ")
            continue
        elif char in "]}" and depth:
            sink.json(source.take(1))
            depth -= 1
        else:
            word = yield from source.word(bare, _KEY_LENGTH)
            if not word:
                return False
            sink.json(WORDS.get(word, word))
        if depth == 0:
            return True


def _braced(source: Source, sink: Sink, quote: str) -> Reading[bool]:
    """Read an object with bare keys, and strings between ``quote``."""
    brackets: list[str] = []
    bare, closing = Stops((*_BARE_STOPS.texts, quote)), Stops((quote,))
    keyed = False
    while True:
        yield from source.blank()
        char = yield from source.char()
        if not char or (not brackets and char != "{"):
            return False
        found = yield from source.literal(quote)
        if found is None and source.ended and quote.startswith(source.text):
            source.take(len(source.text))  # the beginning of a quote, cut off
            return False
        if found is not None:
            sink.quote()
            if (yield from source.until(closing, sink.chars, whole=True)) is None:
                return False
            sink.quote()
        elif source.ended and quote.startswith(source.text):
            source.take(len(source.text))
            return False
        elif char in "{}[],":
            source.take(1)
            sink.json(", " if char == "," else char)
            _nest(brackets, char)
            if not brackets:
                return True
            keyed = char in "{," and brackets[-1] == "{"
        else:
            word = yield from source.word(bare, _KEY_LENGTH)
            if not word or (keyed and not (yield from source.expect(":"))):
                return False
            sink.json(f"{json.dumps(word, ensure_ascii=False)}: " if keyed else word)
            keyed = False


def _nest(brackets: list[str], char: str) -> None:
    """Note an opening or a closing bracket."""
    if char in "{[":
        brackets.append(char)
    elif char in "}]":
        brackets.pop()
