"""Where a text may be cut without a change of its tokens: before names of special tokens.

llama.cpp takes a text apart at those names before all else, in a time that grows with the square of
their number: seconds for the lines of a long document where a line's end is such a name. So it gets
a text in parts that hold few of them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

_FORM = re.compile(r"<[^<>\[\]]{1,100}>|\[[^<>\[\]]{1,100}\]")
"""What names look like, nearly all of them: ``<|im_start|>``, ``[INST]``."""
_OPENING = "<["
_MOST = 64
"""Names in a part, at least."""


class Cutter:
    """Cuts texts for the special tokens of these names.

    ``left`` and ``right`` of them take white space on that side of them away.
    """

    def __init__(
        self,
        names: Collection[str],
        left: Collection[str] = (),
        right: Collection[str] = (),
        most: int = _MOST,
    ) -> None:
        names = {name for name in names if name}
        self._most = most
        self._marks = _marks(names) - frozenset(left)
        runs = {} if right else _runs(names)
        forms = [f"(?<!{c}){c}{{{least},}}" for c, least in runs.items()]
        self._places = re.compile("|".join([*forms, _FORM.pattern]))

    def parts(self, text: str) -> Iterator[str]:
        """The text in parts, each with the beginning of a name, the first one aside."""
        begin = passed = 0
        for found in self._places.finditer(text):
            if found[0][0] in _OPENING and found[0] not in self._marks:
                continue
            passed += 1
            if passed > self._most:
                yield text[begin : found.start()]
                begin, passed = found.start(), 1
        yield text[begin:]


def _marks(names: set[str]) -> frozenset[str]:
    """Names of the form ``<...>`` or ``[...]`` that are always found: no other name holds a
    beginning of one, or begins within one and reaches beyond it."""
    usual = {name for name in names if _FORM.fullmatch(name)}
    others = names - usual
    held = {char for name in others for char in name if char in _OPENING}
    usual = {name for name in usual if name[0] not in held}
    heads = {name[:end] for name in others for end in range(1, len(name))}
    return frozenset(
        name for name in usual if not any(name[start:] in heads for start in range(1, len(name)))
    )


def _runs(names: set[str]) -> dict[str, int]:
    """Characters that names hold only as runs of it, such as line ends, and the shortest run.

    The longest name that fits is found first, at the beginning of a run.
    """
    shortest: dict[str, int] = {}
    for name in names:
        if name == name[0] * len(name):
            shortest[name[0]] = min(len(name), shortest.get(name[0], len(name)))
    mixed = {c for name in names if name != name[0] * len(name) for c in name}
    return {
        re.escape(c): least for c, least in shortest.items() if c not in mixed and c not in _OPENING
    }
