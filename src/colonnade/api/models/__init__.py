"""``/v1/models``: what there is, in which state, and for administrators what comes and goes."""

from colonnade.api.models.control import CONTROL
from colonnade.api.models.routes import list_models, retrieve_model

__all__ = ["CONTROL", "list_models", "retrieve_model"]
