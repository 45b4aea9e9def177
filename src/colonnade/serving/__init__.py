"""Which models are served: known, loaded on demand, within the memory there is, unloaded.

Shared by ``serve``, ``chat``, ``check`` and the doors that manage models. Knows neither HTTP nor
the terminal. Where a model comes from is the hub room's business.
"""

from colonnade.serving.entry import Entry, Origin, State
from colonnade.serving.files import scan
from colonnade.serving.loading import LoadPlan, load_model, resolved_model
from colonnade.serving.news import RELOAD, Event, News
from colonnade.serving.registry import ModelRegistry, serve_model

__all__ = [
    "RELOAD",
    "Entry",
    "Event",
    "LoadPlan",
    "ModelRegistry",
    "News",
    "Origin",
    "State",
    "load_model",
    "resolved_model",
    "scan",
    "serve_model",
]
