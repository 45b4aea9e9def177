"""llama.cpp's sources out of llama-cpp-python's source distribution, without what nobody builds.

What stays is what CMake needs to configure and to build llama-server and the shared libraries, for
the CPU and for CUDA. Nothing is altered: what is missing is switched off by options.
"""

from __future__ import annotations

import tarfile
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

VENDORED = PurePosixPath("vendor/llama.cpp")

_FOLDERS = ("cmake", "common", "ggml", "include", "src", "tools", "vendor")
_FILES = ("CMakeLists.txt", "LICENSE", "scripts/ui-assets.cmake")
_ENDINGS = frozenset({".c", ".cmake", ".cpp", ".cu", ".cuh", ".h", ".hpp", ".in"})
_NAMES = frozenset({"CMakeLists.txt", "LICENSE"})
_BACKENDS = frozenset({"ggml-cpu", "ggml-cuda"})
"""Of the folders of ``ggml/src``, each of which is a backend: CMake enters those switched on."""
_UNUSED_FOLDERS = frozenset({"tests", "bench"})


def is_kept(path: PurePosixPath) -> bool:
    """Whether a file of llama.cpp, named from its top, goes along."""
    if str(path) in _FILES:
        return True
    if path.parts[0] not in _FOLDERS or _UNUSED_FOLDERS & set(path.parts[1:-1]):
        return False
    if path.is_relative_to("tools/ui"):  # a web page, which the server can do without
        return len(path.parts) == 3 and (path.name in _NAMES or path.suffix == ".in")
    if path.is_relative_to("ggml/src") and len(path.parts) > 3 and path.parts[2] not in _BACKENDS:
        return False
    return path.name in _NAMES or path.suffix in _ENDINGS


def members(sdist: tarfile.TarFile) -> Iterator[tuple[PurePosixPath, tarfile.TarInfo]]:
    """The files of a source distribution, named from its top."""
    for member in sdist:
        path = PurePosixPath(member.name)
        if member.isfile() and len(path.parts) > 1:
            yield path.relative_to(path.parts[0]), member


def write_sources(sdist: Path, target: Path) -> int:
    """Write what stays as an archive with one folder, ``llama.cpp``; returns how many files."""
    count = 0
    with tarfile.open(sdist) as source, tarfile.open(target, "w:gz", compresslevel=9) as written:
        for path, member in members(source):
            if path.is_relative_to(VENDORED) and is_kept(inner := path.relative_to(VENDORED)):
                # a new one, since what is noted of a long name would come before another name
                named = tarfile.TarInfo(str("llama.cpp" / inner))
                named.size, named.mtime = member.size, member.mtime
                written.addfile(named, source.extractfile(member))
                count += 1
    return count
