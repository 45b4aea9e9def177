"""What stands before the tensors' data of any GGUF file, however long its vocabulary is.

Long arrays are walked over, not read, in some hundredths of a second. A hostile header costs no
more than that: counts and lengths are held against bounds and against the file's end.
"""

from __future__ import annotations

import mmap
import re
import struct
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from colonnade.worker.llama.header import FORMATS, HeaderError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_STRING, _ARRAY = 8, 9  # enum gguf_type
_VERSIONS = (2, 3)
_ALIGNMENT = "general.alignment"

_MOST_VALUES = 1 << 16
_MOST_TENSORS = 1 << 19
_MOST_DIMENSIONS = 4
_MOST_NESTED = 1
_MOST_TEXTS = 1 << 23
"""Entries of metadata, tensors, dimensions of one, arrays within an array, and texts in all
arrays."""

_MOST_PARAMETERS = 1 << 48
"""Numbers in a tensor."""

_LONGEST_NAME = 1 << 16
_LONGEST_TEXT = 1 << 20
"""Bytes of a key or a tensor's name, and of a value that is kept: chat templates are the longest.
"""

_SHARD = re.compile(r"-\d{5}-of-(\d{5})\.gguf$")
"""The end of the name of one file of several."""

_MOST_SHARDS = 1 << 10


class Array(NamedTuple):
    """An array of the metadata: where its values lie in the file."""

    kind: int
    """``enum gguf_type`` of the values."""
    length: int
    start: int
    end: int


class Tensor(NamedTuple):
    """A tensor of the file."""

    name: str
    parameters: int
    """Numbers in it."""
    type: int
    """``enum ggml_type``."""
    size: int
    """Bytes up to the next one's."""


class Gguf(NamedTuple):
    """The header of a file."""

    values: dict[str, bool | int | float | str]
    """Scalars. A text that is too long to be kept is cut."""
    arrays: dict[str, Array]
    tensors: tuple[Tensor, ...]
    texts: dict[str, tuple[str, ...]]
    """The arrays of texts that were asked for."""
    contains: frozenset[str]
    """Those of the vocabulary's entries that were asked for."""


class Wanted(NamedTuple):
    """What is read of arrays."""

    texts: tuple[str, ...] = ()
    """Arrays of texts, by the ends of their keys."""
    tokens: tuple[str, ...] = ()
    """Entries of the vocabulary."""


_NOTHING = Wanted()
_TOKENS = "tokenizer.ggml.tokens"
_MOST_READ = 64
"""Texts of an array that is asked for."""
_LONGEST_READ = 200


def read_gguf(path: Path, wanted: Wanted = _NOTHING) -> Gguf:
    """Read the beginning of a file.

    Raises:
        HeaderError: it is no such file, or is cut off.
        OSError: it cannot be read.
    """
    with path.open("rb") as file, _mapped(file.fileno(), path) as data:
        try:
            return _Reader(data).read(wanted)
        except (HeaderError, struct.error, OverflowError) as error:
            why = error if isinstance(error, HeaderError) else "its header is cut off"
            msg = f"{path} is damaged: {why}"
            raise HeaderError(msg) from error


def shards(path: Path) -> list[Path]:
    """All files of a model, of which ``path`` is one, in their order."""
    shard = _SHARD.search(path.name)
    if shard is None:
        return [path]
    beginning = path.name[: shard.start()]
    names = (
        f"{beginning}-{number:05}-of-{shard[1]}.gguf"
        for number in range(1, min(int(shard[1]), _MOST_SHARDS) + 1)
    )
    found = [path.with_name(name) for name in names]
    return [each for each in found if each.is_file()] or [path]


@contextmanager
def _mapped(descriptor: int, path: Path) -> Iterator[mmap.mmap]:
    try:
        data = mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)
    except ValueError as error:
        msg = f"{path} is damaged: it is empty"
        raise HeaderError(msg) from error
    with data:
        yield data


class _Reader:
    """Walks through a header."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self._at = 0
        self._texts = 0

    def read(self, wanted: Wanted) -> Gguf:
        """The whole header."""
        magic, version = self._data[:4], struct.unpack_from("<I", self._data, 4)[0]
        if magic != b"GGUF" or version not in _VERSIONS:
            msg = "it is not a GGUF file of a known version"
            raise HeaderError(msg)
        self._at = 8
        tensors = self._count("tensors", _MOST_TENSORS)
        entries = self._count("entries of metadata", _MOST_VALUES)
        values: dict[str, bool | int | float | str] = {}
        arrays: dict[str, Array] = {}
        for _ in range(entries):
            key, kind = self._name(), self._number("I")
            if kind == _ARRAY:
                arrays[key] = self._array(0)
            elif kind == _STRING:
                values[key] = self._text()
            else:
                values[key] = self._number(_format(kind))
        texts = {
            key: self._read(array)
            for key, array in arrays.items()
            if array.kind == _STRING and wanted.texts and key.endswith(wanted.texts)
        }
        contains = self._among(arrays.get(_TOKENS), wanted.tokens)
        return Gguf(values, arrays, self._tensors(tensors, values), texts, contains)

    def _tensors(
        self, count: int, values: dict[str, bool | int | float | str]
    ) -> tuple[Tensor, ...]:
        found = []
        for _ in range(count):
            name, dimensions = self._name(), self._number("I")
            if dimensions > _MOST_DIMENSIONS:
                msg = f"a tensor has {dimensions} dimensions"
                raise HeaderError(msg)
            parameters = 1
            for _ in range(dimensions):
                parameters *= self._number("Q")
            if parameters > _MOST_PARAMETERS:
                msg = f"a tensor has {parameters:,} numbers"
                raise HeaderError(msg)
            kind, offset = self._number("I"), self._number("Q")
            found.append((offset, name, parameters, kind))
        alignment = values.get(_ALIGNMENT)
        align = alignment if isinstance(alignment, int) and 0 < alignment <= 1 << 20 else 32
        start = -(-self._at // align) * align
        found.sort()
        ends = [offset for offset, *_ in found[1:]] + [max(0, len(self._data) - start)]
        return tuple(
            Tensor(name, parameters, kind, max(0, end - offset))
            for (offset, name, parameters, kind), end in zip(found, ends, strict=False)
        )

    def _count(self, what: str, most: int) -> int:
        count: int = self._number("Q")
        if count > most:
            msg = f"it has {count:,} {what}"
            raise HeaderError(msg)
        return count

    def _array(self, depth: int) -> Array:
        kind, count = self._number("I"), self._number("Q")
        start = self._at
        if kind == _STRING:
            self._skip_texts(count)
        elif kind == _ARRAY:
            if depth >= _MOST_NESTED or count > _MOST_VALUES:
                msg = "its arrays are nested"
                raise HeaderError(msg)
            for _ in range(count):
                self._array(depth + 1)
        else:
            self._at += struct.calcsize("<" + _format(kind)) * count
            self._check_end()
        return Array(kind, count, start, self._at)

    def _skip_texts(self, count: int) -> None:
        self._texts += count
        if self._texts > _MOST_TEXTS:
            msg = f"it has {self._texts:,} texts"
            raise HeaderError(msg)
        at, data, length_at = self._at, self._data, struct.Struct("<Q").unpack_from
        for _ in range(count):
            at += 8 + length_at(data, at)[0]
        self._at = at
        self._check_end()

    def _read(self, array: Array) -> tuple[str, ...]:
        """The beginning of an array of texts."""
        at, found = array.start, []
        for _ in range(min(array.length, _MOST_READ)):
            (length,) = struct.unpack_from("<Q", self._data, at)
            at += 8
            found.append(_decoded(self._data[at : at + min(length, _LONGEST_READ)]))
            at += length
        return tuple(found)

    def _among(self, array: Array | None, tokens: tuple[str, ...]) -> frozenset[str]:
        if array is None or array.kind != _STRING:
            return frozenset()
        return frozenset(token for token in tokens if self._holds(array, token.encode()))

    def _holds(self, array: Array, text: bytes) -> bool:
        entry = struct.pack("<Q", len(text)) + text
        return self._data.find(entry, array.start, array.end) >= 0

    def _name(self) -> str:
        length: int = self._number("Q")
        if length > _LONGEST_NAME:
            msg = f"a name in it has {length:,} bytes"
            raise HeaderError(msg)
        return _decoded(self._take(length))

    def _text(self) -> str:
        length: int = self._number("Q")
        start = self._at
        self._at += length
        self._check_end()
        return _decoded(self._data[start : start + min(length, _LONGEST_TEXT)])

    def _take(self, length: int) -> bytes:
        start = self._at
        self._at += length
        self._check_end()
        return self._data[start : self._at]

    def _check_end(self) -> None:
        if self._at > len(self._data):
            msg = "its header is cut off"
            raise HeaderError(msg)

    def _number(self, kind: str):  # type: ignore[no-untyped-def]  # noqa: ANN202 - bool, int or float
        value = struct.unpack_from("<" + kind, self._data, self._at)[0]
        self._at += struct.calcsize("<" + kind)
        return value


def _decoded(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _format(kind: int) -> str:
    if kind not in FORMATS:
        msg = f"it has a value of the unknown type {kind}"
        raise HeaderError(msg)
    return FORMATS[kind]
