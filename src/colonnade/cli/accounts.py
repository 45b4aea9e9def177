"""Where what keys use is written down."""

from __future__ import annotations

import datetime as dt
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from colonnade.legacy.session_book import database_url
from colonnade.sessions import SessionError, UsageStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from colonnade.settings import Settings
    from colonnade.web.access import Access

_log = logging.getLogger(__name__)


@asynccontextmanager
async def kept_accounts(settings: Settings, access: Access) -> AsyncIterator[None]:
    """Keep what keys use in the database, in here, where there are keys.

    Raises:
        SessionError: the database cannot be used, and there are quotas, which would begin anew
            with each start.
    """
    store = await _opened(settings, access) if access.keys else None
    if store is None:
        yield
        return
    try:
        async with access.ledger.kept_in(store):
            yield
    finally:
        await store.close()


async def _opened(settings: Settings, access: Access) -> UsageStore | None:
    try:
        return await UsageStore.open(database_url(settings), dt.datetime.now(dt.UTC).date())
    except SessionError as error:
        if access.keys.bounded:
            raise
        _log.warning("what keys use is not written down: %s", error.detail)
        return None
