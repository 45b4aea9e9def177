"""What a schema's references mean: drafts, anchors, identifiers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urldefrag, urljoin

from colonnade.messages import Failure, FailureKind
from colonnade.prompt.schema.narrowing import Narrowings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

Schema = dict[str, Any] | bool

_SCHEMAS = (
    *("not", "if", "then", "else", "contains", "propertyNames", "additionalProperties"),
    *("additionalItems", "items", "unevaluatedItems", "unevaluatedProperties"),
)
_LISTS = ("allOf", "anyOf", "oneOf", "prefixItems", "items")
_MAPS = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
_OLD = ("draft-03", "draft-04", "draft-06", "draft-07")
_BASE = "http://schema.invalid/root"
"""Of references in a schema without an identifier of its own. Nothing is ever fetched."""


class Document:
    """A schema as a whole. Only what it holds itself can be referred to."""

    def __init__(
        self, root: Mapping[str, Any], param: str, narrowings: Narrowings | None = None
    ) -> None:
        self.root = dict(root)
        self.param = param
        self.narrowings = Narrowings() if narrowings is None else narrowings
        self._by_uri: dict[str, Any] = {}
        named = str(root.get("$schema", ""))
        self.old = any(draft in named for draft in _OLD)
        """Draft 7 or before: what stands beside a ``$ref`` has no meaning."""
        self._bases: dict[int, str] = {}
        self._recursive: dict[int, bool] = {}
        self._grounded: set[int] = set()
        self.is_one_piece = True
        """Has no identifiers inside, and no dynamic anchor twice."""
        self._note(self.root, _BASE)

    def refused(self, path: str, reason: str) -> Failure:
        """The failure for something in the schema. ``path`` is a JSON pointer."""
        msg = f"The schema cannot be used: {reason} (at {path})."
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
        uri, fragment = _joined(self._bases.get(id(holder), _BASE), reference)
        if uri not in self._by_uri:
            raise self.refused(path, f"'$ref' leads out of it, to {reference[:100]!r}")
        if fragment and not fragment.startswith("/"):
            found = self._by_uri.get(f"{uri}#{fragment}")
        else:
            found = _pointed(self._by_uri[uri], unquote(fragment))
        if not isinstance(found, dict | bool):
            raise self.refused(path, f"'$ref' leads nowhere, to {reference[:100]!r}")
        if isinstance(found, dict) and self._is_only_itself(found):
            raise self.refused(path, f"'$ref' leads in a circle, to {reference[:100]!r}")
        return found

    def _is_only_itself(self, schema: dict[str, Any]) -> bool:
        """Whether a schema refers to itself for one and the same value: no value is ever judged."""
        if id(schema) not in self._grounded:
            self._grounded.add(id(schema))  # also ends the search where it comes back
            if self._leads_back(schema, _in_place):
                self._grounded.discard(id(schema))
                return True
        return False

    def holds(self, schema: object) -> bool:
        """Whether a schema is a part of the document, and not made of parts."""
        return id(schema) in self._bases

    def is_recursive(self, schema: object) -> bool:
        """Whether a schema refers to itself, over whatever way."""
        if not isinstance(schema, dict):
            return False
        found = self._recursive.get(id(schema))
        if found is None:
            found = self._recursive[id(schema)] = self._leads_back(schema, subschemas)
        return found

    def _leads_back(
        self,
        schema: dict[str, Any],
        inner: Callable[[Mapping[str, Any]], Iterator[dict[str, Any]]],
    ) -> bool:
        seen: set[int] = set()
        waiting = [schema]
        while waiting:
            each = waiting.pop()
            inside = list(inner(each))
            if isinstance(reference := each.get("$ref"), str):
                target = self.resolve(reference, each, "#")
                inside += [target] if isinstance(target, dict) else []
            for child in inside:
                if child is schema:
                    return True
                if id(child) not in seen:
                    seen.add(id(child))
                    waiting.append(child)
        return False

    def _note(self, schema: dict[str, Any], base: str) -> None:
        """Note identifiers and anchors; iterative, for a schema may be deep."""
        waiting: list[tuple[Any, str]] = [(schema, base)]
        self._by_uri[base] = schema
        while waiting:
            each, base = waiting.pop()
            name = each.get("$id", each.get("id"))
            if isinstance(name, str) and not (self.old and "$ref" in each):
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
    for keyword in _SCHEMAS:
        if isinstance(schema.get(keyword), dict):
            yield schema[keyword]
    for keyword in _LISTS:
        if isinstance(found := schema.get(keyword), list):
            yield from (each for each in found if isinstance(each, dict))
    for keyword in (*_MAPS, "dependencies"):
        if isinstance(found := schema.get(keyword), dict):
            yield from (each for each in found.values() if isinstance(each, dict))


def _in_place(schema: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The schemas inside one that are for the same value."""
    for keyword in ("not", "if", "then", "else"):
        if isinstance(schema.get(keyword), dict):
            yield schema[keyword]
    for keyword in ("allOf", "anyOf", "oneOf"):
        if isinstance(found := schema.get(keyword), list):
            yield from (each for each in found if isinstance(each, dict))
    if isinstance(found := schema.get("dependentSchemas"), dict):
        yield from (each for each in found.values() if isinstance(each, dict))


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
