"""``kv_overrides``: values put before those of the model file's metadata."""

from __future__ import annotations

import ctypes
import re
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import llama_cpp

from colonnade.worker.llama.errors import ModelError
from colonnade.worker.llama.tuning import RANGES, Range

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Overrides = Mapping[str, bool | int | float | str]

_LONGEST = 127
"""Bytes of a key or of a text: llama.cpp keeps 128, with a zero at the end."""

# what llama.cpp reads is at most 32 bits wide; it would cut a larger number without a word
_INTEGER = Range(-(1 << 31), (1 << 32) - 1)
_FLOAT = Range(-3.4e38, 3.4e38)

_LIMITED = {
    "epsilon": Range(0, 3.4e38),
    "rope.freq_base": RANGES["rope_freq_base"]._replace(or_zero=False),
    "rope.freq_base_swa": RANGES["rope_freq_base"]._replace(or_zero=False),
    "rope.scaling.attn_factor": RANGES["yarn_attn_factor"],
}
"""Ends of keys whose numbers llama.cpp computes with although no number, or an abort, comes out."""

_USED = re.compile(r"Using metadata override \( *\w+\) '(.*)' =")
_REFUSED = re.compile(r"Bad metadata override type for key '(.*)', expected (\w+) but got (\w+)")


def override_array(overrides: Overrides) -> Any:  # noqa: ANN401 - a ctypes array
    """Make what ``llama_model_params.kv_overrides`` takes: entries, and one with an empty key.

    Raises:
        ModelError: a key or a value does not fit.
    """
    array = (llama_cpp.llama_model_kv_override * (len(overrides) + 1))()
    for entry, (key, value) in zip(array, overrides.items(), strict=False):
        entry.key = _bytes(key, f"kv_overrides has the key {key!r}")
        if not entry.key:
            msg = "kv_overrides has an empty key"
            raise ModelError(msg)
        _set_value(entry, key, value)
    return array


def _set_value(
    entry: llama_cpp.llama_model_kv_override, key: str, value: bool | int | float | str
) -> None:
    name = f"kv_overrides[{key!r}]"
    match value:
        case bool():
            entry.tag = llama_cpp.LLAMA_KV_OVERRIDE_TYPE_BOOL
            entry.value.val_bool = value
        case int():
            _INTEGER.check(name, value)
            entry.tag = llama_cpp.LLAMA_KV_OVERRIDE_TYPE_INT
            entry.value.val_i64 = value
        case float():
            limits = (limit for end, limit in _LIMITED.items() if key.endswith(end))
            next(limits, _FLOAT).check(name, value)
            entry.tag = llama_cpp.LLAMA_KV_OVERRIDE_TYPE_FLOAT
            entry.value.val_f64 = value
        case str():
            entry.tag = llama_cpp.LLAMA_KV_OVERRIDE_TYPE_STR
            entry.value.val_str = _bytes(value, f"{name} is {value!r}")


def _bytes(text: str, what: str) -> bytes:
    try:
        data = text.encode()
    except UnicodeEncodeError as error:
        msg = f"{what}, which is no text"
        raise ModelError(msg) from error
    if len(data) > _LONGEST:
        msg = f"{what}, {len(data)} bytes; most are {_LONGEST}"
        raise ModelError(msg)
    if b"\0" in data:
        msg = f"{what}, which holds a zero"
        raise ModelError(msg)
    return data


class OverrideWatch:
    """Learns from llama.cpp's log what became of overrides: no function tells.

    llama.cpp leaves out one whose type is not what it wants for the key.
    """

    def __init__(self, overrides: Overrides) -> None:
        self._overrides = overrides
        self._used: set[str] = set()
        self._refused: dict[str, str] = {}

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Within this, the model is loaded. Whoever gets the log already still does."""
        before, data = llama_cpp.llama_log_callback(), ctypes.c_void_p()
        llama_cpp.llama_log_get(ctypes.byref(before), ctypes.byref(data))

        @llama_cpp.llama_log_callback  # type: ignore[untyped-decorator]
        def listen(level: int, text: bytes, user_data: ctypes.c_void_p) -> None:
            self._note(text.decode("utf-8", "replace"))
            before(level, text, user_data)

        llama_cpp.llama_log_set(listen, data)
        try:
            yield
        finally:
            llama_cpp.llama_log_set(before, data)

    def check(self, *, loaded: bool) -> None:
        """Refuse a wrong type; if the model was ``loaded``, point out a key that nothing read.

        Such a key may be misspelt, or meant for another architecture.

        Raises:
            ModelError: with the key and both types.
        """
        for key in self._overrides:
            if key in self._used:
                continue
            if key in self._refused:
                msg = f"kv_overrides[{key!r}] {self._refused[key]}"
                raise ModelError(msg)
            if loaded:
                print(f"kv_overrides[{key!r}] changes nothing: nothing reads it", file=sys.stderr)

    def _note(self, line: str) -> None:
        if found := _USED.search(line):
            self._used.add(found[1])
        elif found := _REFUSED.search(line):
            self._refused[found[1]] = f"is {found[3]}; llama.cpp wants {found[2]}"
