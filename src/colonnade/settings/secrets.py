"""What is kept of a secret among the settings: its SHA-256, as a key file writes it."""

from __future__ import annotations

import hashlib
import re

_PREFIX = "sha256="
_DIGEST = re.compile(r"[0-9a-fA-F]{64}")


def sealed(secret: str) -> str:
    """A secret's hash as ``sha256=HEX``; what is one already stays as it is.

    A key is random and long, so a hash without salt and rounds gives nobody a way to it.

    Raises:
        ValueError: it is empty, or no whole hash. The message does not repeat it.
    """
    if not secret.strip():
        msg = "a key is empty"
        raise ValueError(msg)
    if secret.startswith(_PREFIX):
        digits = secret.removeprefix(_PREFIX)
        if not _DIGEST.fullmatch(digits):
            msg = "sha256= stands before 64 hexadecimal digits"
            raise ValueError(msg)
        return _PREFIX + digits.lower()
    return _PREFIX + hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def digest(hash_: str) -> bytes:
    """The bytes of what ``sealed`` wrote."""
    return bytes.fromhex(hash_.removeprefix(_PREFIX))
