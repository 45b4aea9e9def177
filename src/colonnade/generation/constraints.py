"""The constraints of one model, built once for the requests that ask for the same."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import TYPE_CHECKING

import msgspec

from colonnade.messages import Failure
from colonnade.prompt.builder import Held, Order, Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from colonnade.generation.builders import Builders
    from colonnade.prompt.calls import CallFormat, ToolUse
    from colonnade.prompt.forms import Form
    from colonnade.prompt.schema import SchemaLimits

    Settled = Held | Refused

_Key = tuple[bytes, bool, tuple[str, ...]]
_KEPT_BYTES = 16 << 20
"""Of what is kept: the wishes, as they came, and what they became."""
_KEPT_NUMBER = 1000
_OWN_BYTES = 2048
"""Of what is kept beside the texts."""


class Wanted:
    """What an answer is to be held to, and its content in bytes."""

    def __init__(
        self, form: Form | None, tools: ToolUse | None, call_format: CallFormat | None = None
    ) -> None:
        self.form = form
        self.tools = tools
        self.call_format = call_format
        self.content = msgspec.json.encode((type(form).__name__, form, tools))


class _Work:
    """A constraint that is being built, and how many wait for it."""

    def __init__(self, task: asyncio.Future[Settled]) -> None:
        self.task = task
        self.waiting = 0


class Constraints:
    """Has constraints built, and keeps them by content, refusals too: they took as long to find."""

    def __init__(self, special: Mapping[str, int], limits: SchemaLimits) -> None:
        """``special`` are the names and ids of the tokens that a grammar has to name by id;
        ``limits`` are for each schema."""
        self._special = special
        self._limits = limits
        self._built: OrderedDict[_Key, Settled] = OrderedDict()
        self._under_way: dict[_Key, _Work] = {}
        self._kept = 0

    async def build(
        self,
        wanted: Wanted,
        builders: Builders,
        *,
        client: str,
        heads: tuple[str, ...] = (),
        after_thought: bool = False,
    ) -> Held:
        """The constraint of an answer, none for a free one. ``heads`` and ``after_thought`` are as
        ``build_constraint`` has them. What is new is built once for all who wait for it, in the
        turn of the ``client`` who came first; when none of them waits any more, no longer.

        Raises:
            Failure: the form or a tool's schema cannot be held to, or too many wait already.
        """
        if wanted.form is None and wanted.tools is None:
            return Held()
        key = wanted.content, after_thought, heads
        outcome = self._built.get(key)
        if outcome is not None:
            self._built.move_to_end(key)
        else:
            order = Order(
                wanted.form,
                wanted.tools,
                wanted.call_format,
                self._special,
                heads,
                after_thought,
                self._limits,
            )
            outcome = await self._shared(key, lambda: builders.build(client, order))
        if isinstance(outcome, Held):
            return outcome
        raise Failure(outcome.kind, outcome.message, param=outcome.param)

    async def _shared(
        self, key: _Key, build: Callable[[], Coroutine[None, None, Settled]]
    ) -> Settled:
        """What is being built, or is from now on."""
        work = self._under_way.get(key)
        if work is None:
            work = self._under_way[key] = _Work(asyncio.ensure_future(build()))
        work.waiting += 1
        try:
            outcome = await asyncio.shield(work.task)
        finally:
            work.waiting -= 1
            if not work.waiting:
                self._under_way.pop(key, None)
                work.task.cancel()  # does nothing after its end
        self._keep(key, outcome)
        return outcome

    def _keep(self, key: _Key, outcome: Settled) -> None:
        if key in self._built:
            return
        self._built[key] = outcome
        self._kept += _size(key, outcome)
        while len(self._built) > 1 and (
            self._kept > _KEPT_BYTES or len(self._built) > _KEPT_NUMBER
        ):
            self._kept -= _size(*self._built.popitem(last=False))


def _size(key: _Key, outcome: Settled) -> int:
    own = _OWN_BYTES + len(key[0]) + sum(map(len, key[2]))
    if isinstance(outcome, Refused):
        return own + len(outcome.message)
    grammar = 0 if outcome.constraint is None else len(outcome.constraint.grammar)
    if outcome.constraint is not None and outcome.constraint.differences is not None:
        grammar *= 2  # its places are about as large
    return own + grammar + sum(len(text) for each in outcome.narrowings for text in each)
