"""How large llama.cpp says that its buffers are, in the lines of its log: no function of its C API
does. Sizes are in bytes, by the device that they are on; the machine's memory is ``HERE``.
"""

from __future__ import annotations

import ctypes
import re
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import llama_cpp

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

HERE = ""

_BEGINNING = "constructing llama_context"
_CACHE = re.compile(r": size = +([\d.]+) MiB \( *\d+ cells")
_CACHE_LAYER = re.compile(r"layer +\d+: dev = (\S+)")
_BUFFER = re.compile(r"(\S+) +compute buffer size = +([\d.]+) MiB")
_LAYER = re.compile(r"load_tensors: layer +(\d+) assigned to device (\S+),")
_REPACKED = re.compile(r"_REPACK model buffer size")
_MIB = 1 << 20

_LONGEST = 500
"""Bytes of a line: some hold texts of the file."""

_ERROR = 4  # enum ggml_log_level


class Sizes(NamedTuple):
    """What a context takes, by device."""

    cache: Counter[str]
    compute: Counter[str]


def context_sizes(lines: Iterable[str]) -> Sizes:
    """What is said of a context while it is put together.

    A cache's size is told as a whole, and before it the devices of its layers, which are taken to
    be alike.
    """
    sizes = Sizes(Counter(), Counter())
    layers: Counter[str] = Counter()
    for line in lines:
        if _BEGINNING in line:  # of another one, if one was made to ask it something
            sizes = Sizes(Counter(), Counter())
            layers.clear()
        if found := _CACHE_LAYER.search(line):
            layers[_place(found[1])] += 1
        elif found := _CACHE.search(line):
            size = float(found[1]) * _MIB
            for place, count in (layers or Counter({HERE: 1})).items():
                sizes.cache[place] += round(size * count / (layers.total() or 1))
            layers.clear()
        elif found := _BUFFER.search(line):
            sizes.compute[_place(found[1])] += round(float(found[2]) * _MIB)
    return sizes


def layer_places(lines: Iterable[str]) -> dict[int, str]:
    """Where the weights of each layer go, the output's behind those of the last one."""
    found = (_LAYER.search(line) for line in lines)
    return {int(each[1]): _place(each[2]) for each in found if each}


def rearranges(lines: Iterable[str]) -> bool:
    """Whether some of the weights are rearranged for the processor: copied, therefore."""
    return any(_REPACKED.search(line) for line in lines)


def _place(buffer: str) -> str:
    """The device of a kind of buffer, by llama.cpp's name for it."""
    return HERE if buffer.startswith("CPU") or buffer.endswith("_Host") else buffer


@contextmanager
def listening() -> Iterator[list[str]]:
    """The lines of llama.cpp's log. Only errors go where they went before: warnings will come again
    when the model is loaded."""
    lines: list[str] = []
    before, data = llama_cpp.llama_log_callback(), ctypes.c_void_p()
    llama_cpp.llama_log_get(ctypes.byref(before), ctypes.byref(data))

    @llama_cpp.llama_log_callback  # type: ignore[untyped-decorator]
    def listen(level: int, text: bytes, user_data: ctypes.c_void_p) -> None:
        lines.append(text[:_LONGEST].decode("utf-8", "replace"))
        if level == _ERROR:
            before(level, text, user_data)

    llama_cpp.llama_log_set(listen, data)
    try:
        yield lines
    finally:
        llama_cpp.llama_log_set(before, data)
