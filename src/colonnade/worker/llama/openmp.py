"""How the threads of OpenMP wait for each other: what llama.cpp computes with, unless it was built
without.

The variables for it are read once, when the library is loaded, and a good choice changes with who
else wants the cores. Both libraries can be told later, each in its own way.
"""

from __future__ import annotations

import ctypes
from contextlib import suppress
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

import llama_cpp

from colonnade.worker.llama.threadpool import has_own_threads

if TYPE_CHECKING:
    from colonnade.worker.ports import ThreadWaits

_MOST_IDLE = 16
"""Threads of a team that does nothing, at the most: libgomp ends the process if it cannot have one,
and a container may limit their number."""

_BLOCKTIME = 1
"""Milliseconds that LLVM's threads spin, the shortest time but none."""


class GnuWaits:
    """GNU's libgomp, started with ``GOMP_SPINCOUNT`` and ``OMP_WAIT_POLICY=passive``.

    Its threads spin so often before they sleep, but not at all (so says the policy) while it has
    more threads than there are processors. A team that does nothing makes them more.
    https://gcc.gnu.org/onlinedocs/libgomp/GOMP_005fSPINCOUNT.html
    """

    def __init__(self, library: Any, size: int) -> None:  # noqa: ANN401 - a ctypes library
        """``size`` is that of the team."""
        self._library = library
        self._size = size
        self._team: tuple[Thread, Event] | None = None

    @staticmethod
    def team_size(library: Any, threads: int) -> int:  # noqa: ANN401
        """How many threads, one of which is there already, are more than there are processors
        beside ``threads`` that compute."""
        processors: int = library.omp_get_num_procs()
        return max(2, processors - threads + 2)

    def spin(self) -> None:
        """See ``ports.ThreadWaits``."""
        if self._team is not None:
            thread, enough = self._team
            enough.set()
            thread.join()
            self._team = None

    def sleep(self) -> None:
        """See ``ports.ThreadWaits``."""
        if self._team is None:
            there, enough = Event(), Event()
            thread = Thread(target=self._crowd, args=(there, enough), name="crowd", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # there may be no more threads: they go on spinning
                return
            there.wait()
            self._team = thread, enough

    def _crowd(self, there: Event, enough: Event) -> None:
        """Have a team, which lives as long as the thread that made it."""
        try:
            nothing = ctypes.cast(ctypes.CDLL(None).free, ctypes.c_void_p)  # of a null pointer
            self._library.GOMP_parallel(nothing, None, ctypes.c_uint(self._size), ctypes.c_uint(0))
        finally:
            there.set()
        enough.wait()


class LlvmWaits:
    """LLVM's libomp, which has a function for it. To be called by the thread that computes."""

    def __init__(self, library: Any) -> None:  # noqa: ANN401 - a ctypes library
        self._library = library
        self.spin()

    def spin(self) -> None:
        """See ``ports.ThreadWaits``."""
        self._library.kmp_set_blocktime(_BLOCKTIME)

    def sleep(self) -> None:
        """See ``ports.ThreadWaits``."""
        self._library.kmp_set_blocktime(0)


def openmp_waits(threads: int) -> ThreadWaits | None:
    """The loaded library's ways of waiting; None where there is none that could be told of them,
    or only one thread."""
    if threads < 2 or has_own_threads():
        return None
    # one that was loaded before all others takes the place of the one that was linked
    for library in (ctypes.CDLL(None), llama_cpp.llama_cpp._lib):  # noqa: SLF001 - they hide it
        with suppress(AttributeError):
            library.kmp_set_blocktime  # noqa: B018 - found or not
            return LlvmWaits(library)
        with suppress(AttributeError):
            library.GOMP_parallel  # noqa: B018
            size = GnuWaits.team_size(library, threads)
            return GnuWaits(library, size) if size <= _MOST_IDLE else None
    return None
