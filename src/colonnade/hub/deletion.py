"""Removing what was downloaded, as huggingface_hub removes: what others use stays."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from colonnade.hub.cache import scanned
from colonnade.hub.errors import ManyModelsError, ModelError
from colonnade.hub.reasons import storing
from colonnade.hub.store import Store
from colonnade.hub.variants import all_models, choose_files, is_projector

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from huggingface_hub import CachedFileInfo, CachedRevisionInfo, DeleteCacheStrategy, HFCacheInfo

    from colonnade.hub.reference import HubModel


@dataclass(frozen=True, slots=True)
class Deletion:
    """What goes when a model is removed. ``execute`` does it."""

    model: HubModel
    files: tuple[str, ...]
    """Names in the repository."""
    freed: int
    """Bytes that the disk has more of afterwards."""
    _cache_dir: Path | None
    _strategy: DeleteCacheStrategy = field(repr=False)

    def execute(self) -> None:
        """Remove it.

        Raises:
            ModelError: something cannot be removed.
        """
        try:
            self._strategy.execute()
            left = [each for each in self._strategy.blobs if each.exists()]
            _clear(self.model.repo, self._cache_dir)
        except OSError as error:
            raise _kept(str(self.model), storing(error)) from error
        if left:
            raise _kept(str(self.model), f"{left[0]} is still there")


def find_deletion(model: HubModel, cache_dir: Path | None = None) -> Deletion:
    """Find what goes with a downloaded model: its files in all revisions that have it, and with a
    revision's last model also what lets it see or hear.

    Raises:
        ModelError: it is not downloaded, or may mean several.
    """
    cache = scanned(cache_dir)
    names: set[str] = set()
    entries: list[CachedFileInfo] = []
    for revision in _revisions(cache, model.repo):
        files = _files(revision)
        going = _going(model, files)
        names.update(going)
        entries += [files[name] for name in going]
    if cache is None or not entries:
        msg = f"{model} is not downloaded"
        raise ModelError(msg)
    strategy = cache.delete_files(*entries)
    return Deletion(model, tuple(sorted(names)), strategy.expected_freed_size, cache_dir, strategy)


def delete_model(model: HubModel, cache_dir: Path | None = None) -> int:
    """Remove a downloaded model; the bytes that were freed.

    Raises:
        ModelError: it is not downloaded, may mean several, or cannot be removed.
    """
    found = find_deletion(model, cache_dir)
    found.execute()
    return found.freed


def delete_unfinished(repo: str, cache_dir: Path | None = None) -> int:
    """Remove what downloads of a repository have left that came to no end; the bytes freed.

    Raises:
        ModelError: one of them goes on just now, or it cannot be removed.
    """
    store = Store.of(repo, cache_dir)
    freed = 0
    for partial in store.partials():
        if store.busy(partial):
            msg = f"a file of {repo} is just being downloaded"
            raise ModelError(msg)
        try:
            freed += partial.stat().st_size
            partial.unlink()
        except FileNotFoundError:  # it has come to its end
            continue
        except OSError as error:
            raise _kept(str(partial), storing(error)) from error
    _clear(repo, cache_dir)
    return freed


def _revisions(cache: HFCacheInfo | None, repo: str) -> list[CachedRevisionInfo]:
    return [
        revision
        for each in (cache.repos if cache else ())
        if each.repo_type == "model" and each.repo_id == repo
        for revision in each.revisions
    ]


def _files(revision: CachedRevisionInfo) -> dict[str, CachedFileInfo]:
    """By their names in the repository."""
    root = revision.snapshot_path
    return {file.file_path.relative_to(root).as_posix(): file for file in revision.files}


def _going(model: HubModel, names: Iterable[str]) -> tuple[str, ...]:
    """Which files of a revision go with a model.

    Raises:
        ManyModelsError: it may mean several.
    """
    names = set(names)
    try:
        going = choose_files(names, model, preferred=())
    except ManyModelsError:
        raise
    except ModelError:  # this revision has it not
        return ()
    left = names.difference(going)
    return going if all_models(left) else (*going, *filter(is_projector, left))


def _clear(repo: str, cache_dir: Path | None) -> None:
    """Remove revisions that have nothing any more, and with the last one what is left of the
    repository; not while something of it is unfinished."""
    cache = scanned(cache_dir)
    empty = [each.commit_hash for each in _revisions(cache, repo) if not each.files]
    if cache is not None and empty and not Store.of(repo, cache_dir).partials():
        cache.delete_revisions(*empty).execute()


def _kept(what: str, reason: str) -> ModelError:
    return ModelError(f"{what} cannot be removed: {reason}")
