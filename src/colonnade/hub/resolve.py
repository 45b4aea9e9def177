"""What ``MODEL`` means: a path, ``demo``, a model on the hub or one of an installed package."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from colonnade.hub.cache import cached_model
from colonnade.hub.download import Hub
from colonnade.hub.errors import ModelError
from colonnade.hub.lines import ProgressLines
from colonnade.hub.packages import PREFIX as PACKAGE
from colonnade.hub.packages import packaged_model, parse_package_model
from colonnade.hub.reference import PREFIX, parse_hub_model
from colonnade.hub.variants import choose_projector, model_stem, own_projectors

if TYPE_CHECKING:
    from collections.abc import Callable

DEMO = "demo"
NO_PROJECTOR = "none"
_DEMO_ID = "colonnade-demo"
_MAGIC = b"GGUF"


@dataclass(frozen=True, slots=True)
class ResolvedModel:
    """A GGUF file on this machine, and the name under which it is served by default."""

    path: Path
    id: str
    draft: Path | None = None
    """A smaller model that guesses its tokens."""
    projector: Path | None = None
    """What it sees images or hears audio with."""


def resolve_model(
    text: str,
    say: Callable[[str], None],
    hub: Hub | None = None,
    *,
    draft: str | None = None,
    projector: str | None = NO_PROJECTOR,
) -> ResolvedModel:
    """Find the model's file, downloading it if need be. A local file comes before everything else.

    ``draft`` names the draft model in the same way, ``projector`` a file; None for the one beside
    the model, which is downloaded with it.

    Raises:
        ModelError: there is no such file, it is not a GGUF, or the hub does not give it.
    """
    beside = projector is None
    found = _resolve(text, say, hub or Hub(), projector=beside)
    if beside:
        found = replace(found, projector=_projector_of(found.path, downloaded=_is_hub(text)))
    elif projector is not None and projector != NO_PROJECTOR:
        found = replace(found, projector=_checked(Path(projector).expanduser()))
    if draft is not None:
        found = replace(found, draft=_resolve(draft, say, hub or Hub(), projector=False).path)
    return found


def _resolve(text: str, say: Callable[[str], None], hub: Hub, *, projector: bool) -> ResolvedModel:
    path = Path(text).expanduser()
    if not _is_file(path):
        if text == DEMO:
            return ResolvedModel(_checked(demo_file()), _DEMO_ID)
        if text.startswith(PREFIX):
            model = parse_hub_model(text)
            fetched = hub.fetch(model, say, ProgressLines(say), projector=projector)
            return ResolvedModel(_checked(fetched), model.id)
        if text.startswith(PACKAGE):
            path = packaged_model(parse_package_model(text))
    return ResolvedModel(_checked(path), model_stem(path.name))


def demo_file() -> Path:
    """The embedded model's file."""
    return Path(str(files("colonnade") / "demo" / "demo.gguf"))


def local_model(text: str) -> ResolvedModel:
    """Find a model's file, and the projector beside it, without downloading anything.

    Raises:
        ModelError: it is not here, or not a GGUF.
    """
    if not _is_hub(text):
        return resolve_model(text, lambda _: None, projector=None)
    model = parse_hub_model(text)
    path = cached_model(model)
    if path is None:
        msg = f"{model} is not downloaded; that is done by: colonnade pull {model}"
        raise ModelError(msg)
    return ResolvedModel(_checked(path), model.id, projector=_projector_of(path, downloaded=True))


def _is_hub(text: str) -> bool:
    return text.startswith(PREFIX) and not _is_file(Path(text).expanduser())


def _projector_of(path: Path, *, downloaded: bool) -> Path | None:
    """The one beside a model; a downloaded one may have it in the directory above."""
    places = (path.parent, path.parent.parent)[: 1 + downloaded]
    near = (projector_beside(path, place) for place in places)
    return next((each for each in near if each is not None), None)


def projector_beside(path: Path, place: Path | None = None) -> Path | None:
    """The projector in a model's own directory, or another ``place``, if it belongs to the model:
    where several models lie, by its name."""
    place = place or path.parent
    try:
        names = [each.name for each in place.iterdir()]
    except OSError:
        return None
    name = choose_projector(own_projectors(names, path.name), path.name)
    return None if name is None else place / name


def reference_id(text: str) -> str:
    """The name under which ``MODEL`` is served, before its file is looked for. A model of a package
    goes by the package's name.

    Raises:
        ModelError: it begins as one of the forms does, and is not of it.
    """
    if text == DEMO:
        return _DEMO_ID
    if text.startswith(PREFIX):
        return parse_hub_model(text).id
    if text.startswith(PACKAGE):
        return str(parse_package_model(text)).removeprefix(PACKAGE)
    return model_stem(Path(text).name)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # too long, or a NUL in it: no path at all
        return False


def _checked(path: Path) -> Path:
    """Make sure that the file begins as a GGUF does; llama.cpp judges the rest."""
    try:
        with path.open("rb") as file:
            magic = file.read(len(_MAGIC))
    except (OSError, ValueError) as error:
        raise ModelError(_unreadable(path, error)) from error
    if magic != _MAGIC:
        msg = f"{path} is not a GGUF file" if magic else f"{path} is empty"
        raise ModelError(msg)
    return path


def _unreadable(path: Path, error: OSError | ValueError) -> str:
    code = error.errno if isinstance(error, OSError) else None
    if code == errno.EISDIR:
        inside = sorted(entry.name for entry in path.glob("*.gguf"))
        hint = f"; it holds {', '.join(inside)}" if inside else ""
        return f"{path} is a directory, not a GGUF file{hint}"
    if code == errno.ENOENT:
        hint = f"; did you mean hf:{path}?" if _looks_like_repo(path) else ""
        return f"{path} does not exist{hint}"
    reason = os.strerror(code) if code else str(error)
    return f"{path} cannot be read: {reason}"


def _looks_like_repo(path: Path) -> bool:
    return len(path.parts) == 2 and not path.is_absolute() and path.suffix.lower() != ".gguf"
