"""The servers of ``benchmarks.compare``, each started and asked in its own way."""

from __future__ import annotations

import asyncio
import sys
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Self, TypeVar

from benchmarks.processes import running_llama_cpp_python, running_llama_server, running_server
from benchmarks.workloads import (
    Target,
    as_it_is,
    for_base_model,
    for_llama_cpp_python,
    for_llama_server,
    warming,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AbstractContextManager

    from benchmarks.jobs import Setup
    from benchmarks.processes import Server
    from benchmarks.workloads import Figures, Form, Workload

T = TypeVar("T")

OURS, THEIRS, PYTHONS = "Colonnade", "llama-server", "llama-cpp-python"

_FAILURES = (OSError, RuntimeError, ValueError, LookupError, ArithmeticError)
"""Refused, hung up, too late (an ``OSError``), or answered with what makes no figure."""


@dataclass(frozen=True)
class Beside:
    """Where the other servers are, how long one may take for a workload, and what the model is."""

    llama_server: str
    llama_cpp_python: str | None
    limit: float
    natural: bool = False
    """It understands plain language."""
    base: bool = False
    """It goes on with a text and was not taught to talk."""


_WARMING_SECONDS = 120


class Contender:
    """A server that runs until the block ends, and starts anew when it failed at something."""

    def __init__(
        self,
        name: str,
        start: Callable[[], AbstractContextManager[Server]],
        form: Form = as_it_is,
        natural: bool = False,
    ) -> None:
        self.name = name
        self._start = start
        self._form = form
        self._natural = natural
        self._running = ExitStack()
        self._late: set[Workload] = set()

    def __enter__(self) -> Self:
        server = self._running.enter_context(self._start())
        pids = tuple({server.pid, server.worker_pid})
        self._target = Target(server.port, self._form, self._natural, pids)
        with suppress(*_FAILURES):
            asyncio.run(_within(warming, self._target, _WARMING_SECONDS))
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    def figures(self, workload: Workload, limit: float) -> Figures:
        """What the workload measures, or nothing. One that took too long is not asked again."""
        if workload in self._late:
            return {}
        try:
            return asyncio.run(_within(workload, self._target, limit))
        except _FAILURES as error:
            print(f"{self.name}: {type(error).__name__}: {str(error)[-300:]}", file=sys.stderr)
            if isinstance(error, TimeoutError):
                self._late.add(workload)
        # it may still be at work on what nobody waits for, while the others are measured
        self._running.close()
        try:
            self.__enter__()
        except _FAILURES as error:  # the others go on without it
            print(f"{self.name} did not start again: {error}", file=sys.stderr)
        return {}


async def _within(workload: Callable[[Target], Awaitable[T]], target: Target, limit: float) -> T:
    async with asyncio.timeout(limit):
        return await workload(target)


def contenders(setup: Setup, beside: Beside) -> list[Contender]:
    """Colonnade, llama-server and, with an interpreter that has it, llama-cpp-python's server."""
    starts: list[tuple[str, Callable[[], AbstractContextManager[Server]], Form]] = [
        (OURS, partial(running_server, setup), as_it_is),
        (THEIRS, partial(running_llama_server, beside.llama_server, setup), for_llama_server),
    ]
    if beside.llama_cpp_python is not None:
        start = partial(running_llama_cpp_python, beside.llama_cpp_python, setup)
        starts.append((PYTHONS, start, for_llama_cpp_python))
    return [
        Contender(name, start, _both(form, for_base_model) if beside.base else form, beside.natural)
        for name, start, form in starts
    ]


def _both(first: Form, second: Form) -> Form:
    return lambda body: second(first(body))
