"""What keys have used, in the database."""

from __future__ import annotations

import asyncio
import datetime as dt

from colonnade.generation import Used
from colonnade.sessions import UsageStore

DATE = dt.date(2026, 11, 30)


async def test_servers_add_up_in_one_database(url: str) -> None:
    stores = [await UsageStore.open(url, DATE) for _ in range(2)]
    for _ in range(20):
        used = {("app", DATE): Used(1, 2, 3), ("b", DATE): Used(1)}
        await asyncio.gather(*[store.add(used) for store in stores])
    assert await stores[0].since(DATE) == {
        ("app", DATE): Used(40, 80, 120),
        ("b", DATE): Used(40),
    }
    assert await stores[0].since(DATE + dt.timedelta(days=1)) == {}
    for store in stores:
        await store.close()


async def test_what_is_old_is_forgotten(url: str) -> None:
    store = await UsageStore.open(url, DATE)
    await store.add({("app", DATE): Used(1)})
    await store.close()
    store = await UsageStore.open(url, DATE + dt.timedelta(days=1000))
    assert await store.since(DATE) != {}
    await store.close()
    store = await UsageStore.open(url, DATE + dt.timedelta(days=2000))
    assert await store.since(DATE) == {}
    await store.close()
