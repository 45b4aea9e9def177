"""The checksums by which the hub knows contents."""

from __future__ import annotations

import hashlib
import re

_SHA256 = re.compile(r"[0-9a-f]{64}")
_SHA1 = re.compile(r"[0-9a-f]{40}")


class Checksum:
    """The checksum of a content that comes piece by piece, and whether it is the right one.

    The SHA-256 of the content for what is in LFS, git's own SHA-1 for other files.
    """

    def __init__(self, etag: str, size: int) -> None:
        """``etag``: what the hub names; ``size``: of the whole, in bytes."""
        self._etag = etag
        self._size = size
        self.resets = -1
        self.reset()

    @property
    def known(self) -> bool:
        """Whether what the hub names is a checksum of a kind that is known here."""
        return bool(_SHA256.fullmatch(self._etag) or _SHA1.fullmatch(self._etag))

    @property
    def right(self) -> bool:
        """Whether all is there, and is what the hub names as far as that can be told."""
        return self.length == self._size and (
            not self.known or self._digest.hexdigest() == self._etag
        )

    def reset(self) -> None:
        """Begin anew."""
        self.length = 0
        self.resets += 1
        if _SHA1.fullmatch(self._etag):
            self._digest = hashlib.sha1(b"blob %d\0" % self._size, usedforsecurity=False)
        else:
            self._digest = hashlib.sha256()

    def update(self, piece: bytes) -> None:
        """Take what comes next."""
        self._digest.update(piece)
        self.length += len(piece)
