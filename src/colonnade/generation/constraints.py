"""The constraints of one model, built once for the requests that ask for the same."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from colonnade.messages import Failure
from colonnade.prompt.constraint import build_constraint
from colonnade.prompt.schema import Narrowings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from colonnade.messages import Constraint
    from colonnade.prompt.calls import CallFormat, ToolUse
    from colonnade.prompt.forms import Form
    from colonnade.prompt.schema import Narrowing, SchemaLimits

_Key = tuple[bytes, bool, tuple[str, ...]]
_KEPT_BYTES = 16 << 20


class Held(NamedTuple):
    """What an answer is held to, and what of the schemas' values it therefore cannot have."""

    constraint: Constraint | None = None
    narrowings: tuple[Narrowing, ...] = ()


class Constraints:
    """Builds constraints, and keeps what it built by content. For use from several threads."""

    def __init__(self, special: Mapping[str, int], limits: SchemaLimits) -> None:
        """``special`` are the names and ids of the tokens that a grammar has to name by id;
        ``limits`` are for each schema."""
        self._special = special
        self._limits = limits
        self._lock = Lock()
        self._built: OrderedDict[_Key, Held | Failure] = OrderedDict()
        self._kept = 0

    def has(self, form: Form | None, tools: ToolUse | None) -> bool:
        """Whether ``build`` will be quick."""
        if form is None and tools is None:
            return True
        content = _content(form, tools)
        with self._lock:
            return any(key[0] == content for key in reversed(self._built))

    def build(
        self,
        form: Form | None,
        tools: ToolUse | None,
        call_format: CallFormat | None,
        *,
        heads: tuple[str, ...] = (),
        after_thought: bool = False,
    ) -> Held:
        """The constraint of an answer, none for a free one. ``heads`` and ``after_thought`` are as
        ``build_constraint`` has them.

        Raises:
            Failure: the form or a tool's schema cannot be held to.
        """
        if form is None and tools is None:
            return Held()
        key = _content(form, tools), after_thought, heads
        with self._lock:
            built = self._built.get(key)
            if built is not None:
                self._built.move_to_end(key)
        if built is None:
            built = self._new(form, tools, call_format, heads, after_thought)
            self._keep(key, built)
        if isinstance(built, Failure):
            raise Failure(built.kind, built.message, param=built.param)
        return built

    def _new(
        self,
        form: Form | None,
        tools: ToolUse | None,
        call_format: CallFormat | None,
        heads: tuple[str, ...],
        after_thought: bool,
    ) -> Held | Failure:
        narrowings = Narrowings()
        try:
            constraint = build_constraint(
                form,
                tools,
                call_format,
                self._special,
                after_thought=after_thought,
                heads=heads,
                limits=self._limits,
                narrowings=narrowings,
            )
        except Failure as failure:  # kept too: it took as long to find out
            return failure.with_traceback(None)
        return Held(constraint, narrowings.told())

    def _keep(self, key: _Key, built: Held | Failure) -> None:
        with self._lock:
            if key in self._built:
                return
            self._built[key] = built
            self._kept += _size(key, built)
            while self._kept > _KEPT_BYTES and len(self._built) > 1:
                self._kept -= _size(*self._built.popitem(last=False))


def _content(form: Form | None, tools: ToolUse | None) -> bytes:
    return msgspec.json.encode((type(form).__name__, form, tools))


def _size(key: _Key, built: Held | Failure) -> int:
    if isinstance(built, Failure):
        return len(key[0]) + len(built.message)
    grammar = 0 if built.constraint is None else len(built.constraint.grammar)
    return len(key[0]) + grammar + sum(len(text) for each in built.narrowings for text in each)
