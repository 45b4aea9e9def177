"""How much a key may be used in a day or a month."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum


class Unit(StrEnum):
    """What is counted."""

    TOKENS = "tokens"
    """Of prompts and of answers together."""
    REQUESTS = "requests"


class Period(StrEnum):
    """For how long, by UTC."""

    DAY = "day"
    MONTH = "month"

    def first_day(self, today: dt.date) -> dt.date:
        """The day that this one's period began with."""
        return today if self is Period.DAY else today.replace(day=1)

    def end(self, today: dt.date) -> dt.datetime:
        """When this day's period is over."""
        if self is Period.DAY:
            after = today + dt.timedelta(days=1)
        else:
            after = (today.replace(day=28) + dt.timedelta(days=4)).replace(day=1)
        return dt.datetime.combine(after, dt.time(), dt.UTC)


@dataclass(frozen=True, slots=True)
class Quota:
    """The most of something in each period."""

    unit: Unit
    period: Period
    most: int
