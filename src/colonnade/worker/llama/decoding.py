"""One call of ``llama_decode``, with errors that say what went wrong."""

from __future__ import annotations

from typing import Any

import llama_cpp

from colonnade.worker.ports import DecodeError

_ERRORS = {
    1: "no room in the KV cache",
    2: "aborted",
    -1: "the batch is invalid",
}


def decode(context: Any, batch: llama_cpp.llama_batch) -> None:  # noqa: ANN401 - a ctypes pointer
    """Run a batch.

    Raises:
        DecodeError: it failed.
    """
    status = llama_cpp.llama_decode(context, batch)
    if status != 0:
        reason = _ERRORS.get(status, "llama.cpp failed")
        msg = f"llama_decode returned {status}: {reason}"
        raise DecodeError(msg)
