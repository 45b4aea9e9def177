"""The turn that a plain chat request of an older service asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from colonnade.generation import ChatPrompt, ServedModel, Turn
from colonnade.messages import Decoding

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def chat_turn(
    model: ServedModel,
    messages: Sequence[Mapping[str, Any]],
    *,
    max_tokens: int | None = None,
    **sampling: float | None,
) -> Turn:
    """A turn on the model that is served; what is None is drawn as the model's defaults say."""
    given = {name: value for name, value in sampling.items() if value is not None}
    how = msgspec.structs.replace(model.sampling, **given)
    return Turn(None, ChatPrompt(tuple(messages)), Decoding(sampling=how, max_tokens=max_tokens))
