"""A request's place in the queue, by OpenAI's ``service_tier`` and vLLM's ``priority``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from colonnade.messages import Failure, FailureKind, Tier, Urgency

if TYPE_CHECKING:
    from colonnade.api.schema.chat_response import UsedTier
    from colonnade.api.schema.requests import GenerationFields

_TIERS = {"flex": Tier.FLEX, "priority": Tier.PRIORITY, "fast": Tier.PRIORITY}
"""Those that are not the usual one. ``fast`` is OpenAI's newer word."""

_NAMES: dict[Tier, UsedTier] = {
    Tier.PRIORITY: "priority",
    Tier.DEFAULT: "default",
    Tier.FLEX: "flex",
}


def urgency(
    request: GenerationFields, service_tier: str | None = None, *, may_pass: bool
) -> Urgency:
    """A request's place in the queue. Where it may not pass others, as it comes or behind them.

    Raises:
        Failure: its priority asks for more than the server allows; a tier says what was used.
    """
    tier = _TIERS.get(service_tier or "", Tier.DEFAULT)
    priority = request.priority or 0
    if not may_pass:
        tier = max(tier, Tier.DEFAULT)
        if priority < 0:
            msg = "This server lets no request pass others: 'priority' must not be negative."
            raise Failure(FailureKind.UNSUPPORTED, msg, param="priority")
    return Urgency(tier, priority)


def used_tier(place: Urgency) -> UsedTier:
    """The name of the tier in which a request was served."""
    return _NAMES[place.tier]
