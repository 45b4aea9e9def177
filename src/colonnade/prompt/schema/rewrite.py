"""From schemas as clients write them to schemas that the compiler of grammars takes.

Every keyword that it does not know is expressed by others that it does, exactly where that is
possible and else by allowing less. What would allow more, or nothing at all, is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from colonnade.messages import Failure, FailureKind
from colonnade.prompt.schema.arrays import contained, evaluated_items, one_of_each
from colonnade.prompt.schema.document import Document, Schema
from colonnade.prompt.schema.limits import SchemaLimits, check_limits
from colonnade.prompt.schema.negation import Negation
from colonnade.prompt.schema.objects import (
    counted,
    dependent,
    disjoint_patterns,
    evaluated,
    named,
)
from colonnade.prompt.schema.patterns import PatternError, translate
from colonnade.prompt.schema.values import TYPES, Overlap

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from colonnade.prompt.schema.narrowing import Narrowings

_MOST_NODES = 40_000
_FORMATS = frozenset(
    "date-time time date duration email hostname ipv4 ipv6 uuid uri".split()  # noqa: SIM905
)
"""What the compiler knows; to JSON Schema every format is a remark."""
_COUNTS = ("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties")
_BOUNDS = ("minimum", "maximum")
_EXCLUSIVE = {"exclusiveMinimum": "minimum", "exclusiveMaximum": "maximum"}
_LISTS = ("allOf", "anyOf")


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
    check_limits(schema, limits or SchemaLimits(), param)
    if isinstance(schema, bool):
        return schema
    try:
        return _Rewriter(Document(schema, param, narrowings)).whole()
    except RecursionError as error:  # within the limits, and more than Python's stack
        msg = "The schema is nested too deeply once its references are followed."
        raise Failure(FailureKind.INVALID_REQUEST, msg, param=param) from error


class _Rewriter:
    def __init__(self, document: Document) -> None:
        self.document = document
        self.overlap = Overlap(document)
        self.negation = Negation(document)
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
        if not isinstance(schema, dict):
            raise self.document.refused(path, f"a schema is expected, not {str(schema)[:40]!r}")
        if "$ref" in schema and self.document.old:
            return self.reference(schema["$ref"], schema, path, met=met)
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
        reference: object,
        holder: dict[str, Any],
        path: str,
        *,
        met: bool,
    ) -> Schema:
        """A reference to a definition of our own; or what it means, where the compiler cannot join
        a reference with another schema because that is still being made."""
        if not isinstance(reference, str):
            raise self.document.refused(f"{path}/$ref", "'$ref' is no text")
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
        self._beside: list[Schema] = []

    def rewritten(self) -> Schema:
        """Rewrite keyword by keyword, in the given order."""
        self._schema = self._settled(self._schema)
        self._met = self._met or len(self._schema.keys() & _HANDLERS.keys()) > 1
        for keyword, value in self._schema.items():
            handler = _HANDLERS.get(keyword)
            if handler is not None:
                handler(self, keyword, value)
        if not self._beside:
            return self._kept
        if not self._kept and len(self._beside) == 1:
            return self._beside[0]
        return {**self._kept, "allOf": [*self._kept.get("allOf", ()), *self._beside]}

    def _settled(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Put what concerns objects and arrays as wholes into plainer keywords."""
        for step in (evaluated, evaluated_items, named, one_of_each, counted):
            schema = step(schema, self._document, self._path)
        return contained(disjoint_patterns(schema), self._rewriter.negation)

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
        self._beside.append(
            self._rewriter.reference(value, self._holder, self._path, met=self._met)
        )

    def dynamic_ref(self, keyword: str, value: Any) -> None:  # noqa: ANN401
        """In a document of one piece a dynamic reference is a plain one."""
        if not self._document.is_one_piece:
            raise self._refused(keyword, f"{keyword!r} among several anchors cannot be followed")
        self._beside.append(
            self._rewriter.reference(value, self._holder, self._path, met=self._met)
        )

    def type(self, keyword: str, value: Any) -> None:  # noqa: ANN401
        """One type or several."""
        names = value if isinstance(value, list) else [value]
        for name in names:
            if name not in TYPES:
                raise self._refused(keyword, f"{str(name)[:40]!r} is no type")
        if not names:
            raise self._refused(keyword, "no type is allowed")
        self._kept[keyword] = value

    def values(self, keyword: str, value: Any) -> None:  # noqa: ANN401
        """``enum``."""
        if not isinstance(value, list):
            raise self._refused(keyword, "'enum' is no list")
        if not value:
            raise self._refused(keyword, "no value is allowed")
        self._kept[keyword] = value

    def count(self, keyword: str, value: Any) -> None:  # noqa: ANN401
        """A whole number that is not negative."""
        if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
            raise self._refused(keyword, f"{keyword!r} is no whole number")
        self._kept[keyword] = max(0, int(value)) if value >= 0 else value
        if value < 0:
            raise self._refused(keyword, f"{keyword!r} is negative")

    def bound(self, keyword: str, value: Any) -> None:  # noqa: ANN401
        """A number."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._refused(keyword, f"{keyword!r} is no number")
        exclusive = f"exclusive{keyword.capitalize()}"
        if self._schema.get(exclusive) is not True:  # then it is draft 4's, which see
            self._kept[keyword] = value

    def exclusive(self, keyword: str, value: Any) -> None:  # noqa: ANN401
        """A bound; in draft 4 a remark on the other one."""
        if value is True:
            bound = self._schema.get(_EXCLUSIVE[keyword])
            if bound is not None:
                self._kept[keyword] = bound
        elif value is not False:
            if not isinstance(value, int | float):
                raise self._refused(keyword, f"{keyword!r} is no number")
            self._kept[keyword] = value

    def multiple(self, keyword: str, value: Any) -> None:  # noqa: ANN401
        """A positive number."""
        if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
            raise self._refused(keyword, "'multipleOf' is no positive number")
        self._kept[keyword] = value

    def pattern(self, keyword: str, value: Any) -> None:  # noqa: ANN401
        """A regular expression."""
        if not isinstance(value, str):
            raise self._refused(keyword, "'pattern' is no text")
        self._kept[keyword] = self._translated(keyword, value)

    def format(self, keyword: str, value: Any) -> None:  # noqa: ANN401
        """A remark, which is heeded where it is known and nothing else says more."""
        more = ("enum", "const", "pattern", "maxLength")
        if value in _FORMATS and not any(word in self._schema for word in more):
            self._kept[keyword] = value

    def _translated(self, keyword: str, pattern: str) -> str:
        try:
            return translate(pattern)
        except PatternError as error:
            reason = f"the pattern {pattern[:60]!r} cannot be followed: {error}"
            raise self._refused(keyword, reason) from error

    def schema(self, keyword: str, value: Any) -> None:  # noqa: ANN401
        """One schema."""
        self._kept[keyword] = self._sub(value, keyword)

    def schemas(self, keyword: str, value: Any) -> None:  # noqa: ANN401
        """A list of schemas."""
        if not isinstance(value, list):
            raise self._refused(keyword, f"{keyword!r} is no list of schemas")
        if value:
            met = keyword != "prefixItems" and (
                self._met or (keyword == "allOf" and len(value) > 1)
            )
            self._kept[keyword] = [
                self._sub(each, keyword, i, met=met) for i, each in enumerate(value)
            ]

    def items(self, keyword: str, value: Any) -> None:  # noqa: ANN401
        """A schema for all items, or in older drafts one for each of the first."""
        if isinstance(value, list):
            self._kept["prefixItems"] = [
                self._sub(each, keyword, i) for i, each in enumerate(value)
            ]
            if "additionalItems" in self._schema:
                rest = self._schema["additionalItems"]
                self._kept["items"] = self._sub(rest, "additionalItems")
        else:
            self._kept["items"] = self._sub(value, keyword)

    def map(self, keyword: str, value: Any) -> None:  # noqa: ANN401
        """Schemas by name."""
        if not isinstance(value, dict):
            raise self._refused(keyword, f"{keyword!r} is no object")
        self._kept[keyword] = {
            (self._translated(keyword, name) if keyword == "patternProperties" else name): (
                self._sub(each, keyword, name.replace("~", "~0").replace("/", "~1"))
            )
            for name, each in value.items()
        }

    def required(self, keyword: str, value: Any) -> None:  # noqa: ANN401
        """Names; draft 3 had a boolean here, which means nothing since."""
        if isinstance(value, bool) and self._document.old:
            return
        if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
            raise self._refused(keyword, "'required' is no list of names")
        self._kept[keyword] = list(dict.fromkeys(value))

    def negated(self, keyword: str, value: Any) -> None:  # noqa: ANN401
        """``not``."""
        ways = self._rewriter.negation.alternatives(value)
        if not ways:
            raise self._refused(keyword, "'not' cannot be expressed here")
        if True not in ways:
            self._all([{"anyOf": ways}])

    def one_of(self, keyword: str, value: Any) -> None:  # noqa: ANN401
        """The branches, each without what it shares with another one."""
        if not isinstance(value, list) or not value:
            raise self._refused(keyword, "'oneOf' is no list of schemas")
        rest = {k: v for k, v in self._schema.items() if k != "oneOf"}
        branches = []
        for number, branch in enumerate(value):
            alone = self._alone(number, value, rest)
            if alone is None:
                self._narrow(keyword, "some branches, which cannot be told from the others")
            else:
                without = [{"anyOf": ways} for ways in alone]
                branches.append(
                    self._sub(
                        {"allOf": [branch, *without]} if without else branch,
                        keyword,
                        number,
                        met=self._met,
                    )
                )
        if not branches:
            raise self._refused(keyword, "no branch of 'oneOf' can be told from the others")
        self._beside.append({"anyOf": branches})

    def _alone(
        self, number: int, branches: list[Any], rest: dict[str, Any]
    ) -> list[list[Any]] | None:
        """What has to hold for a branch to hold alone; None where that cannot be expressed."""
        overlap, negation = self._rewriter.overlap, self._rewriter.negation
        mine = branches[number]
        found = []
        for other_number, other in enumerate(branches):
            if other_number == number or overlap.disjoint(mine, other):
                continue
            if mine == other:
                return None
            if overlap.disjoint({"allOf": [mine, rest]}, other):
                continue
            ways = [w for w in negation.alternatives(other) if not overlap.disjoint(mine, w)]
            if not ways:
                return None
            if True not in ways:
                found.append(ways)
        return found

    def condition(self, keyword: str, value: Any) -> None:  # noqa: ANN401
        """``if`` with ``then`` and ``else``: one or the other way."""
        then, otherwise = self._schema.get("then", True), self._schema.get("else", True)
        if then is True and otherwise is True:
            return
        ways: list[Any] = [] if then is False else [{"allOf": [value, then]}]
        unmet = self._rewriter.negation.alternatives(value)
        if unmet and otherwise is not False:
            ways.append({"allOf": [{"anyOf": unmet}, otherwise]})
        if not ways:
            raise self._refused(keyword, "'if' cannot be expressed here")
        if not unmet:
            self._narrow(keyword, "values that do not satisfy 'if'")
        self._all([{"anyOf": ways}])

    def dependencies(self, keyword: str, value: Any) -> None:  # noqa: ANN401
        """What a property brings along."""
        if not isinstance(value, dict):
            raise self._refused(keyword, f"{keyword!r} is no object")
        self._all(dependent(value, self._schema))


_HANDLERS: dict[str, Callable[[_Node, str, Any], None]] = {
    "$ref": _Node.ref,
    "$dynamicRef": _Node.dynamic_ref,
    "$recursiveRef": _Node.dynamic_ref,
    "type": _Node.type,
    "enum": _Node.values,
    "const": _Node.keep,
    **dict.fromkeys(_COUNTS, _Node.count),
    **dict.fromkeys(_BOUNDS, _Node.bound),
    **dict.fromkeys(_EXCLUSIVE, _Node.exclusive),
    **dict.fromkeys(_LISTS, _Node.schemas),
    "multipleOf": _Node.multiple,
    "pattern": _Node.pattern,
    "format": _Node.format,
    "items": _Node.items,
    "prefixItems": _Node.schemas,
    "properties": _Node.map,
    "patternProperties": _Node.map,
    "additionalProperties": _Node.schema,
    "required": _Node.required,
    "not": _Node.negated,
    "oneOf": _Node.one_of,
    "if": _Node.condition,
    "dependencies": _Node.dependencies,
    "dependentRequired": _Node.dependencies,
    "dependentSchemas": _Node.dependencies,
}
