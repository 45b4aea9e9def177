"""What stands before the tensors' data in a small GGUF file: metadata, and shapes of tensors.

For adapters, whose headers are short. A model's is read by llama.cpp.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

FLOAT32, STRING, _ARRAY = 6, 8, 9  # enum gguf_type

FORMATS = {
    0: "B",
    1: "b",
    2: "H",
    3: "h",
    4: "I",
    5: "i",
    6: "f",
    7: "?",
    10: "Q",
    11: "q",
    12: "d",
}
"""What ``struct`` calls the types of fixed size."""

_TOKENIZER = "tokenizer."

_VERSIONS = (2, 3)
_MOST_DIMENSIONS = 4


class HeaderError(Exception):
    """The file is no GGUF file that this reads, or it is cut off."""


class Tensor(NamedTuple):
    """A tensor's shape, the innermost dimension first, and its ``enum ggml_type``."""

    shape: tuple[int, ...]
    type: int


class Header(NamedTuple):
    """By name: types (``enum gguf_type``) and texts of the metadata, and the tensors."""

    types: dict[str, int]
    texts: dict[str, str]
    tensors: dict[str, Tensor]


def read_header(path: Path) -> Header:
    """Read the beginning of a file.

    Raises:
        HeaderError: it is no such file.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        try:
            return _Reader(file).header()
        except (HeaderError, struct.error, OverflowError, MemoryError) as error:
            msg = f"{path} is damaged: {error}"
            raise HeaderError(msg) from error


def read_numbers(path: Path) -> dict[str, float]:
    """The numbers of a file's metadata, by their names, as far as they stand before the tokenizer,
    which is long.

    Raises:
        HeaderError: it is no such file.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        try:
            return _Reader(file).numbers()
        except (HeaderError, struct.error, OverflowError, MemoryError) as error:
            msg = f"{path} is damaged: {error}"
            raise HeaderError(msg) from error


class _Reader:
    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def numbers(self) -> dict[str, float]:
        _, entries = self._counts()
        found = {}
        for _ in range(entries):
            key, kind = self._text(), self._number("I")
            if key.startswith(_TOKENIZER):
                break
            if kind in FORMATS:
                found[key] = self._number(FORMATS[kind])
            elif kind == STRING:
                self._text()
            else:
                self._skip(kind)
        return found

    def _counts(self) -> tuple[int, int]:
        """How many tensors there are, and how many entries of metadata."""
        magic, version = self._file.read(4), self._number("I")
        if magic != b"GGUF" or version not in _VERSIONS:
            msg = "it is not a GGUF file of a known version"
            raise HeaderError(msg)
        return self._number("Q"), self._number("Q")

    def header(self) -> Header:
        tensors, entries = self._counts()
        header = Header({}, {}, {})
        for _ in range(entries):
            key, kind = self._text(), self._number("I")
            header.types[key] = kind
            if kind == STRING:
                header.texts[key] = self._text()
            else:
                self._skip(kind)
        for _ in range(tensors):
            name = self._text()
            header.tensors[name] = self._tensor()
        return header

    def _tensor(self) -> Tensor:
        dimensions = self._number("I")
        if dimensions > _MOST_DIMENSIONS:
            msg = f"a tensor has {dimensions} dimensions"
            raise HeaderError(msg)
        shape = tuple(self._number("Q") for _ in range(dimensions))
        kind = self._number("I")
        self._number("Q")  # where its data begins
        return Tensor(shape, kind)

    def _skip(self, kind: int) -> None:
        if kind != _ARRAY:
            self._number(_format(kind))
            return
        kind, count = self._number("I"), self._number("Q")
        if kind == STRING:
            for _ in range(count):
                self._text()
        else:
            self._file.seek(struct.calcsize("<" + _format(kind)) * count, 1)

    def _text(self) -> str:
        length = self._number("Q")
        data = self._file.read(length)
        if len(data) < length:
            msg = "its header is cut off"
            raise HeaderError(msg)
        return data.decode("utf-8", "replace")

    def _number(self, kind: str) -> Any:  # noqa: ANN401 - int, or float
        layout = "<" + kind
        return struct.unpack(layout, self._file.read(struct.calcsize(layout)))[0]


def _format(kind: int) -> str:
    try:
        return FORMATS[kind]
    except KeyError:
        msg = f"it has a value of the unknown type {kind}"
        raise HeaderError(msg) from None
