"""A model put together without its weights, in a process of its own that may die of it.

``kv_overrides`` reach whatever llama.cpp reads from a file, for each architecture something else,
and it answers many values with an abort.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import llama_cpp
import msgspec

from colonnade.messages import LoadModel
from colonnade.orphans import die_with_parent
from colonnade.worker.llama import log
from colonnade.worker.llama.context import open_context
from colonnade.worker.llama.errors import ModelError
from colonnade.worker.llama.loading import open_model
from colonnade.worker.llama.vocabulary import Vocabulary

_ENVIRONMENT = {"GGML_NO_BACKTRACE": "1"}
"""A debugger's words would bury llama.cpp's."""

_COMMAND = "from colonnade.worker.llama.rehearsal import main; main()"


def rehearse(load: LoadModel) -> None:
    """Find out whether llama.cpp survives the overrides. Other errors are not looked for here.

    Raises:
        ModelError: it does not.
    """
    command = [sys.executable, "-P", "-c", _COMMAND, msgspec.json.encode(load).decode()]
    done = subprocess.run(
        command, env=_ENVIRONMENT | os.environ, stdin=subprocess.DEVNULL, capture_output=True
    )
    if done.returncode < 0:
        words = done.stderr.decode("utf-8", "replace")
        cause = _cause(words) or signal.Signals(-done.returncode).name
        msg = f"{load.path} with these kv_overrides ends llama.cpp's process: {cause}"
        raise ModelError(msg)


def _cause(words: str) -> str:
    """The line that says why, without the place where llama.cpp was built."""
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    asserted = [line for line in lines if "GGML_A" in line]
    line = (asserted or lines or [""])[-1]
    return line.rpartition("llama.cpp/")[2]


def main() -> None:
    """Put together the model that the command line names."""
    die_with_parent()
    load = msgspec.json.decode(sys.argv[1], type=LoadModel)
    log.install()
    llama_cpp.llama_backend_init()
    try:
        model = open_model(load, lambda _: True, weights=False).pointer
        Vocabulary(llama_cpp.llama_model_get_vocab(model)).names()
        open_context(model, load)
    except ModelError:
        return  # the model is about to be loaded in earnest, and this said then
