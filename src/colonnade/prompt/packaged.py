"""The packaged templates, a file a family: for models that carry none or a broken one."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

_SUFFIX = ".jinja"


def packaged_templates() -> tuple[str, ...]:
    """List the names of the packaged templates, sorted."""
    names = (entry.name for entry in _directory().iterdir())
    return tuple(sorted(name.removesuffix(_SUFFIX) for name in names if name.endswith(_SUFFIX)))


def packaged_source(name: str) -> str:
    """Read a packaged template.

    Raises ``FileNotFoundError`` for a name that is not among ``packaged_templates()``.
    """
    return (_directory() / f"{name}{_SUFFIX}").read_text(encoding="utf-8")


def _directory() -> Traversable:
    """Find them inside the package, or at the repository's root in a checkout."""
    inside = files("colonnade") / "templates"
    return inside if inside.is_dir() else Path(__file__).parents[3] / "templates"
