"""The server process's end of the workers.

Starts a worker process for a model, keeps it alive, submits requests to it and hands each request
its own outputs. Knows nothing of prompts' meaning, templates or HTTP.
"""

from colonnade.engine.backlog import Bounds
from colonnade.engine.client import Engine
from colonnade.engine.embedder import Embedder, Rows
from colonnade.engine.kept import KeptStates
from colonnade.engine.starting import start_engine
from colonnade.engine.stream import Stream
from colonnade.engine.supervisor import LoadError
from colonnade.engine.survey import Surveyor

AnyEngine = Engine | Embedder

__all__ = [
    "AnyEngine",
    "Bounds",
    "Embedder",
    "Engine",
    "KeptStates",
    "LoadError",
    "Rows",
    "Stream",
    "Surveyor",
    "start_engine",
]
