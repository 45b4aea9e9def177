"""Every field that OpenAI, llama-server and vLLM document for the endpoints that generate, embed
and score, each with what becomes of it here. No wire structs, and no work on requests but the
refusing.
"""

from colonnade.api.fields.declared import FIELDS
from colonnade.api.fields.documented import refused_schemas
from colonnade.api.fields.refusal import refuse_fields
from colonnade.api.fields.row import Endpoint, Field, Standing

__all__ = ["FIELDS", "Endpoint", "Field", "Standing", "refuse_fields", "refused_schemas"]
