"""The models that huggingface_hub has downloaded already. Reads its cache, changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from colonnade.hub.errors import ModelError
from colonnade.hub.reference import HubModel
from colonnade.hub.variants import all_models, choose_files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Snapshot = tuple[str, dict[str, "Path"]]
"""A repository and one of its downloaded states: files by their path in the repository."""


def cached_model(model: HubModel, cache_dir: Path | None = None) -> Path | None:
    """Find the file to load in the newest downloaded state that has it."""
    for repo, files in _snapshots(cache_dir):
        if repo != model.repo:
            continue
        try:
            return files[choose_files(files, model)[0]]
        except ModelError:
            continue
    return None


def downloaded_models(cache_dir: Path | None = None) -> list[tuple[HubModel, int]]:
    """List every downloaded model with its size in bytes, in alphabetical order."""
    found: dict[HubModel, int] = {}
    for repo, files in _snapshots(cache_dir):
        for label, names in all_models(files):
            found.setdefault(HubModel(repo, label), sum(files[n].stat().st_size for n in names))
    return sorted(found.items(), key=lambda item: str(item[0]))


def _snapshots(cache_dir: Path | None) -> Iterator[Snapshot]:
    """Yield the states of all repositories, each repository's newest first."""
    from huggingface_hub import scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    try:
        cache = scan_cache_dir(cache_dir)
    except CacheNotFound:
        return
    for repo in cache.repos:
        if repo.repo_type != "model":
            continue
        revisions = sorted(repo.revisions, key=lambda each: each.last_modified, reverse=True)
        for revision in revisions:
            root = revision.snapshot_path
            yield (
                repo.repo_id,
                {f.file_path.relative_to(root).as_posix(): f.file_path for f in revision.files},
            )
