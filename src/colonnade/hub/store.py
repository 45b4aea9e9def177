"""huggingface_hub's cache, as other tools know it, too: where a repository's files lie in it.

models--OWNER--REPO/blobs/ETAG               a content
models--OWNER--REPO/blobs/ETAG.incomplete    the beginning of one
models--OWNER--REPO/snapshots/REVISION/NAME  a link to one
models--OWNER--REPO/refs/main                the revision that was seen last
.locks/models--OWNER--REPO/ETAG.lock         held by whoever downloads it
"""

from __future__ import annotations

import contextlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from colonnade.hub.errors import FetchStopped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from threading import Event

_LOOK_S = 0.2
"""Between two looks at a lock that somebody else holds."""
_TAG = "Signature: 8a477f597d28d172789f06886806bc55\n"
"""Tells programs for backups that this is a cache (bford.info/cachedir)."""


@dataclass(frozen=True, slots=True)
class Store:
    """A repository's part of the cache."""

    cache: Path
    repo: str

    @staticmethod
    def of(repo: str, cache_dir: Path | None) -> Store:
        """The part of ``cache_dir``, or of the cache that the environment names."""
        from huggingface_hub import constants

        return Store(Path(cache_dir or constants.HF_HUB_CACHE).expanduser(), repo)

    @property
    def root(self) -> Path:
        """The repository's directory."""
        return self.cache / f"models--{self.repo.replace('/', '--')}"

    def blob(self, etag: str) -> Path:
        """Where a content lies when it is complete."""
        return self.root / "blobs" / etag

    def partial(self, etag: str) -> Path:
        """Where it lies before."""
        return self.root / "blobs" / f"{etag}.incomplete"

    def entry(self, revision: str, name: str) -> Path:
        """Where a file is found by its name."""
        return self.root / "snapshots" / revision / name

    def here(self, etag: str, size: int) -> int:
        """How many bytes of a content are in the cache."""
        if self.blob(etag).exists():
            return size
        try:
            return min(self.partial(etag).stat().st_size, size)
        except OSError:
            return 0

    def partials(self) -> tuple[Path, ...]:
        """What downloads have left that came to no end, whoever's they are."""
        return tuple(sorted(self.blob("x").parent.glob("*.incomplete")))

    def busy(self, partial: Path) -> bool:
        """Whether some process is just downloading it."""
        from filelock import Timeout
        from huggingface_hub.utils import WeakFileLock

        lock = self._lock(partial.name.partition(".")[0])
        if not lock.exists():
            return False
        try:
            with WeakFileLock(lock, timeout=_LOOK_S):
                return False
        except Timeout:
            return True

    def free(self) -> int:
        """Bytes that can still be stored where the cache is, or is going to be."""
        place = self.root
        while not place.exists() and place != place.parent:
            place = place.parent
        return shutil.disk_usage(place).free

    def prepare(self, etag: str) -> None:
        """Make the directories for a content."""
        self.blob(etag).parent.mkdir(parents=True, exist_ok=True)
        self._lock(etag).parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError), (self.cache / "CACHEDIR.TAG").open("x") as tag:
            tag.write(_TAG)

    def link(self, etag: str, revision: str, name: str) -> Path:
        """Make a content found by a file's name; where the disk has no links, it is moved there."""
        entry, blob = self.entry(revision, name), self.blob(etag)
        if entry.exists():
            return entry
        entry.parent.mkdir(parents=True, exist_ok=True)
        entry.unlink(missing_ok=True)  # it leads nowhere
        try:
            entry.symlink_to(os.path.relpath(blob, entry.parent))
        except OSError:
            blob.rename(entry)
        return entry

    def note(self, revision: str) -> None:
        """Remember the revision as the main branch's, for who works offline."""
        ref = self.root / "refs" / "main"
        with contextlib.suppress(OSError):  # the cache may be for reading alone
            if ref.is_file() and ref.read_text() == revision:
                return
            ref.parent.mkdir(parents=True, exist_ok=True)
            ref.write_text(revision)

    @contextlib.contextmanager
    def locked(self, etag: str, stop: Event, waiting: Callable[[], None]) -> Iterator[None]:
        """Be the only one who downloads a content, in all processes that heed the lock.

        ``waiting`` is called again and again while another one does.

        Raises:
            FetchStopped: ``stop`` was set meanwhile.
        """
        from filelock import Timeout
        from huggingface_hub.utils import WeakFileLock

        while True:
            with contextlib.ExitStack() as stack:
                try:
                    stack.enter_context(WeakFileLock(self._lock(etag), timeout=_LOOK_S))
                except Timeout:
                    waiting()
                else:
                    yield
                    return
            if stop.is_set():
                msg = f"{self.repo}: stopped while another process downloads it"
                raise FetchStopped(msg)

    def _lock(self, etag: str) -> Path:
        return self.cache / ".locks" / self.root.name / f"{etag}.lock"
