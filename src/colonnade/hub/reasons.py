"""What it means for the user that the hub, or the disk, has failed."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from colonnade.hub.errors import HubError, NoRoomError

if TYPE_CHECKING:
    from pathlib import Path


def failures() -> tuple[type[Exception], ...]:
    """Everything that a hub and a disk fail with; imports what is slow to import."""
    from httpx2 import HTTPError, InvalidURL
    from huggingface_hub.errors import OfflineModeIsEnabled

    return (HTTPError, InvalidURL, OfflineModeIsEnabled, OSError, HubError, NoRoomError)


def reason_of(error: Exception, repo: str, cache: Path) -> str:
    """Say in one line why a repository cannot be had."""
    from httpx2 import HTTPError
    from huggingface_hub.errors import (
        EntryNotFoundError,
        GatedRepoError,
        HfHubHTTPError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
    )

    match error:
        case NoRoomError():
            return str(error)
        case GatedRepoError():
            return (
                f"{repo} is gated: accept its terms on the hub, then set HF_TOKEN "
                "or log in with `hf auth login`"
            )
        case RepositoryNotFoundError():
            return f"{repo} is not on the hub, or is private (then HF_TOKEN must be set)"
        case OfflineModeIsEnabled():
            return f"{repo} cannot be fetched: HF_HUB_OFFLINE is set"
        case EntryNotFoundError():
            return f"{repo} does not have the file any more"
        case HfHubHTTPError():
            status = error.response.status_code
            refused = status in {401, 403}
            detail = "HF_TOKEN is wrong or missing" if refused else f"the hub answered {status}"
            return f"{repo} cannot be fetched: {detail}"
        case HTTPError():
            return f"{repo} cannot be fetched: the hub cannot be reached ({_line(error)})"
        case OSError() if error.strerror:
            return f"{repo} cannot be stored in {cache}: {storing(error)}"
    return f"{repo} cannot be fetched: {_line(error)}"


def storing(error: OSError) -> str:
    """Say why a file cannot be written, or removed."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return "the disk is full; what has come is kept, and the next try goes on from there"
    return error.strerror or str(error)


def _line(error: Exception) -> str:
    return (str(error) or type(error).__name__).partition("\n")[0]
