"""What web pages may do with a server that runs on their visitor's machine.

A browser lets any page send requests to any address, also to one of this machine; whether the page
sees the answer is another matter. So every request is looked at before anything else is done with
it: under which name it reached the server, which page sent it, and whether it could have been sent
without the browser asking first (a preflight). What no browser sends (no ``Host``, no ``Origin``)
is let through: programs that are not browsers can write there what they like.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from litestar.connection import ASGIConnection
from litestar.enums import MediaType, ScopeType
from litestar.exceptions import HTTPException
from litestar.utils.path import normalize_path

from colonnade.messages import Failure, FailureKind
from colonnade.web.hosts import KnownHosts, parsed_host
from colonnade.web.origins import Origins, same_origin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from litestar import Litestar, Response
    from litestar.types import ASGIApp, Message, Receive, Scope, Send

_FOR_READERS = re.compile(r"/(docs|redoc|openapi\.json|health|ready)?")
"""What a link on another site may lead to."""
_READING = frozenset({"GET", "HEAD"})
_FOREIGN_SITES = frozenset({"cross-site", "same-site"})
_SHOWN = 200
"""So much of what a request says is repeated to it."""

_TELLING = frozenset(
    {
        b"host",
        b"origin",
        b"content-type",
        b"content-length",
        b"transfer-encoding",
        b"sec-fetch-site",
        b"sec-fetch-mode",
        b"sec-fetch-dest",
        b"access-control-request-private-network",
    }
)
"""The headers that are looked at."""

_NOT_FOR_OTHERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
"""On every answer: it is what it says it is, and no picture, style or script of other pages."""
_STARTS = frozenset({"http.response.start", "websocket.http.response.start"})
_TO_PRIVATE_NETWORK = (b"access-control-allow-private-network", b"true")


@dataclass(slots=True)
class _Asked:
    """What of a request's head says where it comes from."""

    hosts: list[str] = field(default_factory=list)
    origins: list[str] = field(default_factory=list)
    types: list[str] = field(default_factory=list)
    has_body: bool = False
    fetch: dict[str, str] = field(default_factory=dict)
    """``Sec-Fetch-*``: which browsers set, and no page can."""
    private_network: bool = False

    @classmethod
    def of(cls, scope: Scope) -> _Asked:
        """Read it in one pass."""
        asked = cls()
        for name, value in scope["headers"]:
            if name in _TELLING:
                asked._take(name, value.decode("latin-1").strip())
        return asked

    def _take(self, name: bytes, text: str) -> None:
        match name:
            case b"host":
                self.hosts.append(text)
            case b"origin":
                self.origins.append(text)
            case b"content-type":
                self.types.append(text)
            case b"content-length":
                self.has_body |= text != "0"
            case b"transfer-encoding":
                self.has_body = True
            case b"sec-fetch-site" | b"sec-fetch-mode" | b"sec-fetch-dest":
                self.fetch[name[10:].decode()] = text.lower()
            case b"access-control-request-private-network":
                self.private_network = text.lower() == "true"


class PageRules:
    """Which pages may call a port, and by which names. Without a word, none but its own.

    Raises:
        ValueError: one of ``origins`` is no origin, or one of ``hosts`` no name.
    """

    def __init__(
        self,
        origins: Iterable[str] = (),
        hosts: Iterable[str] = (),
        flag: str = "--cors-origins",
    ) -> None:
        self.origins = Origins(origins)
        self.hosts = KnownHosts(hosts)
        self.flag = flag
        """The setting that lets further pages in."""

    def check(self, scope: Scope, asked: _Asked) -> None:
        """Let a request through.

        Raises:
            Failure: it came by a strange name, from a page that may not send it, or in a way that
                needs no page's permission.
        """
        self._check_host(asked)
        for origin in asked.origins:
            self._check_origin(origin, asked)
        if not asked.origins and not self.origins.all:
            _check_unnamed(scope, asked)
        if asked.origins and asked.has_body and not _is_json(asked.types):
            msg = "A page sends JSON, and says so: Content-Type: application/json."
            raise Failure(FailureKind.UNSUPPORTED_MEDIA_TYPE, msg)

    def _check_host(self, asked: _Asked) -> None:
        for text in asked.hosts:
            host = parsed_host(text)
            known = not text or (host is not None and host.name in self.hosts)
            if known and text == asked.hosts[0]:
                continue
            msg = (
                f"This server is not known as {text[:_SHOWN]!r}: --allowed-hosts gives it names "
                "beside localhost, the machine's own and every address."
            )
            raise Failure(FailureKind.UNKNOWN_HOST, msg)

    def _check_origin(self, origin: str, asked: _Asked) -> None:
        host = parsed_host(asked.hosts[0]) if asked.hosts else None
        if origin in self.origins or (host is not None and same_origin(origin, host)):
            return
        msg = (
            f"Pages of {origin[:_SHOWN]!r} may not call this server: "
            f"{self.flag} names those that may."
        )
        raise Failure(FailureKind.FOREIGN_ORIGIN, msg)


def _check_unnamed(scope: Scope, asked: _Asked) -> None:
    """Refuse what a page has loaded without being named: as a picture, a script, by a link.

    Raises:
        Failure: a page of another site did so, and it is no link to what is for reading.
    """
    if asked.fetch.get("site") not in _FOREIGN_SITES:
        return
    follows_link = (asked.fetch.get("mode"), asked.fetch.get("dest")) == ("navigate", "document")
    reads = cast("dict[str, Any]", scope).get("method") in _READING
    if follows_link and reads and _FOR_READERS.fullmatch(scope["path"]):
        return
    msg = "Pages of other sites may not load this, nor lead to it."
    raise Failure(FailureKind.FOREIGN_ORIGIN, msg)


def _is_json(types: list[str]) -> bool:
    kinds = [each.partition(";")[0].strip().lower() for each in types]
    return bool(kinds) and all(
        kind == "application/json" or re.fullmatch(r"application/\S+\+json", kind) for kind in kinds
    )


class PageGuard:
    """Wraps an application: what pages may not do never reaches it.

    A refusal has the shape of the errors of the path that was asked for. Pages that may call the
    server can read it; to others it is closed as everything else.
    """

    def __init__(self, app: ASGIApp, routes: Litestar, rules: PageRules) -> None:
        self._app = app
        self._routes = routes
        self._rules = rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection, or refuse it."""
        kind: str = scope["type"]
        if kind == "lifespan":
            await self._app(scope, receive, send)
            return
        asked = _Asked.of(scope)
        send = _with_headers(send, self._headers(asked))
        try:
            self._rules.check(scope, asked)
        except Failure as failure:
            await self._refuse(failure, asked, scope, send)
        else:
            known = self._may_call(asked)
            await self._app(scope if known else _of_its_own(scope), receive, send)

    def _headers(self, asked: _Asked) -> tuple[tuple[bytes, bytes], ...]:
        """What every answer to this request gets."""
        if asked.private_network and all(map(self._rules.origins.names, asked.origins)):
            return (*_NOT_FOR_OTHERS, _TO_PRIVATE_NETWORK)
        return _NOT_FOR_OTHERS

    async def _refuse(self, failure: Failure, asked: _Asked, scope: Scope, send: Send) -> None:
        response = self._teller(scope)(ASGIConnection[Any, Any, Any, Any](scope), failure)
        body = response.render(response.content, MediaType.JSON)
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        headers += [(name.encode(), value.encode()) for name, value in response.headers.items()]
        headers += self._readable(asked)
        kind = "http.response"
        if scope["type"] == ScopeType.WEBSOCKET:
            kind = "websocket.http.response"
        start = {"type": f"{kind}.start", "status": response.status_code, "headers": headers}
        await send(cast("Message", start))
        await send(cast("Message", {"type": f"{kind}.body", "body": body, "more_body": False}))

    def _readable(self, asked: _Asked) -> list[tuple[bytes, bytes]]:
        """Let pages that may call the server read why this call was refused."""
        if not asked.origins or not self._may_call(asked):
            return []
        allowed = asked.origins[0].encode("latin-1")
        return [(b"access-control-allow-origin", allowed), (b"vary", b"Origin")]

    def _may_call(self, asked: _Asked) -> bool:
        return all(origin in self._rules.origins for origin in asked.origins)

    def _teller(self, scope: Scope) -> Callable[[Any, Exception], Response[Any]]:
        """What answers the failures of a path; those of the port, where there is no such path."""
        handlers: Mapping[Any, Any] = self._routes.exception_handlers
        method = cast("dict[str, Any]", scope).get("method")
        with suppress(HTTPException):
            _, handler, *_ = self._routes.asgi_router.handle_routing(
                path=normalize_path(scope["path"]), method="GET" if method == "HEAD" else method
            )
            handlers = handler.resolve_exception_handlers()
        tell: Callable[[Any, Exception], Response[Any]] = handlers[Exception]
        return tell


def _with_headers(send: Send, headers: tuple[tuple[bytes, bytes], ...]) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] in _STARTS:
            started = cast("dict[str, Any]", message)
            started["headers"] = [*started.get("headers", ()), *headers]
        await send(message)

    return send_with_headers


def _of_its_own(scope: Scope) -> Scope:
    """A request of the server's own page, without what would make another's of it."""
    headers = [each for each in scope["headers"] if each[0] != b"origin"]
    return cast("Scope", {**scope, "headers": headers})
