"""llama.cpp's log: warnings and errors go to stderr, the last errors are kept for messages."""

from __future__ import annotations

import ctypes
import sys
from collections import deque

import llama_cpp

from colonnade.watch import safe

_WARN, _ERROR, _CONTINUED = 3, 4, 5  # enum ggml_log_level

_LONGEST = 500
"""Bytes of a line; the file's own texts may be in it."""

errors: deque[str] = deque(maxlen=8)
"""The newest error lines."""

media_errors: deque[str] = deque(maxlen=8)
"""The newest ones of libmtmd. They are about files of clients, who are told; nobody else is."""

_level = _media_level = 0


@llama_cpp.llama_log_callback  # type: ignore[untyped-decorator]
def _on_log(level: int, text: bytes, _data: ctypes.c_void_p) -> None:
    global _level
    _level = _level if level == _CONTINUED else level
    line = text[:_LONGEST].decode("utf-8", "replace").strip()
    if _level == _ERROR and line:
        errors.append(line)
    if _level in {_WARN, _ERROR} and line:
        print(safe(line), file=sys.stderr, flush=True)


@llama_cpp.llama_log_callback  # type: ignore[untyped-decorator]
def on_media_log(level: int, text: bytes, _data: ctypes.c_void_p) -> None:
    """Take a line of libmtmd's, or a part of one. For any thread."""
    global _media_level
    _media_level = _media_level if level == _CONTINUED else level
    line = text[:_LONGEST].decode("utf-8", "replace").strip()
    if _media_level == _ERROR and line:
        media_errors.append(line)


def install() -> None:
    """Route llama.cpp's log here. Once a process, before anything else is called."""
    llama_cpp.llama_log_set(_on_log, ctypes.c_void_p(0))
