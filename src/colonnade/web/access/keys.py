"""The keys of a server: their names, their rights, and hashes of what is secret about them."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from litestar.enums import ScopeType

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from litestar.types import Scope


@dataclass(frozen=True, slots=True)
class Key:
    """A key, of which only the SHA-256 is kept."""

    name: str
    digest: bytes = field(repr=False)
    admin: bool = False


class KeyRing:
    """The keys of a server; without any, all may come in."""

    def __init__(self, keys: Iterable[Key] = ()) -> None:
        self._keys = tuple(keys)

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._keys)

    def of(self, scope: Scope) -> Key | None:
        """The key that a request carries: ``Authorization: Bearer KEY``, ``x-api-key``, or, for a
        WebSocket of a browser, which can send neither, ``?api_key=KEY``.
        """
        return next((key for given in _given(scope) if (key := self.find(given))), None)

    def find(self, secret: bytes) -> Key | None:
        """The key that was given; how long that takes tells nothing of how near it is to one."""
        digest = hashlib.sha256(secret).digest()
        found = [key for key in self._keys if hmac.compare_digest(digest, key.digest)]
        return found[0] if found else None


def digest_of(secret: str) -> bytes:
    """What is kept of a key."""
    return hashlib.sha256(secret.encode()).digest()


def _given(scope: Scope) -> Iterator[bytes]:
    for name, value in scope["headers"]:
        if name == b"authorization":
            scheme, _, key = value.partition(b" ")
            if scheme.lower() == b"bearer":
                yield key.strip()
        elif name == b"x-api-key":
            yield value
    if scope["type"] == ScopeType.WEBSOCKET:
        query = parse_qs(scope["query_string"].decode("latin-1"))
        yield from (key.encode() for key in query.get("api_key", ()))
