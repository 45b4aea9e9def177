"""The process that builds constraints: ``python -m colonnade.prompt.builder``.

On standard input come pickled ``Order`` tuples, on standard output go pickled outcomes; both ends
are ours.
"""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, NamedTuple

from colonnade.messages import Constraint, Failure, FailureKind
from colonnade.prompt.child import TimeIsUpError, begin, serve, within
from colonnade.prompt.constraint import build_constraint
from colonnade.prompt.schema import Narrowing, Narrowings, SchemaLimits

if TYPE_CHECKING:
    from collections.abc import Mapping

    from colonnade.prompt.calls import CallFormat, ToolUse
    from colonnade.prompt.forms import Form

_MEMORY = 2 << 30
"""Bytes of address space; a schema of some megabytes takes some hundred."""
_NICENESS = 5


class Order(NamedTuple):
    """What to build, as ``build_constraint`` has it, in how many seconds of a processor."""

    form: Form | None
    tools: ToolUse | None
    call_format: CallFormat | None
    special: Mapping[str, int]
    heads: tuple[str, ...]
    after_thought: bool
    limits: SchemaLimits
    seconds: float = 0.0

    @property
    def param(self) -> str:
        """The request's field to blame as a whole."""
        return "tools" if self.form is None else self.form.param


class Held(NamedTuple):
    """What an answer is held to, and what of the schemas' values it therefore cannot have."""

    constraint: Constraint | None = None
    narrowings: tuple[Narrowing, ...] = ()


class Late(NamedTuple):
    """It takes more than the seconds that there were."""


class Refused(NamedTuple):
    """A failure's parts: exceptions do not travel well."""

    kind: FailureKind
    message: str
    param: str | None


Outcome = Held | Refused | Late


def build(order: Order) -> Outcome:
    """Build one constraint, in the time that there is."""
    narrowings = Narrowings()
    try:
        with within(order.seconds):
            constraint = build_constraint(
                order.form,
                order.tools,
                order.call_format,
                order.special,
                after_thought=order.after_thought,
                heads=order.heads,
                limits=order.limits,
                narrowings=narrowings,
            )
    except Failure as failure:
        return Refused(failure.kind, failure.message, failure.param)
    except TimeIsUpError:
        return Late()
    except MemoryError:
        msg = "The schema takes too much memory to prepare."
        return Refused(FailureKind.INVALID_REQUEST, msg, order.param)
    return Held(constraint, narrowings.told())


def main() -> None:
    """Serve the server."""
    serve(*begin(_MEMORY, _NICENESS), _answer)


def _answer(body: bytes) -> bytes:
    return pickle.dumps(build(pickle.loads(body)), pickle.HIGHEST_PROTOCOL)  # noqa: S301 - ours


if __name__ == "__main__":
    # Under its own name: what is pickled names its module.
    from colonnade.prompt import builder

    builder.main()
