"""From schemas as clients write them to schemas that the compiler of grammars takes.

Every keyword that it does not know is expressed by others that it does, exactly where that is
possible and else by allowing less. What would allow more, or nothing at all, is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from colonnade.messages import Failure, FailureKind
from colonnade.prompt.schema.arrays import one_of_each, tell_of_branches
from colonnade.prompt.schema.branches import Branches
from colonnade.prompt.schema.containing import contained
from colonnade.prompt.schema.counts import counted
from colonnade.prompt.schema.dependencies import dependent
from colonnade.prompt.schema.differing import UNIQUE
from colonnade.prompt.schema.document import Document, Schema
from colonnade.prompt.schema.drafts import step
from colonnade.prompt.schema.judge import Judge
from colonnade.prompt.schema.limits import SchemaLimits, check_limits
from colonnade.prompt.schema.names import named, told_apart
from colonnade.prompt.schema.negation import Negation
from colonnade.prompt.schema.numbers import NUMBERS, numbers_of
from colonnade.prompt.schema.overlap import Overlap
from colonnade.prompt.schema.patterns import FORMATS, PatternError
from colonnade.prompt.schema.unevaluated import evaluated
from colonnade.prompt.schema.values import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from colonnade.prompt.schema.narrowing import Narrowings

_MOST_NODES = 40_000
_LAST = ("anyOf", "oneOf", "not", "if", "dependentRequired", "dependentSchemas")
"""What is written last: properties come in the order in which the compiler meets them, and that is
to be the order of the schema, whichever branch holds."""


def prepare_schema(
    schema: Mapping[str, Any] | bool,
    *,
    param: str,
    limits: SchemaLimits | None = None,
    narrowings: Narrowings | None = None,
) -> Schema:
    """Make a schema ready for ``embed``. What its references lead to comes as ``$defs``.

    ``param`` is the request's field that it came in. ``narrowings`` takes what of the schema's
    values the prepared one does not allow.

    Raises:
        Failure: it is too large or too deep, no schema, or holds what cannot be expressed; the
            message names the keyword and its place.
    """
    limits = limits or SchemaLimits()
    check_limits(schema, limits, param)
    if isinstance(schema, bool):
        return schema
    try:
        return _Rewriter(Document(schema, param, limits, narrowings)).whole()
    except RecursionError as error:  # within the limits, and more than Python's stack
        msg = "The schema is nested too deeply once its references are followed."
        raise Failure(FailureKind.INVALID_REQUEST, msg, param=param) from error


class _Rewriter:
    def __init__(self, document: Document) -> None:
        self.document = document
        self.overlap = Overlap(document)
        self.negation = Negation(document, self.overlap)
        self.branches = Branches(document, self.overlap, self.negation, Judge(document))
        self._names: dict[int, str] = {}
        self._targets: list[tuple[str, Any, str]] = []
        self._open: set[int] = set()
        """Schemas of the document that are being rewritten."""
        self._joined: set[int] = set()
        """Those of them that stand in a reference's place."""
        self._nodes = 0

    def whole(self) -> Schema:
        """The root, with a definition for everything that is referred to."""
        root = self.node(self.document.root, "#")
        definitions: dict[str, Schema] = {}
        while self._targets:
            name, target, path = self._targets.pop()
            definitions[name] = self.node(target, path)
        if not definitions or isinstance(root, bool):
            return root
        return {**root, "$defs": definitions}

    def node(self, schema: Any, path: str, *, met: bool = False) -> Schema:  # noqa: ANN401 - JSON
        """Rewrite one schema. ``met``: the compiler will have to join it with another one."""
        self._nodes += 1
        if self._nodes > _MOST_NODES:
            raise self.document.refused(path, "it is too large once its parts are spelled out")
        if isinstance(schema, bool):
            return schema
        self.document.visit(schema)
        if (
            id(schema) in self._open and not met
        ):  # it comes back to itself through what was spelled out
            return self._defined(schema, path)
        if not self.document.holds(schema):
            return _Node(self, schema, path, met=met).rewritten()
        opens = id(schema) not in self._open
        self._open.add(id(schema))
        found = _Node(self, schema, path, met=met).rewritten()
        if opens:
            self._open.remove(id(schema))
        return found

    def reference(
        self,
        reference: str,
        holder: dict[str, Any],
        path: str,
        *,
        met: bool,
    ) -> Schema:
        """A reference to a definition of our own; or what it means, where the compiler cannot join
        a reference with another schema because that is still being made."""
        target = self.document.resolve(reference, holder, f"{path}/$ref")
        if met and id(target) not in self._joined and self.document.is_recursive(target):
            self._joined.add(id(target))
            found = self.node(target, reference, met=True)
            self._joined.remove(id(target))
            return found
        return self._defined(target, reference)

    def _defined(self, target: Any, path: str) -> dict[str, Any]:  # noqa: ANN401 - JSON
        """A reference to a definition of this part of the document."""
        name = self._names.get(id(target))
        if name is None:
            name = self._names[id(target)] = f"d{len(self._names)}"
            self._targets.append((name, target, path))
        return {"$ref": f"#/$defs/{name}"}


class _Node:
    """One schema on its way: what is kept of it, and what is to hold beside that."""

    def __init__(
        self, rewriter: _Rewriter, schema: dict[str, Any], path: str, *, met: bool
    ) -> None:
        self._rewriter = rewriter
        self._document = rewriter.document
        self._schema = self._holder = schema
        self._path = path
        self._met = met
        self._kept: dict[str, Any] = {}
        self._before: list[Schema] = []
        self._beside: list[Schema] = []

    def rewritten(self) -> Schema:
        """Rewrite keyword by keyword, in the given order."""
        self._schema = self._settled(self._schema)
        self._met = self._met or len(self._schema.keys() & _HANDLERS.keys()) > 1
        numbers = numbers_of(self._schema, self._document, self._path)
        schema = {**self._schema, **numbers}
        for keyword in sorted(schema, key=lambda word: word in _LAST):
            handler = _HANDLERS.get(keyword)
            if handler is not None:
                handler(self, keyword, schema[keyword])
        if self._before:
            kind = {"type": self._kept["type"]} if "type" in self._kept else {}
            return {**kind, "allOf": [*self._before, self._kept, *self._beside]}
        if not self._beside:
            return self._kept
        if not self._kept and len(self._beside) == 1:
            return self._beside[0]
        return {**self._kept, "allOf": [*self._kept.get("allOf", ()), *self._beside]}

    def _settled(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Put what concerns objects and arrays as wholes into plainer keywords."""
        for plainer in (evaluated, named, told_apart, one_of_each, counted):
            schema = plainer(schema, self._document, self._path)
        return contained(schema, self._rewriter.negation, self._document, self._path)

    def _refused(self, keyword: str, reason: str) -> Exception:
        return self._document.refused(f"{self._path}/{keyword}", reason)

    def _narrow(self, keyword: str, what: str) -> None:
        self._document.narrow(keyword, self._path, what)

    def _sub(self, schema: object, *steps: object, met: bool = False) -> Schema:
        return self._rewriter.node(schema, "/".join([self._path, *map(str, steps)]), met=met)

    def _all(self, schemas: list[Any]) -> None:
        """Let further schemas, in the client's words, hold beside."""
        for schema in schemas:
            found = self._sub(schema, met=True)
            if found is not True and found != {}:
                self._beside.append(found)

    def keep(self, keyword: str, value: Any) -> None:  # noqa: ANN401
        """Take it as it is."""
        self._kept[keyword] = value

    def ref(self, _: str, value: Any) -> None:  # noqa: ANN401
        """A reference; beside others it must hold too."""
        found = self._rewriter.reference(value, self._holder, self._path, met=self._met)
        (self._before if self._leads() else self._beside).append(found)

    def _leads(self) -> bool:
        """Whether a schema that is taken in now comes before the properties that are named."""
        return "properties" in self._schema and "properties" not in self._kept

    def dynamic_ref(self, keyword: str, value: Any) -> None:  # noqa: ANN401
        """In a document of one piece a dynamic reference is a plain one."""
        if not self._document.is_one_piece:
            raise self._refused(keyword, f"{keyword!r} among several anchors cannot be followed")
        self._beside.append(
            self._rewriter.reference(value, self._holder, self._path, met=self._met)
        )

    def value(self, keyword: str, value: Any) -> None:  # noqa: ANN401
        """``const`` or ``enum``: equal values are written alike."""
        self._kept[keyword] = plain(value)

    def count(self, keyword: str, value: float) -> None:
        """A whole number."""
        self._kept[keyword] = int(value)

    def pattern(self, keyword: str, value: str) -> None:
        """A regular expression."""
        first, *others = self._translated(keyword, value)
        self._kept[keyword] = first
        self._beside += [{keyword: other} for other in others]

    def format(self, keyword: str, value: object) -> None:
        """A remark to JSON Schema; heeded where it is known."""
        if value in FORMATS:
            self._kept[keyword] = value

    def _name(self, keyword: str, name: str) -> str:
        """A name as it is, or a pattern for names in one piece."""
        if keyword != "patternProperties":
            return name
        found = self._translated(keyword, name)
        if len(found) == 1:
            return found[0]
        language = self._document.patterns.language(name)
        whole = None if language is None else self._document.patterns.spelled(language)
        if whole is None:
            raise self._refused(keyword, f"the pattern {name[:60]!r} is too complex")
        return self._translated(keyword, whole)[0]

    def _translated(self, keyword: str, pattern: str) -> list[str]:
        try:
            return self._document.patterns.translated(pattern)
        except PatternError as error:
            reason = f"the pattern {pattern[:60]!r} cannot be followed: {error}"
            raise self._refused(keyword, reason) from error

    def schema(self, keyword: str, value: Any) -> None:  # noqa: ANN401
        """One schema."""
        self._kept[keyword] = self._sub(value, keyword)

    def schemas(self, keyword: str, value: list[Any]) -> None:
        """A list of schemas."""
        if not value:
            if keyword == "anyOf":
                raise self._refused(keyword, f"{keyword!r} is no list of schemas")
            return
        met = keyword != "prefixItems" and (self._met or (keyword == "allOf" and len(value) > 1))
        found = [self._sub(each, keyword, i, met=met) for i, each in enumerate(value)]
        if keyword == "allOf" and self._leads():
            self._before += found
            return
        self._kept[keyword] = found
        if keyword == "anyOf":
            tell_of_branches(self._kept[keyword], self._document, f"{self._path}/{keyword}")

    def map(self, keyword: str, value: dict[str, Any]) -> None:
        """Schemas by name."""
        self._kept[keyword] = {
            self._name(keyword, name): self._sub(each, keyword, step(name))
            for name, each in value.items()
        }

    def required(self, keyword: str, value: list[str]) -> None:
        """Names, each once."""
        self._kept[keyword] = list(dict.fromkeys(value))

    def negated(self, keyword: str, value: Any) -> None:  # noqa: ANN401
        """``not``."""
        found = self._rewriter.negation.alternatives(value, self._rest(keyword))
        if not found.ways and not found.exact:
            raise self._refused(keyword, "'not' cannot be expressed here")
        if not found.exact:
            self._narrow(keyword, "some values that do not satisfy the schema")
        if True not in found.ways:
            self._all([{"anyOf": found.ways}] if found.ways else [False])

    def one_of(self, keyword: str, value: list[Any]) -> None:
        """The branches, each without what it shares with another one."""
        if not value:
            raise self._refused(keyword, f"{keyword!r} is no list of schemas")
        found = self._rewriter.branches.alone(value, self._rest(keyword))
        if all(each.schema is False for each in found) and not all(each.exact for each in found):
            raise self._refused(keyword, "no branch of 'oneOf' can be told from the others")
        branches = []
        for number, (schema, exact) in enumerate(found):
            if not exact:
                self._narrow(
                    keyword, f"values of branch {number} that are not known to satisfy no other"
                )
            if schema is not False:
                branches.append(self._sub(schema, keyword, number, met=self._met))
        tell_of_branches(branches, self._document, f"{self._path}/{keyword}")
        self._beside.append({"anyOf": branches} if branches else False)

    def _rest(self, keyword: str) -> dict[str, Any]:
        """The schema without a keyword."""
        rest = {word: each for word, each in self._schema.items() if word != keyword}
        return self._document.part(rest, self._holder)

    def condition(self, keyword: str, value: Any) -> None:  # noqa: ANN401
        """``if`` with ``then`` and ``else``: one or the other way."""
        then, otherwise = self._schema.get("then", True), self._schema.get("else", True)
        if then is True and otherwise is True:
            return
        ways: list[Any] = [] if then is False else [{"allOf": [value, then]}]
        unmet = self._rewriter.negation.alternatives(value, self._rest(keyword))
        if unmet.ways and otherwise is not False:
            ways.append({"allOf": [{"anyOf": unmet.ways}, otherwise]})
        if not ways and not unmet.exact:
            raise self._refused(keyword, "'if' cannot be expressed here")
        if not unmet.exact and otherwise is not False:
            which = "some values" if unmet.ways else "values"
            self._narrow(keyword, f"{which} that do not satisfy 'if'")
        self._all([{"anyOf": ways}] if ways else [False])

    def dependencies(self, keyword: str, value: dict[str, Any]) -> None:
        """What a property brings along."""
        self._all(dependent(value, self._schema, lambda what: self._narrow(keyword, what)))


_HANDLERS: dict[str, Callable[[_Node, str, Any], None]] = {
    "$ref": _Node.ref,
    "$dynamicRef": _Node.dynamic_ref,
    "$recursiveRef": _Node.dynamic_ref,
    **dict.fromkeys(("type", *NUMBERS), _Node.keep),
    **dict.fromkeys(("enum", "const"), _Node.value),
    **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems"), _Node.count),
    **dict.fromkeys(("minProperties", "maxProperties"), _Node.count),
    **dict.fromkeys(("allOf", "anyOf", "prefixItems"), _Node.schemas),
    **dict.fromkeys(("properties", "patternProperties"), _Node.map),
    **dict.fromkeys(("items", "additionalProperties"), _Node.schema),
    **dict.fromkeys(("dependentRequired", "dependentSchemas"), _Node.dependencies),
    "pattern": _Node.pattern,
    "format": _Node.format,
    UNIQUE: _Node.keep,
    "required": _Node.required,
    "not": _Node.negated,
    "oneOf": _Node.one_of,
    "if": _Node.condition,
}
