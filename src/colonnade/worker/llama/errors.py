"""Why a model could not be loaded, in words for the user."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from colonnade.worker.llama import log

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_PREAMBLES = (
    "llama_model_load: ",
    "llama_init_from_model: ",
    "llama_adapter_lora_init_from_file_ptr: ",
    "error loading model: ",
    "failed to initialize the context: ",
    "failed to apply lora adapter: ",
    "mtmd_init_from_file: ",
    "error: ",
)
"""How llama.cpp begins its error lines, in this order; the reader knows that much already."""

_DAMAGE = re.compile(
    r"(?:gguf_init_from_\w+|read): (.*)"
    r"|.*error loading model: (tensor '.*' data is not within the file bounds)"
)
"""What llama.cpp says of a file that is not what it says itself. What follows says less."""


class ModelError(Exception):
    """A model could not be loaded; the message is for the user."""


def choice(table: Mapping[str, int], value: str, setting: str) -> int:
    """Look up what a setting's text stands for.

    Raises:
        ModelError: it stands for nothing.
    """
    if value not in table:
        msg = f"{setting} is {value!r}; it can be {', '.join(table)}"
        raise ModelError(msg)
    return table[value]


def why(what: str, lines: Collection[str] | None = None) -> str:
    """``what`` with llama.cpp's first error line that names the cause, of ``lines`` or else of the
    newest ones."""
    lines = list(log.errors if lines is None else lines)
    damage = next((found for line in lines if (found := _DAMAGE.match(line))), None)
    if damage is not None:
        return f"{what}: the file is damaged: {damage[1] or damage[2]}"
    cause = next((line for line in lines if "error" in line.lower()), None)
    cause = cause or (lines[0] if lines else None)
    if cause is None:
        return f"{what} (llama.cpp gave no reason)"
    for preamble in _PREAMBLES:
        cause = cause.removeprefix(preamble)
    return f"{what}: {cause.partition(chr(10))[0]}"
