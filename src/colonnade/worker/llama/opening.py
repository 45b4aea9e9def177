"""What comes before a model is opened, whatever for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import llama_cpp

from colonnade.worker.llama import log
from colonnade.worker.llama.rehearsal import rehearse
from colonnade.worker.llama.room import check_room, fitted
from colonnade.worker.llama.tuning import check_tuning, tune_process

if TYPE_CHECKING:
    from colonnade.messages import LoadModel


def make_ready(load: LoadModel) -> LoadModel:
    """Check what llama.cpp would not survive, and whether there is room for the model. Returns the
    load with everything chosen.

    Raises:
        ModelError: an option cannot be had, or there is none.
    """
    log.install()
    check_tuning(load)
    if load.tuning.kv_overrides:
        rehearse(load)
    llama_cpp.llama_backend_init()
    tune_process(load.tuning)
    load = fitted(load)
    if load.check_room:
        check_room(load)
    return load
