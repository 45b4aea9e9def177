"""What a program under measurement finds in its environment: what its own user would have there.

A benchmark may be started with settings for threads, allocators or the server itself, and a peer
that inherits them is not the peer that its user knows.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_HARMLESS = (
    "CUDA_",
    "DYLD_",
    "HOME",
    "LANG",
    "LC_",
    "LD_LIBRARY_PATH",
    "LOGNAME",
    "NVIDIA_",
    "OPENBLAS_CORETYPE",  # with which some machines are told what processor they have
    "PATH",
    "PYTHONPATH",
    "SHELL",
    "SSL_",
    "TERM",
    "TMPDIR",
    "TZ",
    "USER",
    "VIRTUAL_ENV",
    "XDG_",
)
"""Beginnings of variables that say where things are. llama-cpp-python's server takes its settings
from variables without a common beginning, so that those that steer cannot be listed."""


def own_environment(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment without what might steer one of the programs."""
    return {name: value for name, value in environ.items() if name.startswith(_HARMLESS)}
