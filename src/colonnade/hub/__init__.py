"""From ``MODEL``, as the user writes it, to a GGUF file on this machine.

Understands paths, ``demo``, ``hf:OWNER/REPO[:FILE-OR-QUANT]`` and ``pkg:PACKAGE[:FILE]``;
downloading and its cache are huggingface_hub's. Does not load the model, and reads no more of it
than its first bytes.
"""

from colonnade.hub.cache import downloaded_models
from colonnade.hub.directories import MissingModelError, find_below
from colonnade.hub.errors import ModelError
from colonnade.hub.packages import PackageModel, packaged_models
from colonnade.hub.reference import HubModel
from colonnade.hub.resolve import ResolvedModel, resolve_model

__all__ = [
    "HubModel",
    "MissingModelError",
    "ModelError",
    "PackageModel",
    "ResolvedModel",
    "downloaded_models",
    "find_below",
    "packaged_models",
    "resolve_model",
]
