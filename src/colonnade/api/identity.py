"""What every response says of itself."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass

from colonnade import __version__

SYSTEM_FINGERPRINT = f"colonnade-{__version__}"


@dataclass(frozen=True, slots=True)
class Identity:
    """Id, time and model of one response; all chunks of a stream share them."""

    id: str
    created: int
    model: str

    @classmethod
    def fresh(cls, prefix: str, model: str, wish: str | None = None) -> Identity:
        """A new one, its id beginning with ``prefix``, and going on as wished."""
        return cls(f"{prefix}-{wish or secrets.token_hex(12)}", int(time.time()), model)
