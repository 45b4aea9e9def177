"""The table."""

from __future__ import annotations

from colonnade.api.fields.done import DONE
from colonnade.api.fields.refused import REFUSED
from colonnade.api.fields.without_effect import WITHOUT_EFFECT

FIELDS = (*DONE, *WITHOUT_EFFECT, *REFUSED)
"""All rows; a field has one for each endpoint at most."""
