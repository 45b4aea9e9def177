"""Which llama.cpp this is."""

from __future__ import annotations

from pathlib import Path

import llama_cpp


def library_build() -> str:
    """What tells one build of the library from another: states are not passed between them."""
    library = llama_cpp.llama_cpp._lib  # noqa: SLF001 - the bindings do not tell
    file = Path(library._name).stat()  # noqa: SLF001 - ctypes has no other name for it
    return f"{llama_cpp.__version__} {file.st_ino} {file.st_size} {file.st_mtime_ns}"
