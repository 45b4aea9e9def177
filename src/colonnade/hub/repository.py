"""What a repository on the hub has: its files with their sizes and checksums, asked over HTTP.

Everything that comes from the hub is checked here: names that would lead out of a directory,
checksums and revisions that are none, lists that do not end.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import msgspec

from colonnade.hub.errors import HubError, ModelError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from httpx2 import Response

_PATIENCE_S = 10.0
_LONGEST_LIST = 64 << 20
"""Bytes of a repository's list; one of 10,000 files has some 4 MiB."""
_REVISION = re.compile(r"[0-9a-f]{40}")
_ETAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_LONGEST_PART = 255


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file of a repository."""

    name: str
    """Its path in the repository."""
    size: int | None = None
    """Bytes; None where the hub's list does not say it."""
    etag: str | None = None
    """What huggingface_hub's cache calls its content: the SHA-256 of a file in LFS, of a small one
    git's SHA-1; None where the list does not say it."""


@dataclass(frozen=True, slots=True)
class Content:
    """A file of which all is known that fetching it takes."""

    name: str
    size: int
    etag: str


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository at one revision."""

    id: str
    revision: str
    files: Mapping[str, HubFile]
    """By name."""

    def size_of(self, names: Iterable[str]) -> int | None:
        """Bytes of all these together; None where the hub's list does not say it."""
        sizes = [self.files[name].size for name in names]
        known = [each for each in sizes if each is not None]
        return sum(known) if len(known) == len(sizes) else None


class _Lfs(msgspec.Struct):
    size: int
    sha256: str


class _Sibling(msgspec.Struct, rename="camel"):
    rfilename: str
    size: int | None = None
    blob_id: str | None = None
    lfs: _Lfs | None = None


class _Info(msgspec.Struct):
    sha: str
    siblings: list[_Sibling]


@dataclass(frozen=True, slots=True)
class HubApi:
    """The two questions that are asked of a hub. Blocks; for threads."""

    endpoint: str | None = None
    """Without it, ``HF_ENDPOINT`` or the Hugging Face hub."""

    def repository(self, repo: str) -> Repository:
        """What its main branch has now.

        Raises:
            HubError: the hub answers with something else than such a list.
            HTTPError, HfHubHTTPError, OfflineModeIsEnabled: the hub does not answer, or refuses.
        """
        text = self._json(f"{self.url}/api/models/{repo}?blobs=true")
        try:
            info = msgspec.json.decode(text, type=_Info)
        except (msgspec.DecodeError, RecursionError) as error:
            msg = "the hub's list of its files cannot be read"
            raise HubError(msg) from error
        if not _REVISION.fullmatch(info.sha):
            msg = "the hub names no revision"
            raise HubError(msg)
        files = {each.rfilename: _hub_file(each) for each in info.siblings}
        return Repository(repo, info.sha, files)

    def content(self, repository: Repository, file: HubFile) -> Content:
        """Ask for what the list did not say of a file.

        Raises:
            HubError: the hub does not say it.
            HTTPError, HfHubHTTPError, OfflineModeIsEnabled: as above.
        """
        from huggingface_hub import get_hf_file_metadata

        size, etag = file.size, file.etag
        if size is None or etag is None:
            url = self.file_url(repository, file.name)
            found = get_hf_file_metadata(url, headers=self.headers(), timeout=_PATIENCE_S)
            size = found.size if size is None else size
            etag = etag or found.etag
        if size is None or etag is None or not _ETAG.fullmatch(etag):
            msg = f"the hub does not say what {file.name} is"
            raise HubError(msg)
        return Content(file.name, size, etag)

    def file_url(self, repository: Repository, name: str) -> str:
        """Where a file is, at the repository's revision."""
        from urllib.parse import quote

        return f"{self.url}/{repository.id}/resolve/{repository.revision}/{quote(name)}"

    @property
    def url(self) -> str:
        """The hub's address without a slash at its end."""
        from huggingface_hub import constants

        found = self.endpoint or os.environ.get("HF_ENDPOINT") or constants.ENDPOINT
        return found.rstrip("/")

    def headers(self) -> dict[str, str]:
        """What goes with each request: who asks, and the user's token if there is one."""
        from huggingface_hub.utils import build_hf_headers

        found = build_hf_headers(library_name="colonnade", library_version=version("colonnade"))
        return found | {"Accept-Encoding": "identity"}

    def _json(self, url: str) -> bytes:
        from huggingface_hub.utils import get_session, hf_raise_for_status

        with get_session().stream(
            "GET", url, headers=self.headers(), timeout=_PATIENCE_S
        ) as response:
            hf_raise_for_status(response)
            return _bounded(response)


def _bounded(response: Response) -> bytes:
    parts, length = [], 0
    for part in response.iter_bytes():
        parts.append(part)
        length += len(part)
        if length > _LONGEST_LIST:
            msg = f"the hub's list of files is longer than {_LONGEST_LIST >> 20} MiB"
            raise HubError(msg)
    return b"".join(parts)


def _hub_file(sibling: _Sibling) -> HubFile:
    """What the list says; an impossible size or checksum counts as not said."""
    size = sibling.lfs.size if sibling.lfs else sibling.size
    etag = sibling.lfs.sha256 if sibling.lfs else sibling.blob_id
    return HubFile(
        sibling.rfilename,
        size if size is not None and size >= 0 else None,
        etag if etag is not None and _ETAG.fullmatch(etag) else None,
    )


def check_name(repo: str, name: str) -> None:
    """Make sure that a file's name stays below the directory that it is put into.

    Raises:
        ModelError: it does not, or no file can have it.
    """
    parts = name.split("/")
    if (
        any(part in {"", ".", ".."} or len(part.encode()) > _LONGEST_PART for part in parts)
        or PurePosixPath(name).is_absolute()
        or "\\" in name
        or not name.isprintable()
    ):
        msg = f"{repo} has a file of the name {name[:200]!r}, which is none to be stored under"
        raise ModelError(msg)
