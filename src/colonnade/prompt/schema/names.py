"""Properties by patterns of their names: told apart, and kept to what ``propertyNames`` says."""

from __future__ import annotations

import re
from itertools import combinations, pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from colonnade.prompt.schema.document import Document
    from colonnade.prompt.schema.languages import Language

_START = re.compile(r"\^([A-Za-z0-9_ -]+)(?![A-Za-z0-9_ -]|[*+?{])(?!.*\|)", re.DOTALL)
"""A text that all names have to begin with: there is no other choice."""
_MOST_CELLS = 32
_LONGEST = 2000
"""Characters of patterns: the compiler compares each with each, and gives up."""
_DEEPEST = 8
_REMARKS = frozenset(("title", "description", "default", "examples", "$comment", "format"))


def told_apart(schema: dict[str, Any], document: Document, path: str) -> dict[str, Any]:
    """``patternProperties`` of which no two match one name: the compiler knows no others.

    Names that several match get a pattern of their own, with all that is said of them. Where a
    pattern is not understood, names have to satisfy all patterns or none.
    """
    patterns = schema.get("patternProperties", {})
    if len(patterns) < 2 or _begin_apart(patterns):
        return schema
    languages = [document.patterns.language(pattern) for pattern in patterns]
    if _all_apart(languages, document):
        return schema
    known = [language for language in languages if language is not None]
    cells = _cells(known, list(patterns.values()), document)
    if len(known) == len(languages) and cells is not None:
        spelled = [(document.patterns.spelled(names), said) for names, said in cells]
        found = {pattern: _all(said) for pattern, said in spelled if pattern is not None}
        if len(found) == len(cells) and sum(map(len, found)) <= _LONGEST:
            return {**schema, "patternProperties": found}
    document.narrow("patternProperties", path, "names that satisfy some of the patterns alone")
    either = "|".join(f"(?:{pattern})" for pattern in patterns)
    return {**schema, "patternProperties": {either: _all(list(patterns.values()))}}


def _begin_apart(patterns: Iterable[str]) -> bool:
    """Whether names begin with texts of which none is the beginning of another."""
    starts = [_START.match(pattern) for pattern in patterns]
    texts = sorted(found[1] for found in starts if found)
    alike = any(two.startswith(one) for one, two in pairwise(texts))
    return None not in starts and not alike


def _all_apart(languages: list[Language | None], document: Document) -> bool:
    made = document.patterns
    return all(
        one is not None and two is not None and made.is_empty(made.languages.both((one, two)))
        for one, two in combinations(languages, 2)
    )


def _cells(
    languages: list[Language], schemas: list[Any], document: Document
) -> list[tuple[Language, list[Any]]] | None:
    """Names that the same patterns match, with what these say; None where they are too many."""
    made = document.patterns
    cells: list[tuple[Language, list[Any]]] = []
    for language, schema in zip(languages, schemas, strict=False):
        rest = made.languages.both([language, *(made.languages.opposite(n) for n, _ in cells)])
        parted: list[tuple[Language, list[Any]]] = [(rest, [schema])]
        for names, said in cells:
            inside = made.languages.both((names, language))
            outside = made.languages.both((names, made.languages.opposite(language)))
            parted += [(inside, [*said, schema]), (outside, said)]
        cells = [cell for cell in parted if not made.is_empty(cell[0])]
        if len(cells) > _MOST_CELLS:
            return None
    return cells


def _all(schemas: list[Any]) -> Any:  # noqa: ANN401 - a schema
    said = [schema for i, schema in enumerate(schemas) if schema not in schemas[:i]]
    said = [schema for schema in said if schema is not True]
    return said[0] if len(said) == 1 else {"allOf": said} if said else True


def named(schema: dict[str, Any], document: Document, path: str) -> dict[str, Any]:
    """``propertyNames``: other names are forbidden.

    Raises:
        Failure: which names are meant cannot be expressed.
    """
    if "propertyNames" not in schema:
        return schema
    rest = {word: value for word, value in schema.items() if word != "propertyNames"}
    rule = _resolved(schema["propertyNames"], document, path)
    if rule is True:
        return rest
    if rule is False:
        return {**rest, "maxProperties": 0}
    allowed = _language(rule, document)
    if allowed is None:
        reason = "'propertyNames' can be followed for patterns, lengths and listed names alone"
        raise document.refused(f"{path}/propertyNames", reason)
    listed = [each for each in rule.get("enum", [rule.get("const")]) if isinstance(each, str)]
    return _kept_to(allowed, rest, listed, document, path)


def _resolved(rule: Any, document: Document, path: str) -> Any:  # noqa: ANN401
    for _ in range(_DEEPEST):
        if isinstance(rule, dict) and set(rule) - _REMARKS == {"$ref"}:
            rule = document.resolve(rule["$ref"], rule, f"{path}/propertyNames/$ref")
    if isinstance(rule, dict):
        document.visit(rule)
    return rule


def _language(rule: object, document: Document, depth: int = 0) -> Language | None:
    """The names that a rule allows, None where it says what is not understood."""
    made = document.patterns.languages
    if isinstance(rule, bool):
        return made.everything if rule else made.nothing
    if not isinstance(rule, dict) or depth > _DEEPEST:
        return None
    kinds = rule.get("type", "string")
    if "string" not in (kinds if isinstance(kinds, list) else [kinds]):
        return made.nothing
    found, whole = document.patterns.texts(rule)
    parts = [found]
    for word in rule.keys() - _REMARKS - _TEXTS:
        inside = _combined(word, rule[word], document, depth)
        whole &= inside is not None
        parts += [] if inside is None else [inside]
    return made.both(parts) if whole else None


_TEXTS = frozenset(("type", "enum", "const", "pattern", "minLength", "maxLength"))


def _combined(word: str, value: Any, document: Document, depth: int) -> Language | None:  # noqa: ANN401
    made = document.patterns.languages
    if word == "not":
        inside = _language(value, document, depth + 1)
        return None if inside is None else made.opposite(inside)
    if word not in ("allOf", "anyOf"):
        return None
    parts = [_language(each, document, depth + 1) for each in value]
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return None
    return made.both(known) if word == "allOf" else made.either(known)


def _kept_to(
    allowed: Language, schema: dict[str, Any], listed: list[str], document: Document, path: str
) -> dict[str, Any]:
    """A schema of objects whose names are in a language, of which some names are ``listed``."""
    made = document.patterns
    properties, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    found = {name: each for name, each in properties.items() if made.languages.has(allowed, name)}
    closed = {**schema, "properties": found, "additionalProperties": False}
    closed.pop("patternProperties", None)
    if listed:
        names = [*found, *(name for name in listed if made.languages.has(allowed, name))]
        said = {name: _said(schema, name, document, path) for name in names}
        return {**closed, "properties": said}
    kept: dict[str, Any] = {}
    rest = [allowed]
    for pattern, each in patterns.items():
        language = made.language(pattern)
        inside = None if language is None else made.languages.both((allowed, language))
        spelled = None if inside is None else made.spelled(inside)
        if language is None or inside is None or (spelled is None and not made.is_empty(inside)):
            reason = f"'propertyNames' beside the pattern {pattern[:40]!r} cannot be expressed"
            raise document.refused(f"{path}/propertyNames", reason)
        rest.append(made.languages.opposite(language))
        if spelled is not None:
            kept[spelled] = each
    others = schema.get("additionalProperties", True)
    free = made.spelled(made.languages.both(rest))
    if others is not False and free is not None:
        kept[free] = others
    return {**closed, "patternProperties": kept} if kept else closed


def _said(schema: dict[str, Any], name: str, document: Document, path: str) -> Any:  # noqa: ANN401
    """All that a schema says of one name.

    Raises:
        Failure: it has a pattern that is not understood.
    """
    said = [each for known, each in schema.get("properties", {}).items() if known == name]
    for pattern, each in schema.get("patternProperties", {}).items():
        matched = document.patterns.matches(pattern, name)
        if matched is None:
            reason = f"'propertyNames' beside the pattern {pattern[:40]!r} cannot be expressed"
            raise document.refused(f"{path}/propertyNames", reason)
        said += [each] if matched else []
    return _all(said) if said else schema.get("additionalProperties", True)
