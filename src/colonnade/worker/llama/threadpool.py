"""llama.cpp's own threads, where it was built without OpenMP.

Unless it is given a pool of them, it makes new threads for every step. Within a step these spin
without end, and nothing can be done about that; how long they wait for the next one is ``poll``.
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any

import llama_cpp

if TYPE_CHECKING:
    from contextlib import ExitStack

_POLL = 1
"""Some milliseconds, enough from one step to the next; llama.cpp's default of 50 is a tenth of a
second, in which an idle server would keep its cores busy."""

_MOST_THREADS = 512


class _Params(ctypes.Structure):
    """``ggml_threadpool_params``."""

    _fields_ = (
        ("cpumask", ctypes.c_bool * _MOST_THREADS),
        ("n_threads", ctypes.c_int),
        ("prio", ctypes.c_int),
        ("poll", ctypes.c_uint32),
        ("strict_cpu", ctypes.c_bool),
        ("paused", ctypes.c_bool),
    )


def has_own_threads() -> bool:
    """Whether llama.cpp was built without OpenMP."""
    return b"OPENMP = 1" not in llama_cpp.llama_print_system_info()


def attach_threads(context: Any, sizes: tuple[int, int], opened: ExitStack) -> None:  # noqa: ANN401
    """Give a context its threads: ``sizes`` for decoding and for prompts. ``opened`` takes them
    away again and frees them. Where backends are loaded by name, the functions for it are out of
    reach, and llama.cpp makes its threads for each step."""
    library = llama_cpp.llama_cpp._lib  # noqa: SLF001 - the bindings leave these functions out
    if not hasattr(library, "ggml_threadpool_new"):
        return
    library.ggml_threadpool_new.restype = ctypes.c_void_p
    pools = {size: _pool(library, size, opened) for size in dict.fromkeys(sizes)}
    if not all(pools.values()):
        return
    decoding, prompts = (ctypes.c_void_p(pools[size]) for size in sizes)
    address = ctypes.cast(context, ctypes.c_void_p)
    library.llama_attach_threadpool(address, decoding, prompts)
    opened.callback(library.llama_detach_threadpool, address)


def _pool(library: Any, size: int, opened: ExitStack) -> int | None:  # noqa: ANN401 - ctypes
    params = _Params()
    library.ggml_threadpool_params_init(ctypes.byref(params), ctypes.c_int(size))
    params.poll = _POLL
    pool: int | None = library.ggml_threadpool_new(ctypes.byref(params))
    if pool:
        opened.callback(library.ggml_threadpool_free, ctypes.c_void_p(pool))
    return pool
