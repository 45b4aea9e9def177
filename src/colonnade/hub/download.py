"""Fetching models from the hub into huggingface_hub's cache, again and again until they are here.

Everything that is slow to import (huggingface_hub) is imported where it is used, for this module
is on the way of every command. Blocks; a server calls it in a thread.
"""

from __future__ import annotations

from dataclasses import dataclass
from threading import Event
from typing import TYPE_CHECKING

from colonnade.hub.cache import cached_model
from colonnade.hub.errors import ModelError, NoRoomError
from colonnade.hub.reasons import failures, reason_of
from colonnade.hub.repository import HubApi, check_name
from colonnade.hub.store import Store
from colonnade.hub.transfer import Transfer
from colonnade.hub.variants import choose_files, choose_projector
from colonnade.watch import size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from colonnade.hub.reference import HubModel
    from colonnade.hub.repository import Content, Repository

_RESERVE = 256 << 20
"""Bytes of the disk that a download leaves to others."""


@dataclass(frozen=True, slots=True)
class FileProgress:
    """How much of a file is here."""

    file: str
    """Its name in the repository."""
    done: int
    """Bytes."""
    total: int
    """Bytes."""

    @property
    def tenths(self) -> int:
        """Whole tenths of it that are here."""
        return 10 if self.done >= self.total else self.done * 10 // self.total


def _nobody(_: FileProgress) -> None:
    """Takes the progress where nobody asks for it."""


@dataclass(frozen=True, slots=True)
class Hub:
    """A hub with its cache; the defaults are huggingface_hub's own settings."""

    endpoint: str | None = None
    cache_dir: Path | None = None

    def fetch(
        self,
        model: HubModel,
        say: Callable[[str], None],
        progress: Callable[[FileProgress], None] = _nobody,
        stop: Event | None = None,
        *,
        projector: bool = False,
    ) -> Path:
        """Download the model unless it is here already; return the file to load.

        ``say`` takes lines for the user, ``progress`` first each file with what is here of it, then
        what comes; ``stop`` ends it when it is set. With ``projector``, the file that lets it see
        or hear comes along, if the repository has one. What the cache has is used when the hub
        fails.

        Raises:
            FetchStopped: ``stop`` was set; what has come is kept for the next try.
            ModelError: the hub has no such model or does not give it, and the cache has none.
        """
        try:
            repository = self.look_up(model.repo)
            return self.pull(repository, model, say, progress, stop, projector=projector)
        except _FailedError as error:
            path = cached_model(model, self.cache_dir)
            if path is None:
                raise
            say(f"{error}; taking the downloaded copy")
            return path

    def look_up(self, repo: str) -> Repository:
        """Ask the hub what a repository has.

        Raises:
            ModelError: the hub has no such repository, or does not answer.
        """
        try:
            return HubApi(self.endpoint).repository(repo)
        except failures() as error:
            raise self._failed(error, repo) from error

    def pull(
        self,
        repository: Repository,
        model: HubModel,
        say: Callable[[str], None],
        progress: Callable[[FileProgress], None] = _nobody,
        stop: Event | None = None,
        *,
        projector: bool = True,
    ) -> Path:
        """Download a model of a repository that was looked up; else as ``fetch``.

        Raises:
            FetchStopped: ``stop`` was set.
            ModelError: there is no such model, or it cannot be had; also if the cache has one.
        """
        names = wanted_files(repository, model, projector=projector)
        try:
            task = _Pull(self, repository, say, progress, stop or Event())
            return task.run(names)
        except failures() as error:
            raise self._failed(error, model.repo) from error

    def here(self, repository: Repository, names: Iterable[str]) -> int:
        """How many bytes of these files the cache has, as far as the hub says which they are."""
        store, found = self.store(repository.id), 0
        for name in names:
            file = repository.files[name]
            if file.size is not None and file.etag is not None:
                done = store.entry(repository.revision, name).exists()
                found += file.size if done else store.here(file.etag, file.size)
        return found

    def store(self, repo: str) -> Store:
        """The repository's part of the cache."""
        return Store.of(repo, self.cache_dir)

    def _failed(self, error: Exception, repo: str) -> _FailedError:
        return _FailedError(reason_of(error, repo, self.store(repo).cache))


class _FailedError(ModelError):
    """The hub or the disk has failed, not the user."""


def wanted_files(repository: Repository, model: HubModel, *, projector: bool) -> tuple[str, ...]:
    """The names of a model's files, the one to load first; its projector last.

    Raises:
        ModelError: there is no such model, or a name is none for a file.
    """
    names = choose_files(repository.files, model)
    found = choose_projector(repository.files, names[0]) if projector else None
    if found is not None:
        names += (found,)
    for name in names:
        check_name(model.repo, name)
    return names


@dataclass(frozen=True, slots=True)
class _Pull:
    """The download of some files of a repository."""

    hub: Hub
    repository: Repository
    say: Callable[[str], None]
    progress: Callable[[FileProgress], None]
    stop: Event

    def run(self, names: tuple[str, ...]) -> Path:
        """Have them all here; the path of the first."""
        store, api = self.hub.store(self.repository.id), HubApi(self.hub.endpoint)
        contents = [api.content(self.repository, self.repository.files[name]) for name in names]
        here = {each: self._here(store, each) for each in contents}
        for each, done in here.items():
            self._tell(each, done)
        self._check_room(store, sum(each.size - done for each, done in here.items()))
        paths = [self._get(store, api, each) for each in contents]
        store.note(self.repository.revision)
        return paths[0]

    def _here(self, store: Store, content: Content) -> int:
        """How many bytes of it the cache has."""
        if self._entry(store, content).exists():
            return content.size
        return store.here(content.etag, content.size)

    def _check_room(self, store: Store, needed: int) -> None:
        free = store.free() if needed else 0
        if needed and needed + _RESERVE > free:
            msg = (
                f"{self.repository.id} needs {size(needed)} more, and the disk of {store.cache} "
                f"has {size(free)} free, of which {size(_RESERVE)} are left to others"
            )
            raise NoRoomError(msg)

    def _get(self, store: Store, api: HubApi, content: Content) -> Path:
        """Have one here, by whoever has downloaded it."""
        entry = self._entry(store, content)
        if entry.exists():
            return entry
        store.prepare(content.etag)
        with store.locked(content.etag, self.stop, self._waiting(store, content)):
            if not store.blob(content.etag).exists():
                self._transfer(store, api, content)
            self._tell(content, content.size)
            return store.link(content.etag, self.repository.revision, content.name)

    def _waiting(self, store: Store, content: Content) -> Callable[[], None]:
        """What to do again and again while another process downloads it: show how far it is."""
        said: list[str] = []

        def show() -> None:
            if not said:
                said.append(f"Another process is fetching {content.name}: waiting for it")
                self.say(said[0])
            self._tell(content, store.here(content.etag, content.size))

        return show

    def _transfer(self, store: Store, api: HubApi, content: Content) -> None:
        here = store.here(content.etag, content.size)
        rest = f", {size(here)} of it are here" if here else ""
        self.say(f"Fetching {content.name} of {self.repository.id} ({size(content.size)}{rest})")
        transfer = Transfer(
            content,
            api.file_url(self.repository, content.name),
            api.headers(),
            store.partial(content.etag),
            self.say,
            lambda done: self._tell(content, done),
            self.stop,
        )
        transfer.run()
        store.partial(content.etag).replace(store.blob(content.etag))

    def _entry(self, store: Store, content: Content) -> Path:
        return store.entry(self.repository.revision, content.name)

    def _tell(self, content: Content, done: int) -> None:
        self.progress(FileProgress(content.name, done, content.size))
