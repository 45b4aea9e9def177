"""``oneOf``: each branch without what it shares with another one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from colonnade.prompt.schema.values import key_of

if TYPE_CHECKING:
    from colonnade.prompt.schema.document import Document
    from colonnade.prompt.schema.judge import Judge
    from colonnade.prompt.schema.negation import Negation
    from colonnade.prompt.schema.overlap import Overlap

_MOST_NAMES = 2000
"""Of all ways to be no other branch together: the compiler spells each way out."""
_FEWEST_WAYS = 4


class Alone(NamedTuple):
    """What of a branch satisfies no other one, a schema. ``exact`` is false where that is more."""

    schema: Any
    exact: bool = True


class Branches:
    """Tells the branches of ``oneOf`` apart."""

    def __init__(
        self, document: Document, overlap: Overlap, negation: Negation, judge: Judge
    ) -> None:
        self._document = document
        self._overlap = overlap
        self._negation = negation
        self._judge = judge

    def alone(self, branches: list[Any], beside: dict[str, Any]) -> list[Alone]:
        """For each branch, in their order, what satisfies it and ``beside``, and no other branch.

        It need not say again what ``beside`` says.
        """
        meeting = self._overlap.meeting(branches, beside)
        return [
            self._without(branch, [branches[other] for other in meeting[number]], beside)
            for number, branch in enumerate(branches)
        ]

    def _without(self, branch: Any, others: list[Any], beside: dict[str, Any]) -> Alone:  # noqa: ANN401
        here = {"allOf": [branch, beside]}
        others = [other for other in others if not self._overlap.disjoint(here, other)]
        if not others:
            return Alone(branch)
        listed = self._listed(branch, others)
        if listed is not None:
            return listed
        exact = True
        without: list[Any] = []
        room = _MOST_NAMES // (1 + self._names(here))
        for other in others:
            self._document.spend()
            if branch == other and key_of(branch) == key_of(other):
                return Alone(False)
            found = self._negation.alternatives(other, here)
            ways = [way for way in found.ways if not self._overlap.disjoint(here, way)]
            most = max(room, _FEWEST_WAYS)
            exact &= found.exact and len(ways) <= most
            if not ways:
                return Alone(False, found.exact)
            if True not in ways:
                without.append({"anyOf": ways[:most]})
                room //= min(len(ways), most)
        return Alone({"allOf": [branch, *without]} if without else branch, exact)

    def _names(self, schema: dict[str, Any]) -> int:
        """How many properties a schema names."""
        return sum(len(part.get("properties", ())) for part in self._overlap.conjuncts(schema))

    def _listed(self, branch: Any, others: list[Any]) -> Alone | None:  # noqa: ANN401
        """The same of a branch that lists its values, each of which can be judged."""
        if not isinstance(branch, dict):
            return None
        parts = self._overlap.conjuncts(branch)
        part = next((each for each in parts if self._overlap.keys(each) is not None), None)
        if part is None:
            return None
        left: list[Any] = []
        for value in [part["const"]] if "const" in part else part["enum"]:
            mine, verdicts = self._alike(branch, value), [self._alike(o, value) for o in others]
            if mine is False or True in verdicts:
                continue
            if mine is None or None in verdicts:
                return None
            left.append(value)
        return Alone({"enum": left} if left else False)

    def _alike(self, schema: Any, value: object) -> bool | None:  # noqa: ANN401
        """Whether a value satisfies a schema; by hash where that only lists its own."""
        if isinstance(schema, dict) and schema.keys() <= {"const", "enum"}:
            self._document.spend()
            return key_of(value) in (self._overlap.keys(schema) or ())
        return self._judge.accepts(schema, value)
