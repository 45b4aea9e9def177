"""What guards the doors, put together from the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from colonnade.web.access.keys import Key, KeyRing, digest_of
from colonnade.web.access.layers import Identification, KeysMiddleware, LimitMiddleware
from colonnade.web.access.limits import RequestLimit

if TYPE_CHECKING:
    from litestar.types import ASGIApp, Middleware

    from colonnade.settings import Settings


class Access:
    """Who may come in through any door of a server, and how often. One for all of its ports."""

    def __init__(self, keys: KeyRing, limit: RequestLimit) -> None:
        self.keys = keys
        self.limit = limit

    @classmethod
    def of(cls, settings: Settings) -> Access:
        """What the settings say."""
        server = settings.server
        keys = [
            Key(f"key-{number}", digest_of(secret), admin=True)
            for number, secret in enumerate(server.api_key, 1)
        ]
        return cls(KeyRing(keys), RequestLimit(server.rate_limit))

    @classmethod
    def for_anyone(cls) -> Access:
        """No keys and no limits: whoever reaches the server may use and steer it."""
        return cls(KeyRing(), RequestLimit(0))

    def identified(self, app: ASGIApp) -> ASGIApp:
        """An application that knows who asks; around everything that a request's path selects."""
        return Identification(app, self.keys, self.limit)

    def middleware(self) -> list[Middleware]:
        """The layers inside an application, where a refusal gets its door's own shape."""
        layers: list[Middleware] = []
        if self.limit:
            layers.append(LimitMiddleware())
        if self.keys:
            layers.append(KeysMiddleware())
        return layers
