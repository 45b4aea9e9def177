"""From ``MODEL``, as the user writes it, to a GGUF file on this machine.

Understands paths, ``demo``, ``hf:OWNER/REPO[:FILE-OR-QUANT]`` and ``pkg:PACKAGE[:FILE]``; what is
downloaded lies in huggingface_hub's cache, as other tools know it. Does not load the model, and
reads no more of it than its first bytes.
"""

from colonnade.hub.cache import Download, cached_model, downloaded_models, unfinished_downloads
from colonnade.hub.deletion import Deletion, delete_model, delete_unfinished, find_deletion
from colonnade.hub.directories import MissingModelError, find_below
from colonnade.hub.download import FileProgress, Hub, wanted_files
from colonnade.hub.errors import FetchStopped, ModelError
from colonnade.hub.lines import ProgressLines
from colonnade.hub.packages import Packaged, PackageModel, packaged_models
from colonnade.hub.reference import HubModel, parse_hub_model
from colonnade.hub.repository import Repository
from colonnade.hub.resolve import (
    DEMO,
    ResolvedModel,
    demo_file,
    local_model,
    projector_beside,
    reference_id,
    resolve_model,
)
from colonnade.hub.variants import all_models, default_label, quantization

__all__ = [
    "DEMO",
    "Deletion",
    "Download",
    "FetchStopped",
    "FileProgress",
    "Hub",
    "HubModel",
    "MissingModelError",
    "ModelError",
    "PackageModel",
    "Packaged",
    "ProgressLines",
    "Repository",
    "ResolvedModel",
    "all_models",
    "cached_model",
    "default_label",
    "delete_model",
    "delete_unfinished",
    "demo_file",
    "downloaded_models",
    "find_below",
    "find_deletion",
    "local_model",
    "packaged_models",
    "parse_hub_model",
    "projector_beside",
    "quantization",
    "reference_id",
    "resolve_model",
    "unfinished_downloads",
    "wanted_files",
]
