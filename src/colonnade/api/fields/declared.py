"""The table."""

from __future__ import annotations

from colonnade.api.fields.done import DONE
from colonnade.api.fields.refused import REFUSED
from colonnade.api.fields.texts import TEXT_FIELDS
from colonnade.api.fields.without_effect import WITHOUT_EFFECT

GENERATION_FIELDS = (*DONE, *WITHOUT_EFFECT, *REFUSED)
"""The rows of the endpoints that generate text."""

FIELDS = (*GENERATION_FIELDS, *TEXT_FIELDS)
"""All rows; a field has one for each endpoint at most."""
