"""llama.cpp through llama-cpp-python's low-level bindings: the only room that imports llama_cpp.

Everything that llama.cpp answers with an abort of the process is checked before it is asked.
"""

from colonnade.worker.llama.build import library_build
from colonnade.worker.llama.draft import open_draft
from colonnade.worker.llama.encoder import LlamaEncoder
from colonnade.worker.llama.invariance import invariant_rows
from colonnade.worker.llama.metadata import describe
from colonnade.worker.llama.model import LlamaModel, ModelError
from colonnade.worker.llama.openmp import openmp_waits
from colonnade.worker.llama.task import with_task

__all__ = [
    "LlamaEncoder",
    "LlamaModel",
    "ModelError",
    "describe",
    "invariant_rows",
    "library_build",
    "open_draft",
    "openmp_waits",
    "with_task",
]
