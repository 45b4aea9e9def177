"""A schema as a whole, and what its references mean: anchors, identifiers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urldefrag, urljoin

from colonnade.messages import Failure, FailureKind
from colonnade.prompt.schema.circles import Circles
from colonnade.prompt.schema.drafts import (
    ONE_SCHEMA,
    SCHEMAS_BY_NAME,
    SCHEMAS_IN_A_LIST,
    Modern,
    draft_of,
)
from colonnade.prompt.schema.limits import Budget, SchemaLimits
from colonnade.prompt.schema.narrowing import Narrowings
from colonnade.prompt.schema.patterns import Patterns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

Schema = dict[str, Any] | bool

_BASE = "http://schema.invalid/root"
"""Of references in a schema without an identifier of its own. Nothing is ever fetched."""

_LONGEST = 300
"""Characters of a place in a message."""


class Document:
    """A schema as a whole. Only what it holds itself can be referred to."""

    def __init__(
        self,
        root: Mapping[str, Any],
        param: str,
        limits: SchemaLimits,
        narrowings: Narrowings | None = None,
    ) -> None:
        self.param = param
        self.spend = Budget(limits, param).spend
        self.patterns = Patterns(self.spend)
        self.narrowings = Narrowings() if narrowings is None else narrowings
        self._modern = Modern(draft_of(root))
        self._by_uri: dict[str, Any] = {}
        self._bases: dict[int, str] = {}
        self._bases_of_parts: dict[int, tuple[dict[str, Any], str]] = {}
        self._recursive = Circles(lambda schema: self._led_to(schema, subschemas))
        self._ungrounded = Circles(lambda schema: self._led_to(schema, _in_place))
        self.is_one_piece = True
        """Has no identifiers inside, and no dynamic anchor twice."""
        self.root: dict[str, Any] = self._modern.schema(dict(root), "#")
        """In the words of the newest draft, as all that comes from here."""
        self._by_uri[_BASE] = self.root
        self._note(self.root, _BASE)

    def refused(self, path: str, reason: str) -> Failure:
        """The failure for something in the schema. ``path`` is a JSON pointer."""
        place = path if len(path) <= _LONGEST else f"{path[:_LONGEST]}..."
        msg = f"The schema cannot be used: {reason} (at {place})."
        return Failure(FailureKind.INVALID_REQUEST, msg, param=self.param)

    def narrow(self, keyword: str, path: str, what: str) -> None:
        """Tell that less than the schema at ``path`` allows can be written, for a keyword's sake.

        ``what`` says in a short sentence which values cannot. Only for what is lost: a keyword in
        other words of the same meaning is no narrowing.
        """
        self.narrowings.add(keyword, f"{self.param}{path}/{keyword}", what)

    def resolve(self, reference: str, holder: Mapping[str, Any], path: str) -> Any:  # noqa: ANN401
        """What a ``$ref`` in the schema ``holder`` means.

        Raises:
            Failure: it leads nowhere, or out of the document.
        """
        found = self._target(reference, holder, path)
        if isinstance(found, dict) and self._ungrounded.has(found):  # no value is ever judged
            raise self.refused(path, f"'$ref' leads in a circle, to {reference[:100]!r}")
        return found

    def _target(self, reference: str, holder: Mapping[str, Any], path: str) -> Any:  # noqa: ANN401
        uri, fragment = _joined(self._base(holder), reference)
        if uri not in self._by_uri:
            raise self.refused(path, f"'$ref' leads out of it, to {reference[:100]!r}")
        if fragment and not fragment.startswith("/"):
            found = self._by_uri.get(f"{uri}#{fragment}")
        else:
            origin = _pointed(self._modern.origin(self._by_uri[uri]), unquote(fragment))
            found = self._modern.schema(origin, reference) if origin is not None else None
        if isinstance(found, dict) and id(found) not in self._bases:
            self._note(found, uri)
        if not isinstance(found, dict | bool):
            raise self.refused(path, f"'$ref' leads nowhere, to {reference[:100]!r}")
        return found

    def visit(self, schema: dict[str, Any]) -> None:
        """Take a step, and look at a schema's form.

        Raises:
            Failure: no step is left, or a keyword has a wrong form.
        """
        self.spend()
        fault = self._modern.fault(schema)
        if fault is not None:
            raise self.refused(*fault)

    def part(self, schema: dict[str, Any], origin: Mapping[str, Any]) -> dict[str, Any]:
        """A schema made of another one's keywords: its references start from the same place."""
        self._bases_of_parts[id(schema)] = schema, self._base(origin)
        return schema

    def _base(self, schema: Mapping[str, Any]) -> str:
        made = self._bases_of_parts.get(id(schema))
        return made[1] if made is not None else self._bases.get(id(schema), _BASE)

    def holds(self, schema: object) -> bool:
        """Whether a schema is a part of the document, and not made of parts."""
        return id(schema) in self._bases

    def is_recursive(self, schema: object) -> bool:
        """Whether a schema refers to itself, over whatever way."""
        return isinstance(schema, dict) and self._recursive.has(schema)

    def _led_to(
        self,
        schema: dict[str, Any],
        inner: Callable[[Mapping[str, Any]], Iterator[dict[str, Any]]],
    ) -> list[dict[str, Any]]:
        """The schemas inside one, by ``inner``, and the one that it refers to."""
        self.spend()
        found = list(inner(schema))
        if isinstance(reference := schema.get("$ref"), str):
            target = self._target(reference, schema, "#")
            found += [target] if isinstance(target, dict) else []
        return found

    def _note(self, schema: dict[str, Any], base: str) -> None:
        """Note identifiers and anchors; iterative, for a schema may be deep."""
        waiting: list[tuple[Any, str]] = [(schema, base)]
        while waiting:
            each, base = waiting.pop()
            name = each.get("$id", each.get("id"))
            if isinstance(name, str):
                base, fragment = _joined(base, name)
                self.is_one_piece &= each is schema
                self._by_uri.setdefault(f"{base}#{fragment}" if fragment else base, each)
            for keyword in ("$anchor", "$dynamicAnchor"):
                if isinstance(anchor := each.get(keyword), str):
                    first = self._by_uri.setdefault(f"{base}#{anchor}", each)
                    self.is_one_piece &= keyword == "$anchor" or first is each
            self._bases[id(each)] = base
            waiting += [(child, base) for child in subschemas(each)]


def _joined(base: str, reference: str) -> tuple[str, str]:
    """The URI and the fragment of a reference from a base."""
    if reference.startswith("#"):
        return base, reference[1:]
    uri, fragment = urldefrag(urljoin(base, reference))
    return uri, fragment


def subschemas(schema: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The schemas directly inside one, as far as they are objects."""
    for keyword in ONE_SCHEMA:
        if isinstance(schema.get(keyword), dict):
            yield schema[keyword]
    for keyword in SCHEMAS_IN_A_LIST:
        yield from (each for each in schema.get(keyword, ()) if isinstance(each, dict))
    for keyword in SCHEMAS_BY_NAME:
        yield from (each for each in schema.get(keyword, {}).values() if isinstance(each, dict))


def _in_place(schema: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The schemas inside one that are for the same value."""
    inside = [schema.get(keyword) for keyword in ("not", "if", "then", "else")]
    for keyword in ("allOf", "anyOf", "oneOf"):
        inside += schema.get(keyword, ())
    inside += schema.get("dependentSchemas", {}).values()
    yield from (each for each in inside if isinstance(each, dict))


def _pointed(found: Any, pointer: str) -> Any:  # noqa: ANN401 - JSON
    """What a JSON pointer leads to, None for nothing (RFC 6901)."""
    for step in pointer.split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        if isinstance(found, list) and key.isascii() and key.isdecimal() and int(key) < len(found):
            found = found[int(key)]
        elif isinstance(found, dict):
            found = found.get(key)
        else:
            return None
    return found
