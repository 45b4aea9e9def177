"""GGUF files that installed Python packages ship: ``pkg:PACKAGE[:FILE-OR-QUANT]``.

What an installation has recorded of its files is read, and the directory of a package that has no
record of them, such as an editable one. Nothing is imported: that would run the package's code.
"""

from __future__ import annotations

import re
import sys
from csv import reader
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.metadata import PackageNotFoundError, distribution, distributions
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from colonnade.hub.errors import ModelError
from colonnade.hub.variants import all_models, choose_files

if TYPE_CHECKING:
    from importlib.metadata import Distribution

PREFIX = "pkg:"
_NAME = re.compile(r"[A-Za-z0-9]|[A-Za-z0-9_][\w.-]*\w", re.ASCII)
_ENDING = ".gguf"
_OWN = "colonnade"

Files = dict[str, Path]
"""Files of a package by their recorded paths, which are relative to where packages are."""


@dataclass(frozen=True, slots=True)
class PackageModel:
    """A package, by its name on PyPI or to ``import``, and which of its models is wanted."""

    package: str
    wanted: str | None = None

    @property
    def place(self) -> str:
        """The reference without the file."""
        return PREFIX + self.package

    def __str__(self) -> str:
        return f"{self.place}:{self.wanted}" if self.wanted else self.place


@dataclass(frozen=True, slots=True)
class Packaged:
    """A model of an installed package."""

    model: PackageModel
    path: Path
    """The file to load, the first one of several."""
    size: int
    """Bytes of all its files."""


def parse_package_model(text: str) -> PackageModel:
    """Read a reference that begins with ``pkg:``.

    Raises:
        ModelError: it is not of the form.
    """
    package, colon, wanted = text.removeprefix(PREFIX).partition(":")
    if not _NAME.fullmatch(package) or (colon and not wanted):
        msg = f"{text!r} is not of the form pkg:PACKAGE or pkg:PACKAGE:FILE"
        raise ModelError(msg)
    return PackageModel(package, wanted or None)


def packaged_model(model: PackageModel) -> Path:
    """Find the file to load.

    Raises:
        ModelError: there is no such package here, it ships no such model, or several.
    """
    files = _files(model.package)
    if files is None:
        raise ModelError(_missing(model))
    if not files:
        msg = f"the installed package {model.package} ships no GGUF file"
        raise ModelError(msg)
    return files[choose_files(files, model, preferred=())[0]]


def packaged_models() -> list[Packaged]:
    """List every model of an installed package, in alphabetical order."""
    found = []
    for package, files in _shipping().items():
        models = all_models(files)
        for label, names in models:
            model = PackageModel(package, label if len(models) > 1 else None)
            size = sum(_size(files[name]) for name in names)
            found.append(Packaged(model, files[names[0]], size))
    return sorted(found, key=lambda each: str(each.model))


def _files(package: str) -> Files | None:
    """The GGUF files of a package; None where it is not installed."""
    try:
        found = _recorded(distribution(package))
    except PackageNotFoundError:
        found = None
    return found or _beside(package, found)


def _recorded(installed: Distribution) -> Files:
    """Those that the installation has recorded."""
    text = installed.read_text("RECORD") or ""
    if _ENDING not in text.lower():  # to read each line takes twenty times as long
        return {}
    names = [row[0] for row in reader(text.splitlines()) if row]
    return {
        name: Path(str(installed.locate_file(name)))
        for name in names
        if name.lower().endswith(_ENDING)
    }


def _beside(package: str, otherwise: Files | None) -> Files | None:
    """Those in the directories from which the package would be imported."""
    name = package.replace("-", "_")
    if "." in name:  # to find a part of a package, Python imports the package
        return otherwise
    try:
        spec = find_spec(name)
    except ValueError:  # a module that runs and has none, such as __main__
        return otherwise
    if spec is None:
        return otherwise
    roots = [Path(each) for each in spec.submodule_search_locations or ()]
    return {
        path.relative_to(root.parent).as_posix(): path
        for root in roots
        for path in root.rglob("*")
        if path.suffix.lower() == _ENDING
    }


def _shipping() -> dict[str, Files]:
    """The GGUF files of all installed packages but our own, whose model is ``demo``."""
    found: dict[str, Files] = {}
    for installed in distributions():
        if files := _recorded(installed):
            # An environment before this one on Python's path hides packages of the same name.
            name = re.sub(r"[-_.]+", "_", installed.metadata["Name"]).lower()
            found.setdefault(name, files)
    found.pop(_OWN, None)
    return found


def _missing(model: PackageModel) -> str:
    near = get_close_matches(model.package.replace("-", "_").lower(), _shipping(), 1)
    hint = f"did you mean {PREFIX}{near[0]}? Or " if near else ""
    return (
        f"no package {model.package} is installed here; {hint}install it with "
        f"{sys.executable} -m pip install {model.package}"
    )


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # recorded, but gone
        return 0
