"""``samplers``: which ones, and in which order, by llama-server's names and letters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from colonnade.messages import Failure, FailureKind

if TYPE_CHECKING:
    from collections.abc import Sequence

_LETTERS = {
    "e": "penalties",
    "d": "dry",
    "s": "top_n_sigma",
    "k": "top_k",
    "y": "typ_p",
    "p": "top_p",
    "m": "min_p",
    "x": "xtc",
    "t": "temperature",
    "a": "adaptive_p",
}
_NAMES = {name.replace("_", ""): name for name in _LETTERS.values()} | {
    "nucleus": "top_p",
    "temp": "temperature",
    "typ": "typ_p",
    "typicalp": "typ_p",
}
"""Without dashes, which may be of either kind or left out."""


def sampler_names(given: Sequence[str] | str) -> tuple[str, ...]:
    """llama.cpp's names of the samplers, from names or from a text of letters.

    Raises:
        Failure: there is no such sampler here.
    """
    if isinstance(given, str):
        return tuple(_known(_LETTERS, letter, letter) for letter in given)
    return tuple(
        _known(_NAMES, name.lower().replace("-", "").replace("_", ""), name) for name in given
    )


def _known(names: dict[str, str], key: str, given: str) -> str:
    name = names.get(key)
    if name is None:
        known = ", ".join(_LETTERS.values())
        msg = f"'samplers' names {given[:40]!r}; there are {known}."
        raise Failure(FailureKind.INVALID_REQUEST, msg, param="samplers")
    return name
