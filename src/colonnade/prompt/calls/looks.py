"""Looks into the patterns of prepared schemas: what they match, and whether anything does.

Within a budget of steps: behind it nothing is known any more.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, TypeVar

from colonnade.prompt.calls.text_formats import FORMATS
from colonnade.prompt.schema.ecma import Meaning
from colonnade.prompt.schema.languages import EVERY, Languages, TooComplexError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from colonnade.prompt.schema.languages import Language

Result = TypeVar("Result")

_STEPS = 20_000
_LONGEST = 4000
"""Characters of a pattern or a text that are read."""
_MOST_VALUES = 1000


class _SpentError(Exception):
    """The budget has been used up."""


class Looks:
    """Looks into the patterns of one document."""

    def __init__(self) -> None:
        self._left = _STEPS
        self._languages = Languages(self._spend)
        self._meaning = Meaning(self._languages)
        self._known: dict[tuple[str, bool], Language] = {}

    def matches(self, pattern: str, text: str) -> bool | None:
        """Whether a pattern is found in a text, None where that is not known."""
        return self._tried(lambda: self._has(self._language(pattern, whole=False), text))

    def values(
        self, values: tuple[str, ...], parts: Iterable[Mapping[str, object]]
    ) -> tuple[str, ...]:
        """The texts without those that do not satisfy all parts of a schema."""
        conditions = [self._conditions(part) for part in parts]
        if not conditions or len(values) > _MOST_VALUES:
            return values
        found = self._tried(lambda: self._languages.both([c() for c in conditions]))
        if found is None:
            return values
        held = (self._tried(partial(self._has, found, value)) for value in values)
        return tuple(v for v, holds in zip(values, held, strict=True) if holds is not False)

    def is_nothing(self, parts: tuple[Mapping[str, object], ...]) -> bool:
        """Whether no text satisfies all parts of a schema, as far as that is known."""
        if sum(len(part) for part in parts) < 2:
            return False
        conditions = [self._conditions(part) for part in parts]
        found = self._tried(
            lambda: self._languages.is_empty(self._languages.both([c() for c in conditions]))
        )
        return found is True

    def _conditions(self, part: Mapping[str, object]) -> Callable[[], Language]:
        """The language of what a part of a schema says."""

        def made() -> Language:
            languages = [self._languages.everything]
            least, most = part.get("minLength", 0), part.get("maxLength")
            if isinstance(least, int | float) and isinstance(most, int | float | None):
                any_char = self._languages.chars(EVERY)
                bound = None if most is None else int(most)
                languages.append(self._languages.repeat(any_char, int(least), bound))
            if isinstance(pattern := part.get("pattern"), str):
                languages.append(self._language(pattern, whole=False))
            formats = FORMATS.get(str(part.get("format")), ())
            languages += [self._language(each, whole=True) for each in formats]
            return self._languages.both(languages)

        return made

    def _language(self, pattern: str, *, whole: bool) -> Language:
        key = pattern, whole
        if key not in self._known:
            if len(pattern) > _LONGEST:
                msg = "it is too long"
                raise TooComplexError(msg)
            self._spend(len(pattern))
            text = pattern.replace(r"\x{", r"\u{")  # Rust's way of writing it
            self._known[key] = self._meaning.of(f"^(?:{text})$" if whole else text)
        return self._known[key]

    def _has(self, language: Language, text: str) -> bool:
        if len(text) > _LONGEST:
            msg = "it is too long"
            raise TooComplexError(msg)
        self._spend(len(text) // 10 + 1)
        return self._languages.has(language, text)

    def _spend(self, steps: int) -> None:
        self._left -= steps
        if self._left < 0:
            raise _SpentError

    def _tried(self, look: Callable[[], Result]) -> Result | None:
        try:
            return look()
        except (TooComplexError, _SpentError, RecursionError):
            return None
