"""The keys of a server: their names, their rights, and hashes of what is secret about them."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from litestar.enums import ScopeType

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from litestar.types import Scope

    from colonnade.web.access.quotas import Quota


_documents = re.compile(r"/(docs|redoc|schema)(/|$)|/openapi\.json$")


@dataclass(frozen=True, slots=True)
class Key:
    """A key, of which only the SHA-256 is kept."""

    name: str
    digest: bytes = field(repr=False)
    admin: bool = False
    quotas: tuple[Quota, ...] = ()


class KeyRing:
    """The keys of a server; without any, all may come in."""

    def __init__(self, keys: Iterable[Key] = ()) -> None:
        self._keys: tuple[Key, ...] = ()
        self._quotas: dict[str, tuple[Quota, ...]] = {}
        self.replace(keys)

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._keys)

    def __iter__(self) -> Iterator[Key]:
        """All of them; several may have one name."""
        return iter(self._keys)

    def replace(self, keys: Iterable[Key]) -> None:
        """Take others in place of these."""
        self._keys = tuple(keys)
        self._quotas = {key.name: key.quotas for key in self._keys}

    def quotas(self, name: str) -> tuple[Quota, ...]:
        """How much the keys of a name may be used."""
        return self._quotas.get(name, ())

    @property
    def bounded(self) -> bool:
        """Whether any has a quota."""
        return any(self._quotas.values())

    def of(self, scope: Scope) -> Key | None:
        """The key that a request carries: ``Authorization: Bearer KEY`` or ``x-api-key``.

        A browser can send neither by itself. For a WebSocket it may be ``?api_key=KEY``, and for
        the documentation the password of HTTP's Basic, which browsers ask for. Elsewhere Basic
        counts for nothing, for they send it along with what any page has them ask.
        """
        return next((key for given in _given(scope) if (key := self.find(given))), None)

    def find(self, secret: bytes) -> Key | None:
        """The key that was given; how long that takes tells nothing of how near it is to one."""
        digest = hashlib.sha256(secret).digest()
        found = [key for key in self._keys if hmac.compare_digest(digest, key.digest)]
        return found[0] if found else None


def _given(scope: Scope) -> Iterator[bytes]:
    for name, value in scope["headers"]:
        if name == b"authorization":
            scheme, _, key = value.partition(b" ")
            if scheme.lower() == b"bearer":
                yield key.strip()
            elif scheme.lower() == b"basic" and is_document(scope["path"]):
                yield _password(key.strip())
        elif name == b"x-api-key":
            yield value
    if scope["type"] == ScopeType.WEBSOCKET:
        query = parse_qs(scope["query_string"].decode("latin-1"))
        yield from (key.encode() for key in query.get("api_key", ()))


def is_document(path: str) -> bool:
    """Whether a path belongs to the documentation."""
    return _documents.match(path) is not None


def _password(credentials: bytes) -> bytes:
    """That of HTTP's Basic (RFC 7617); whoever sends it is known by it alone."""
    try:
        return base64.b64decode(credentials, validate=True).partition(b":")[2]
    except binascii.Error:
        return b""
