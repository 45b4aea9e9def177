"""The process that builds constraints: ``python -m colonnade.prompt.builder``.

Schemas come from outside, and some are made to be expensive: computing on them in the server's own
process would hold up its event loop, and a regular expression that backtracks would stop it. Here
an interval timer ends what takes too long, whatever it does, and the server may end the process.

On standard input come pickled ``Order`` tuples, on standard output go pickled outcomes, each behind
its length; both ends are ours. The process ends with its input.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import resource
import signal
import struct
import sys
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, NoReturn

from colonnade.messages import Constraint, Failure, FailureKind
from colonnade.orphans import die_with_parent
from colonnade.prompt.constraint import build_constraint
from colonnade.prompt.schema import Narrowing, Narrowings, SchemaLimits
from colonnade.watch import hook_uncaught

if TYPE_CHECKING:
    from collections.abc import Mapping

    from colonnade.prompt.calls import CallFormat, ToolUse
    from colonnade.prompt.forms import Form

HEAD = struct.Struct("!I")
"""The length of what follows, in bytes."""
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


class _TimeIsUpError(BaseException):
    """Not an ``Exception``, which what is interrupted might catch."""


def build(order: Order) -> Outcome:
    """Build one constraint, in the time that there is."""
    narrowings = Narrowings()
    try:
        signal.setitimer(signal.ITIMER_PROF, order.seconds)
        try:
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
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
    except Failure as failure:
        return Refused(failure.kind, failure.message, failure.param)
    except _TimeIsUpError:
        return Late()
    except MemoryError:
        msg = "The schema takes too much memory to prepare."
        return Refused(FailureKind.INVALID_REQUEST, msg, order.param)
    return Held(constraint, narrowings.told())


def serve(orders: BinaryIO, outcomes: BinaryIO) -> None:
    """Build what is ordered until no more comes."""
    while len(head := orders.read(HEAD.size)) == HEAD.size:
        (length,) = HEAD.unpack(head)
        outcome = build(pickle.loads(orders.read(length)))  # noqa: S301 - from the server alone
        body = pickle.dumps(outcome, pickle.HIGHEST_PROTOCOL)
        outcomes.write(HEAD.pack(len(body)) + body)
        outcomes.flush()


def main() -> None:
    """Serve the server."""
    die_with_parent()
    hook_uncaught(lambda _: None)  # stderr is the server's log: it learns of the end, and says so
    outcomes = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what is printed by accident is no outcome
    with contextlib.suppress(ValueError, OSError):  # a lower limit is set already
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    os.nice(_NICENESS)
    signal.signal(signal.SIGPROF, _time_is_up)
    serve(sys.stdin.buffer, outcomes)


def _time_is_up(*_: object) -> NoReturn:
    raise _TimeIsUpError


if __name__ == "__main__":
    # Under its own name: what is pickled names its module.
    from colonnade.prompt import builder

    builder.main()
