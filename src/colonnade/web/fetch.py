"""Fetches files that a client names by a URL, from hosts that the operator lists and from no other.

Who can have a server fetch something can have it ask what only the server reaches: itself, its
neighbours, what a cloud tells its machines. So a name is looked up first, each of its addresses has
to be one of the public Internet's, and what is connected to is the address that was looked at, not
the name once more. A redirection is a URL like the first one. The file is bounded in bytes and
time, and nothing of the server's environment (proxies, passwords of ``.netrc``) has a part in it.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, NamedTuple

from colonnade.web.addresses import is_public

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from httpx2 import URL, AsyncClient, Response

    from colonnade.web.addresses import Address

SECONDS: Final = 15.0
"""For a file, redirections and waiting for others included."""
_STEP_SECONDS = 5.0
"""For a connection, and for each time that nothing comes."""
_AT_ONCE = 16
_MOST_REDIRECTS = 3
_MOST_ADDRESSES = 4
"""Of a name, that are tried."""
_LONGEST = 8192
"""Characters of a URL."""
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PORTS = {"http": 80, "https": 443}
_NAME = re.compile(r"\*|(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*(\.|:[0-9]{1,5})?")
_HEADERS = {"accept": "image/*, audio/*, */*;q=0.1", "accept-encoding": "identity"}


class FetchError(Exception):
    """A file was not fetched. The message says why, as the end of a sentence that begins with what
    the URL is for. ``allowed``: it might have been."""

    def __init__(self, message: str, *, allowed: bool = True) -> None:
        super().__init__(message)
        self.allowed = allowed


class ListedHosts:
    """Hosts that files may be fetched from.

    A name stands for its usual ports (80 and 443), ``NAME:PORT`` for another one; ``*.NAME`` is
    every name below NAME, ``*`` every name. An address of IPv4 is a name, too.

    Raises:
        ValueError: one of ``names`` is none.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        given = [name.strip().lower() for name in names]
        for name in given:
            if not _NAME.fullmatch(name):
                msg = (
                    f"{name!r} is no host that files are fetched from: it is written NAME, "
                    "NAME:PORT, *.NAME or *, without scheme and path"
                )
                raise ValueError(msg)
        self._given = frozenset(name.removesuffix(".") for name in given)

    def __bool__(self) -> bool:
        return bool(self._given)

    def allows(self, host: str, port: int, usual: int) -> bool:
        """Whether a host may be asked at a port, where ``usual`` is its scheme's own."""
        suffix = "" if port == usual else f":{port}"
        _, *above = host.split(".")
        endings = ("*." + ".".join(above[index:]) for index in range(len(above)))
        names = {host, "*", *endings} if not suffix else {host, *endings}
        return any(f"{name}{suffix}" in self._given for name in names)


class _Target(NamedTuple):
    """Where a URL leads: itself, its host in ASCII and the addresses of that."""

    url: URL
    host: str
    addresses: Sequence[Address]


class Fetcher:
    """Fetches files over HTTP."""

    def __init__(
        self,
        hosts: ListedHosts,
        *,
        resolve: Callable[[str, int], Awaitable[Sequence[Address]]] | None = None,
        allowed: Callable[[Address], bool] = is_public,
    ) -> None:
        """``resolve`` looks names up; ``allowed`` says to which addresses to connect."""
        self.hosts = hosts
        self._resolve = resolve or _Resolver()
        self._allowed = allowed
        self._gate = asyncio.Semaphore(_AT_ONCE)
        self._tls: ssl.SSLContext | None = None

    async def fetch(self, url: str, most: int) -> bytes:
        """A file of at most so many bytes.

        Raises:
            FetchError: the URL's host is not listed, or is not a public one; it does not answer
                with the file, in time.
        """
        if not self.hosts:
            msg = (
                "is a URL, and this server fetches from no host that is not listed in "
                "--media-hosts, where none is: send the file itself as a data: URL"
            )
            raise FetchError(msg, allowed=False)
        from httpx2 import HTTPError

        try:
            async with asyncio.timeout(SECONDS), self._gate:
                return await self._fetched(url, most)
        except TimeoutError as error:
            raise FetchError(f"was not there within {SECONDS:g} seconds") from error
        except HTTPError as error:
            raise FetchError(f"cannot be fetched ({type(error).__name__})") from error

    async def _fetched(self, url: str, most: int) -> bytes:
        async with await self._client() as client:
            target = await self._target(url, None)
            for _ in range(_MOST_REDIRECTS + 1):
                response = await _answer(client, target)
                try:
                    if response.status_code not in _REDIRECTS:
                        return await _body(response, most)
                    target = await self._target(response.headers.get("location", ""), target.url)
                finally:
                    await response.aclose()
        raise FetchError(f"is redirected more than {_MOST_REDIRECTS} times")

    async def _client(self) -> AsyncClient:
        """A client of its own for each file: no connection is kept that a next one might take."""
        from httpx2 import AsyncClient, Limits, create_ssl_context

        if self._tls is None:  # reads all certificates of the machine
            self._tls = await asyncio.to_thread(create_ssl_context, trust_env=False)
        return AsyncClient(
            verify=self._tls,
            trust_env=False,
            limits=Limits(max_keepalive_connections=0),
            timeout=_STEP_SECONDS,
            headers=_HEADERS,
        )

    async def _target(self, text: str, before: URL | None) -> _Target:
        """Where a URL leads, which is relative to the one ``before`` it."""
        url = _parsed(text, before)
        host = url.raw_host.decode("ascii").lower().removesuffix(".")
        usual = _PORTS[url.scheme]
        port = usual if url.port is None else url.port
        if not self.hosts.allows(host, port, usual):
            shown = host if port == usual else f"{host}:{port}"
            msg = f"is on the host {shown[:200]!r}, which is not listed in --media-hosts"
            raise FetchError(msg, allowed=False)
        addresses = await self._resolve(host, port)
        if not addresses:
            raise FetchError(f"is on the host {host!r}, whose address is not found")
        if not all(map(self._allowed, addresses)):
            msg = f"is on the host {host!r}, which has an address that is not a public one"
            raise FetchError(msg, allowed=False)
        return _Target(url, host, addresses)


class _Resolver:
    """Looks names up in threads of its own: a name server may take its time."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(4, "resolver")

    async def __call__(self, host: str, port: int) -> Sequence[Address]:
        loop = asyncio.get_running_loop()
        try:
            found = await loop.run_in_executor(
                self._threads,
                lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM),
            )
        except (OSError, UnicodeError):
            return ()
        texts = dict.fromkeys(str(each[4][0]).partition("%")[0] for each in found)
        return [ipaddress.ip_address(text) for text in texts]


def _parsed(text: str, before: URL | None) -> URL:
    from httpx2 import URL, InvalidURL

    if len(text) > _LONGEST:
        raise FetchError(f"is a URL of more than {_LONGEST:,} characters")
    try:
        url = URL(text) if before is None else before.join(text)
    except (InvalidURL, UnicodeError, ValueError) as error:
        raise FetchError("is no URL") from error
    if url.scheme not in _PORTS or not url.host:
        raise FetchError("is no URL of http: or https:", allowed=False)
    if before is not None and before.scheme == "https" and url.scheme != "https":
        raise FetchError("is redirected from https: to http:", allowed=False)
    if url.userinfo:
        raise FetchError("is a URL with a name or a password in it", allowed=False)
    return url


async def _answer(client: AsyncClient, target: _Target) -> Response:
    """Ask the addresses that were looked at, one after the other until one can be connected to."""
    from httpx2 import ConnectError, ConnectTimeout

    for address in target.addresses[:_MOST_ADDRESSES]:
        request = client.build_request(
            "GET",
            target.url.copy_with(host=str(address)),
            headers={"host": target.url.netloc.decode("ascii")},
            extensions={"sni_hostname": target.host},
        )
        try:
            return await client.send(request, stream=True)
        except (ConnectError, ConnectTimeout):
            continue
    raise FetchError(f"is on the host {target.host!r}, which cannot be connected to")


async def _body(response: Response, most: int) -> bytes:
    if response.status_code != 200:
        raise FetchError(f"cannot be fetched: its host answered {response.status_code}")
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise FetchError("cannot be fetched: its host packs it, though it is asked not to")
    size = 0
    parts: list[bytes] = []
    async for part in response.aiter_raw():
        size += len(part)
        if size > most:
            raise FetchError(f"has more bytes than are taken here ({most:,} for the request)")
        parts.append(part)
    return b"".join(parts)
