"""The GPUs that llama.cpp was built for and finds."""

from __future__ import annotations

import ctypes
from typing import NamedTuple

import llama_cpp
from llama_cpp._ggml import libggml

_GPU, _INTEGRATED = 1, 2  # enum ggml_backend_dev_type

_get = libggml.ggml_backend_dev_get
_get.argtypes, _get.restype = (ctypes.c_size_t,), ctypes.c_void_p
_count = libggml.ggml_backend_dev_count
_count.argtypes, _count.restype = (), ctypes.c_size_t
_size_p = ctypes.POINTER(ctypes.c_size_t)


class Gpu(NamedTuple):
    """A GPU, and bytes of its memory; 0 where it does not say."""

    name: str
    free: int
    size: int


def gpus() -> list[Gpu]:
    """All of them, in llama.cpp's order."""
    if not llama_cpp.llama_supports_gpu_offload():
        return []
    devices = [_get(index) for index in range(_count())]
    return [_described(each) for each in devices if _type(each) in (_GPU, _INTEGRATED)]


def _type(device: int) -> int:
    # of libggml-base, which libggml was linked with
    function = libggml.ggml_backend_dev_type
    function.argtypes, function.restype = (ctypes.c_void_p,), ctypes.c_int
    return int(function(device))


def _described(device: int) -> Gpu:
    name, memory = libggml.ggml_backend_dev_name, libggml.ggml_backend_dev_memory
    name.argtypes, name.restype = (ctypes.c_void_p,), ctypes.c_char_p
    memory.argtypes, memory.restype = (ctypes.c_void_p, _size_p, _size_p), None
    free, size = ctypes.c_size_t(), ctypes.c_size_t()
    memory(device, ctypes.byref(free), ctypes.byref(size))
    return Gpu(name(device).decode(), free.value, size.value)
