"""The forms that an answer may be asked to have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from colonnade.messages import GrammarSyntax


@dataclass(frozen=True, slots=True)
class JsonForm:
    """A JSON document that satisfies a schema. ``param`` is the request's field that gave it."""

    schema: Mapping[str, Any] | bool
    param: str = "response_format"


@dataclass(frozen=True, slots=True)
class RegexForm:
    """A text that a regular expression matches as a whole."""

    pattern: str
    param: str = "regex"


@dataclass(frozen=True, slots=True)
class ChoiceForm:
    """One of some texts."""

    options: tuple[str, ...]
    param: str = "structured_outputs"


@dataclass(frozen=True, slots=True)
class GrammarForm:
    """A text of a grammar's language."""

    text: str
    syntax: GrammarSyntax
    param: str = "grammar"


Form = JsonForm | RegexForm | ChoiceForm | GrammarForm
