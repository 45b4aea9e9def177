"""The layers that an application gets. Probes are open to all."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from litestar.enums import ScopeType
from litestar.exceptions import NotAuthorizedException
from litestar.middleware import ASGIMiddleware

from colonnade.generation import asking
from colonnade.messages import Failure, FailureKind
from colonnade.watch import about
from colonnade.web.access.callers import Caller, caller_of, remember
from colonnade.web.access.keys import is_document
from colonnade.web.access.limits import charge, remember_limit

if TYPE_CHECKING:
    from litestar.types import ASGIApp, Receive, Scope, Send

    from colonnade.web.access.keys import KeyRing
    from colonnade.web.access.limits import RequestLimit

_log = logging.getLogger(__name__)

_OPEN = frozenset({"/", "/health", "/ready"})


_BASIC = {"www-authenticate": 'Basic realm="Colonnade: the key is the password"'}


def _is_open(scope: Scope) -> bool:
    return scope["path"] in _OPEN


def _is_free(scope: Scope) -> bool:
    return _is_open(scope) or scope["path"] == "/metrics" or is_document(scope["path"])


class Identification:
    """Wraps an application: finds out who asks, before anything else is known of a request.

    It refuses nobody: how a refusal looks is for the route to say.
    """

    def __init__(self, app: ASGIApp, keys: KeyRing, limit: RequestLimit, *, proxied: bool) -> None:
        """``proxied``: what proxies say of a client's address was made use of before."""
        self._app = app
        self._keys = keys
        self._limit = limit
        self._wonders = not proxied

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] in (ScopeType.HTTP, ScopeType.WEBSOCKET):
            if self._wonders:
                self._wonder(scope)
            caller = self._caller(scope)
            remember(scope, caller)
            remember_limit(scope, self._limit)
            asking.set(caller.client)
            if (found := about.get()) is not None:
                found.caller = caller.name
        await self._app(scope, receive, send)

    def _wonder(self, scope: Scope) -> None:
        """Tell the operator, once, of a proxy that counts as one client."""
        if any(name == b"x-forwarded-for" for name, _ in scope["headers"]):
            self._wonders = False
            _log.warning(
                "X-Forwarded-For is not believed, so a proxy and all behind it are one client: "
                "--trusted-proxies names those that are"
            )

    def _caller(self, scope: Scope) -> Caller:
        client = scope.get("client")
        address = client[0] if client else ""
        if not self._keys:
            return Caller("", address, admin=True)
        key = self._keys.of(scope)
        if key is None:
            return Caller("", address, admin=False)
        return Caller(key.name, address, key.admin)


class KeysMiddleware(ASGIMiddleware):
    """Lets in who has a key."""

    scopes = (ScopeType.HTTP, ScopeType.WEBSOCKET)
    should_bypass_for_scope = staticmethod(_is_open)  # patterns ask for the handler's path, too

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Let the request through.

        Raises:
            Failure: it carries no key of this server.
            NotAuthorizedException: as well, where a browser may ask for one.
        """
        if not caller_of(scope).name and scope.get("method") != "OPTIONS":
            if is_document(scope["path"]):
                raise NotAuthorizedException("A key of this server is needed", headers=dict(_BASIC))
            msg = "A key of this server is needed: Authorization: Bearer KEY."
            raise Failure(FailureKind.UNAUTHORIZED, msg)
        await next_app(scope, receive, send)


class LimitMiddleware(ASGIMiddleware):
    """Counts what comes over HTTP; a WebSocket's requests are counted where they are read."""

    scopes = (ScopeType.HTTP,)
    should_bypass_for_scope = staticmethod(_is_free)

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Let the request through.

        Raises:
            Failure: its client has sent too many.
        """
        charge(scope)
        await next_app(scope, receive, send)
