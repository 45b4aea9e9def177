"""What keys have used, what they may use, and that a restart forgets nothing of it."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import TYPE_CHECKING

import pytest

from colonnade.generation import Used
from colonnade.messages import Failure, FailureKind
from colonnade.sessions import UsageStore
from colonnade.web.access import Key, KeyRing, Ledger
from colonnade.web.access.quotas import Period, Quota, Unit

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

EVENING = dt.datetime(2026, 11, 30, 23, 59, tzinfo=dt.UTC).timestamp()
MINUTE, DAY = 60.0, 86400.0
DATE = dt.date(2026, 11, 30)


class Clock:
    def __init__(self) -> None:
        self.now = EVENING

    def __call__(self) -> float:
        return self.now


def ring(*quotas: Quota) -> KeyRing:
    return KeyRing([Key("app", b"", quotas=quotas), Key("other", b"1")])


def refused(ledger: Ledger, client: str = "key:app") -> float | None:
    """Seconds until a client may ask again; None where it may now."""
    try:
        ledger.admit(client)
    except Failure as failure:
        found = failure
    else:
        return None
    assert found.kind is FailureKind.QUOTA_EXCEEDED
    return found.retry_after


def test_quotas_of_a_day_and_of_a_month() -> None:
    clock = Clock()
    day = Quota(Unit.TOKENS, Period.DAY, 10)
    month = Quota(Unit.REQUESTS, Period.MONTH, 3)
    ledger = Ledger(ring(day, month), clock)
    ledger.note("key:app", Used(1, 4, 5))
    assert refused(ledger) is None
    ledger.note("key:app", Used(0, 0, 1))
    assert refused(ledger) == pytest.approx(MINUTE)
    assert refused(ledger, "key:other") is None
    assert refused(ledger, "192.0.2.1") is None
    clock.now += MINUTE + 1  # the day is over, and the month too
    assert refused(ledger) is None
    ledger.note("key:app", Used(3))
    assert refused(ledger) == pytest.approx(31 * DAY - 1)
    clock.now += DAY
    assert refused(ledger) == pytest.approx(30 * DAY - 1)
    clock.now += 30 * DAY
    assert refused(ledger) is None


def test_a_quota_of_nothing() -> None:
    assert refused(Ledger(ring(Quota(Unit.TOKENS, Period.DAY, 0)), Clock())) == pytest.approx(
        MINUTE
    )


def test_who_has_no_key_has_no_account() -> None:
    ledger = Ledger(ring(), Clock())
    ledger.note("192.0.2.1", Used(1, 2, 3))
    ledger.note("", Used(1, 2, 3))
    assert not ledger.totals
    assert ledger.this_month() == {}


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/usage.db"


async def test_a_restart_forgets_nothing(url: str) -> None:
    quota = Quota(Unit.TOKENS, Period.MONTH, 30)
    for times in (1, 2, 3):
        store = await UsageStore.open(url, DATE)
        ledger = Ledger(ring(quota), Clock())
        async with ledger.kept_in(store):
            assert refused(ledger) is None
            ledger.note("key:app", Used(1, 4, 6))
            assert ledger.this_month() == {("app", DATE): Used(times, 4 * times, 6 * times)}
        await store.close()
    store = await UsageStore.open(url, DATE)
    ledger = Ledger(ring(quota), Clock())
    async with ledger.kept_in(store):
        assert refused(ledger) == pytest.approx(MINUTE)
    await store.close()


class Flaky:
    """A database that fails when it is told to."""

    def __init__(self) -> None:
        self.fails = False
        self.kept: dict[tuple[str, dt.date], Used] = {}
        self.asked = asyncio.Event()

    async def add(self, used: Mapping[tuple[str, dt.date], Used]) -> None:
        await self._answer()
        for place, each in used.items():
            self.kept[place] = self.kept.get(place, Used()) + each

    async def since(self, day: dt.date) -> dict[tuple[str, dt.date], Used]:
        await self._answer()
        return {place: used for place, used in self.kept.items() if place[1] >= day}

    async def _answer(self) -> None:
        await asyncio.sleep(0)
        self.asked.set()
        if self.fails:
            msg = "the disk is full"
            raise OSError(msg)


async def test_what_cannot_be_written_waits(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("colonnade.web.access.ledger._FLUSH_SECONDS", 0.001)
    caplog.set_level("INFO")
    store, ledger = Flaky(), Ledger(ring(), Clock())
    async with ledger.kept_in(store):
        store.fails = True
        for _ in range(5):
            ledger.note("key:app", Used(1, 1, 1))
            store.asked.clear()
            await asyncio.wait_for(store.asked.wait(), 5)
            assert ledger.this_month()["app", DATE].requests > 0
        store.fails = False
        async with asyncio.timeout(5):
            while store.kept.get(("app", DATE)) != Used(5, 5, 5):  # noqa: ASYNC110 - its own time
                await asyncio.sleep(0.001)
        ledger.note("key:app", Used(1, 1, 1))
    assert store.kept == {("app", DATE): Used(6, 6, 6)}
    assert ledger.this_month() == store.kept
    said = [each.message for each in caplog.records if "written down" in each.message]
    assert said == [
        "what keys use is not written down: the disk is full",
        "what keys use is written down again",
    ]
