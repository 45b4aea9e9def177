"""Units and bounds that settings share."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

SECRET = {"secret": True, "guards": True}
BYTES = {"unit": "bytes"}
CHARACTERS = {"unit": "characters"}
MILLISECONDS = {"unit": "ms"}
SECONDS = {"unit": "s"}
TOKENS = {"unit": "tokens"}

Text = Annotated[str, Meta(min_length=1)]
NonNegative = Annotated[float, Meta(ge=0)]
Fraction = Annotated[float, Meta(ge=0, le=1)]
Penalty = Annotated[float, Meta(ge=-2, le=2)]
Port = Annotated[int, Meta(description="Its own port; 0 picks a free one.", ge=0, le=65535)]
