"""Patterns for languages.

The states of the automaton are put away one by one, each way through them written on the edge
between its neighbours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from colonnade.prompt.schema.languages import EVERY, Ranges, TooComplexError, others

if TYPE_CHECKING:
    from colonnade.prompt.schema.languages import Language, Languages

_MOST_STATES = 120
_LONGEST = 20_000
"""Characters of a pattern."""
_START, _END = -1, -2


class _Piece(NamedTuple):
    """A pattern, and how tightly it holds together: 0 a choice, 1 a sequence, 2 a single thing."""

    text: str
    bound: int


_EMPTY = _Piece("", 1)


def spelled(languages: Languages, language: Language) -> str | None:
    """A pattern for the whole of each text in a language, None where it is empty.

    Raises:
        TooComplexError: it would be too long.
    """
    if language is languages.nothing:
        return None
    plain = _plain(language)
    if plain is not None and len(plain.text) <= _LONGEST:
        return f"^(?:{plain.text})$"
    edges = _automaton(languages, language)
    if not any(_END in targets for targets in edges.values()):
        return None
    while len(edges) > 1:
        state = min((each for each in edges if each != _START), key=lambda each: _cost(each, edges))
        _put_away(state, edges)
    return f"^(?:{edges[_START][_END].text})$"


def _plain(language: Language) -> _Piece | None:
    """A pattern for a language as it was put together, where patterns have all of that."""
    if language.kind == "empty":
        return _EMPTY
    if language.kind == "chars":
        return _chars(language.ranges) if language.ranges else None
    if language.kind not in ("after", "either", "repeat"):
        return None
    parts = [_plain(part) for part in language.parts]
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return None
    found = known[0]
    if language.kind == "repeat":
        return _repeated(found, language.low, language.high)
    for each in known[1:]:
        found = _sequence(found, each) if language.kind == "after" else _either(found, each)
    return found


def _repeated(piece: _Piece, low: int, high: int | None) -> _Piece:
    plain = {(0, None): "*", (1, None): "+", (0, 1): "?"}
    bounds = f"{{{low}}}" if low == high else f"{{{low},{'' if high is None else high}}}"
    return _Piece(_held(piece, 2) + plain.get((low, high), bounds), 1)


def _automaton(languages: Languages, language: Language) -> dict[int, dict[int, _Piece]]:
    """The edges between states: numbers, with a state before the first and one behind the last."""
    numbers = {language: 0}
    waiting = [language]
    ways: dict[int, dict[int, Ranges]] = {}
    ends: set[int] = set()
    while waiting:
        state = waiting.pop()
        mine = ways[numbers[state]] = {}
        if state.nullable:
            ends.add(numbers[state])
        for ranges, following in languages.steps(state):
            if following not in numbers:
                if len(numbers) == _MOST_STATES:
                    raise TooComplexError("it has too many states")
                numbers[following] = len(numbers)
                waiting.append(following)
            mine[numbers[following]] = ranges
    alive = _alive(ways, ends)
    edges: dict[int, dict[int, _Piece]] = {_START: {0: _EMPTY} if 0 in alive else {}}
    for number in alive:
        edges[number] = {
            target: _chars(ranges) for target, ranges in ways[number].items() if target in alive
        }
        if number in ends:
            edges[number][_END] = _EMPTY
    return edges


def _alive(ways: dict[int, dict[int, Ranges]], ends: set[int]) -> set[int]:
    """The states from which an end can be reached."""
    alive = set(ends)
    grown = True
    while grown:
        more = {n for n, targets in ways.items() if n not in alive and alive & targets.keys()}
        alive |= more
        grown = bool(more)
    return alive


def _cost(state: int, edges: dict[int, dict[int, _Piece]]) -> int:
    """How much longer the pattern becomes when a state is put away."""
    incoming = [targets[state] for n, targets in edges.items() if state in targets and n != state]
    outgoing = [piece for target, piece in edges[state].items() if target != state]
    loop = len(edges[state].get(state, _EMPTY).text)
    texts = sum(len(piece.text) for piece in incoming) * len(outgoing)
    texts += sum(len(piece.text) for piece in outgoing) * len(incoming)
    return texts + loop * len(incoming) * len(outgoing)


def _put_away(state: int, edges: dict[int, dict[int, _Piece]]) -> None:
    targets = edges.pop(state)
    loop = _star(targets.pop(state)) if state in targets else _EMPTY
    for mine in edges.values():
        before = mine.pop(state, None)
        if before is None:
            continue
        head = _sequence(before, loop)
        for target, piece in targets.items():
            way = _sequence(head, piece)
            mine[target] = _either(mine[target], way) if target in mine else way
            if len(mine[target].text) > _LONGEST:
                raise TooComplexError("its pattern is too long")


def _sequence(one: _Piece, two: _Piece) -> _Piece:
    if not one.text or not two.text:
        return two if not one.text else one
    return _Piece(_held(one, 1) + _held(two, 1), 1)


def _either(one: _Piece, two: _Piece) -> _Piece:
    if one == two:
        return one
    if not one.text or not two.text:
        return _Piece(_held(two if not one.text else one, 2) + "?", 1)
    return _Piece(f"{one.text}|{two.text}", 0)


def _star(piece: _Piece) -> _Piece:
    return _Piece(_held(piece, 2) + "*", 1) if piece.text else _EMPTY


def _held(piece: _Piece, bound: int) -> str:
    return piece.text if piece.bound >= bound else f"(?:{piece.text})"


def _chars(ranges: Ranges) -> _Piece:
    """A class of characters."""
    if ranges == EVERY:
        return _Piece(r"[\s\S]", 2)
    if len(ranges) == 1 and ranges[0][0] == ranges[0][1]:
        return _Piece(_char(ranges[0][0]), 2)
    rest = others(ranges)
    negated = len(rest) < len(ranges)
    spans = (
        _char(low) if low == high else f"{_char(low)}-{_char(high)}"
        for low, high in (rest if negated else ranges)
    )
    return _Piece(f"[{'^' if negated else ''}{''.join(spans)}]", 2)


def _char(point: int) -> str:
    char = chr(point)
    plain = char.isascii() and (char.isalnum() or char == "_")
    return char if plain else f"\\u{{{point:x}}}"
