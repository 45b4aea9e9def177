"""What a program under measurement finds in its environment: what its own user would have there.

A benchmark may be started with settings for threads, allocators or the server itself, and a peer
that inherits them is not the peer that its user knows.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_STEERING = (
    "COLONNADE_",
    "GGML_",
    "GLIBC_TUNABLES",
    "GOMP_",
    "HOST",
    "KMP_",
    "LD_PRELOAD",
    "LLAMA_",
    "MALLOC_",
    "OMP_",
    "PORT",
)
"""Beginnings of variables that change how a server or its threads run."""


def own_environment(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment without what steers one of the programs."""
    return {name: value for name, value in environ.items() if not name.startswith(_STEERING)}
