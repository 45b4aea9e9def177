"""Which models are served: loading, swapping, unloading.

Shared by ``serve``, ``chat``, ``check`` and the doors that manage models. Knows neither HTTP nor
the terminal. Where a model comes from is the hub room's business.
"""

from colonnade.serving.loading import LoadPlan, load_model
from colonnade.serving.registry import ModelRegistry, serve_model

__all__ = ["LoadPlan", "ModelRegistry", "load_model", "serve_model"]
