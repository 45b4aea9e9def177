"""The file of keys: a line for each.

``NAME:KEY`` or ``NAME:sha256=HEX``, then, separated by white space, ``admin`` and quotas such as
``tokens/month=1000000``. A line that begins with ``#`` is a comment, and so is what follows one
behind a key. Several keys may have one name, so that one can take the other's place.
"""

from __future__ import annotations

import re
import stat
from dataclasses import replace
from typing import TYPE_CHECKING

from colonnade.settings import SettingsError, digest, sealed
from colonnade.web.access.keys import Key
from colonnade.web.access.quotas import Period, Quota, Unit

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator
    from pathlib import Path

MOST_KEYS = 1000
_MOST_BYTES = 1 << 20
_SHORT = 16
"""Characters below which a key may be guessed."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}")
_RESERVED = re.compile(r"(key|admin)-[0-9a-f]+")
"""Names of keys that have none, ``--api-key`` and ``--admin-key``."""
_QUOTA = re.compile(r"(tokens|requests)/(day|month)=([0-9]{1,15})")
_VISIBLE = re.compile(r"[\x21-\x7e]+")


class KeyFile:
    """A file of keys. ``warnings`` says what of it is unwise."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.warnings: list[str] = []
        self._seen: tuple[int, ...] = ()

    def read(self) -> list[Key]:
        """The keys.

        Raises:
            SettingsError: it cannot be read, or a line of it makes no sense.
        """
        try:
            with self.path.open("rb") as file:
                data = file.read(_MOST_BYTES + 1)
            status = self.path.stat()
        except OSError as error:
            msg = f"{self.path}: cannot be read: {error.strerror}"
            raise SettingsError(msg) from error
        self._seen = _version(status)
        if len(data) > _MOST_BYTES:
            msg = f"{self.path}: larger than {_MOST_BYTES:,} bytes"
            raise SettingsError(msg)
        self.warnings = []
        if status.st_mode & (stat.S_IROTH | stat.S_IWOTH):
            self.warnings.append(f"{self.path}: everybody on this machine can read it: chmod 600")
        keys = list(self._keys(data))
        if not keys:
            msg = f"{self.path}: there is no key in it"
            raise SettingsError(msg)
        return keys

    def changed(self) -> bool:
        """Whether the file is another one than was read last; one that is gone is not."""
        try:
            return _version(self.path.stat()) != self._seen
        except OSError:
            return False

    def _keys(self, data: bytes) -> Iterator[Key]:
        try:
            lines = data.decode("utf-8-sig").removesuffix("\n").split("\n")
        except UnicodeDecodeError as error:
            msg = f"{self.path}: it is not UTF-8 text"
            raise SettingsError(msg) from error
        for number, line in enumerate(lines, 1):
            try:
                if (found := parse_line(line)) is not None:
                    key, short = found
                    if short:
                        text = f"{self.path}, line {number}: the key is shorter than {_SHORT}"
                        self.warnings.append(f"{text} characters: openssl rand -hex 32 makes one")
                    yield key
            except ValueError as error:
                msg = f"{self.path}, line {number}: {error}"
                raise SettingsError(msg) from error


def parse_line(line: str) -> tuple[Key, bool] | None:
    """The key of a line, and whether it is short enough to be guessed; None for a comment.

    Raises:
        ValueError: the line makes no sense. The message has nothing of a key.
    """
    first, *options = line.split() or [""]
    if first.startswith("#"):
        return None
    name, colon, secret = first.partition(":")
    if not first:
        msg = "the line is empty: a key is NAME:KEY, and a comment begins with #"
        raise ValueError(msg)
    if not colon:
        msg = "a key is NAME:KEY or NAME:sha256=HEX"
        raise ValueError(msg)
    if not _NAME.fullmatch(name) or _RESERVED.fullmatch(name):
        msg = "a name has at most 64 letters, digits and . _ @ + -, and is not as key-0a1b2c3d"
        raise ValueError(msg)
    if secret and not _VISIBLE.fullmatch(secret):
        msg = f"the key of {name} has characters that no header carries"
        raise ValueError(msg)
    hash_ = sealed(secret)
    key = Key(name, digest(hash_))
    for option in options:
        if option.startswith("#"):
            break
        key = _with(key, option)
    return key, len(secret) < _SHORT


def checked(keys: Iterable[Key]) -> tuple[Key, ...]:
    """The keys, which go together.

    Raises:
        ValueError: they are too many, two are the same, or those of one name differ in their
            rights.
    """
    by_name: dict[str, Key] = {}
    by_digest: dict[bytes, Key] = {}
    found = tuple(keys)
    if len(found) > MOST_KEYS:
        msg = f"there are {len(found)} keys, and {MOST_KEYS} is the most"
        raise ValueError(msg)
    for key in found:
        other = by_digest.setdefault(key.digest, key)
        if other is not key:
            msg = f"{other.name} and {key.name} have the same key"
            raise ValueError(msg)
        same = by_name.setdefault(key.name, key)
        if replace(same, digest=key.digest) != key:
            msg = f"the keys of {key.name} differ in what follows them"
            raise ValueError(msg)
    return found


def _with(key: Key, option: str) -> Key:
    if option == "admin":
        return replace(key, admin=True)
    found = _QUOTA.fullmatch(option)
    if found is None:
        msg = "what follows the key is not known: it can be admin, or tokens or requests"
        raise ValueError(msg + " a day or month, as tokens/day=N")
    quota = Quota(Unit(found[1]), Period(found[2]), int(found[3]))
    if any((each.unit, each.period) == (quota.unit, quota.period) for each in key.quotas):
        msg = f"{quota.unit}/{quota.period} is given twice"
        raise ValueError(msg)
    return replace(key, quotas=(*key.quotas, quota))


def _version(status: os.stat_result) -> tuple[int, ...]:
    return (status.st_mtime_ns, status.st_size, status.st_ino, status.st_mode)
