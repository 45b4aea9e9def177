"""The models that are in huggingface_hub's cache already. Reads it, changes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from colonnade.hub.errors import ModelError
from colonnade.hub.reference import HubModel
from colonnade.hub.variants import all_models, choose_files, choose_projector

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from huggingface_hub import HFCacheInfo

Snapshot = tuple[str, dict[str, "Path"]]
"""A repository and one of its downloaded states: files by their path in the repository."""


@dataclass(frozen=True, slots=True)
class Download:
    """A model that was downloaded."""

    model: HubModel
    path: Path
    """The file to load, the first one of several."""
    size: int
    """Bytes of all its files."""
    modified: float
    """When the last of them came, in seconds since 1970."""
    projector: Path | None
    """The file with which it sees or hears, if that is here, too."""


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


def downloaded_models(cache_dir: Path | None = None) -> list[Download]:
    """List every downloaded model, in alphabetical order."""
    found: dict[HubModel, Download] = {}
    for repo, files in _snapshots(cache_dir):
        for label, names in all_models(files):
            model = HubModel(repo, label)
            if model not in found:
                found[model] = _download(model, files, names)
    return sorted(found.values(), key=lambda each: str(each.model))


def unfinished_downloads(cache_dir: Path | None = None) -> dict[str, int]:
    """How many bytes each repository has of files that have not come to their end."""
    cache = scanned(cache_dir)
    found: dict[str, int] = {}
    for file in cache.incomplete_files if cache else ():
        kind, _, repo = file.file_path.parent.parent.name.partition("--")
        if kind == "models":
            name = repo.replace("--", "/")
            found[name] = found.get(name, 0) + file.size_on_disk
    return dict(sorted(found.items()))


def scanned(cache_dir: Path | None) -> HFCacheInfo | None:
    """What huggingface_hub knows of the cache; None where there is none."""
    from huggingface_hub import scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    try:
        return scan_cache_dir(cache_dir)
    except CacheNotFound:
        return None


def _download(model: HubModel, files: dict[str, Path], names: tuple[str, ...]) -> Download:
    facts = [files[name].stat() for name in names]
    projector = choose_projector(files, names[0])
    return Download(
        model,
        files[names[0]],
        sum(each.st_size for each in facts),
        max(each.st_mtime for each in facts),
        files[projector] if projector else None,
    )


def _snapshots(cache_dir: Path | None) -> Iterator[Snapshot]:
    """Yield the states of all repositories, each repository's newest first."""
    cache = scanned(cache_dir)
    for repo in cache.repos if cache else ():
        if repo.repo_type != "model":
            continue
        revisions = sorted(repo.revisions, key=lambda each: each.last_modified, reverse=True)
        for revision in revisions:
            root = revision.snapshot_path
            yield (
                repo.repo_id,
                {f.file_path.relative_to(root).as_posix(): f.file_path for f in revision.files},
            )
