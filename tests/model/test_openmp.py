"""The library's own ways of waiting: what is told to it, and what is left of it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest

from colonnade.worker.llama import openmp_waits
from colonnade.worker.llama.openmp import GnuWaits, LlvmWaits

_GNU = isinstance(openmp_waits(2), GnuWaits)

needs_gnu = pytest.mark.skipif(not _GNU, reason="llama.cpp without GNU's OpenMP")
needs_two = pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="one processor: nobody spins")

COUNT_SPINS = """
import ctypes, sys, threading, time
import llama_cpp
from colonnade.worker.llama import openmp_waits

library = llama_cpp.llama_cpp._lib
libc = ctypes.CDLL(None)
CALLBACK = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


def uneven(_):
    # the team's first thread is late, and the other one waits for it at the team's end
    if library.omp_get_thread_num() == 0:
        libc.usleep(20_000)


uneven = CALLBACK(uneven)


def waiting_seconds():
    began = time.process_time()
    for _ in range(10):
        library.GOMP_parallel(uneven, None, ctypes.c_uint(2), ctypes.c_uint(0))
    return time.process_time() - began


waits = openmp_waits(2)
found = []
for way in (waits.spin, waits.sleep, waits.spin, waits.sleep):
    way()
    found.append(waiting_seconds())
print(*found)
"""


class Recorded:
    """libomp, as far as it is told something."""

    def __init__(self) -> None:
        self.blocktimes: list[int] = []

    def kmp_set_blocktime(self, milliseconds: int) -> None:
        self.blocktimes.append(milliseconds)


def crowds() -> int:
    return sum(thread.name == "crowd" for thread in threading.enumerate())


@needs_gnu
@needs_two
def test_threads_look_again_and_again_or_sleep_at_once() -> None:
    """In a process that was started as a worker is, but with a count that takes long enough to be
    seen: a thread that waits for 20 ms spins through all of them, or none."""
    environment = os.environ | {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "100000000"}
    command = [sys.executable, "-c", COUNT_SPINS]
    done = subprocess.run(
        command, env=environment, check=True, capture_output=True, text=True, timeout=60
    )
    spun, slept, spun_again, slept_again = map(float, done.stdout.split())
    assert min(spun, spun_again) > 3 * max(slept, slept_again)
    assert min(spun, spun_again) > 0.1, "most of 0.2 s"


@needs_gnu
def test_no_more_than_one_thread_is_there_for_it_and_none_in_the_end() -> None:
    waits = openmp_waits(2)
    assert waits is not None
    waits.sleep()
    waits.sleep()
    assert crowds() == 1
    waits.spin()
    waits.spin()
    assert crowds() == 0


def test_llvms_library_is_told_by_its_function() -> None:
    library = Recorded()
    waits = LlvmWaits(library)
    waits.sleep()
    waits.spin()
    assert library.blocktimes == [1, 0, 1]


def test_one_thread_has_nobody_to_wait_for() -> None:
    assert openmp_waits(1) is None
