"""Whose pages may call a server from a browser."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from colonnade.web.hosts import EVERY, Host, parsed_host

if TYPE_CHECKING:
    from collections.abc import Iterable

_NOBODY = "none"
_ALLOWED = re.compile(r"[a-z][a-z0-9+.-]*://[a-z0-9_.*:\[\]-]*")
_PORTS = {"http": 80, "https": 443}


class Origins:
    """The origins that are let in, as browsers write them: ``https://chat.example:8443``.

    ``*`` is all of them, within one it is any text (``https://*.example``), ``none`` is nobody.
    The origin ``null`` of files and sandboxed frames is anybody's, so ``*`` alone lets it in.

    Raises:
        ValueError: one of ``allowed`` is no origin.
    """

    def __init__(self, allowed: Iterable[str] = ()) -> None:
        given = [origin.strip().lower().removesuffix("/") for origin in allowed]
        given = [origin for origin in given if origin != _NOBODY]
        wrong = [each for each in given if each != EVERY and not _ALLOWED.fullmatch(each)]
        if wrong:
            msg = (
                f"{wrong[0]!r} is no web origin: it is written as https://chat.example:8443, "
                "without path; * is every origin, none is nobody's"
            )
            raise ValueError(msg)
        self.all = EVERY in given
        """Whether every origin is let in."""
        self.listed = tuple(given)
        one_by_one = (each for each in given if each != EVERY)
        patterns = (re.escape(each).replace(r"\*", r"[^/]*") for each in one_by_one)
        self._pattern = re.compile("|".join(patterns) or r"(?!)")

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self.listed)

    def __contains__(self, origin: str) -> bool:
        """Whether this one is let in."""
        return self.all or self.names(origin)

    def names(self, origin: str) -> bool:
        """Whether this one is let in by more than a ``*`` for all."""
        return self._pattern.fullmatch(origin.lower()) is not None


def same_origin(origin: str, host: Host) -> bool:
    """Whether a page is one of the host that it calls.

    The scheme does not count: behind a proxy with TLS it is another one here.
    """
    scheme, found, rest = origin.lower().partition("://")
    usual = _PORTS.get(scheme)
    theirs = parsed_host(rest) if found and usual else None
    if theirs is None:
        return False
    return (theirs.name, theirs.port or usual) == (host.name, host.port or usual)
