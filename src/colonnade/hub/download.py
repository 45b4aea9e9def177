"""The hub itself: which files a repository has, and fetching them into huggingface_hub's cache.

Everything that is slow to import (huggingface_hub) is imported where it is used, for this module
is on the way of every command.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING

from colonnade.hub.cache import cached_model
from colonnade.hub.errors import ModelError
from colonnade.hub.variants import choose_files

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from huggingface_hub import HfApi

    from colonnade.hub.reference import HubModel

_LIST_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Hub:
    """A hub with its cache; the defaults are huggingface_hub's own settings."""

    endpoint: str | None = None
    cache_dir: Path | None = None

    def fetch(self, model: HubModel, say: Callable[[str], None]) -> Path:
        """Download the model unless it is here already; return the file to load.

        ``say`` takes lines for the user. What the cache has is used when the hub fails.

        Raises:
            ModelError: the hub has no such model or does not give it, and the cache has none.
        """
        from httpx2 import HTTPError
        from huggingface_hub.errors import EntryNotFoundError, OfflineModeIsEnabled

        try:
            return self._download(model, say)
        except (HTTPError, EntryNotFoundError, OfflineModeIsEnabled, OSError, ValueError) as error:
            reason = _reason(error, model)
            path = cached_model(model, self.cache_dir)
            if path is None:
                raise ModelError(reason) from error
            say(f"{reason}; taking the downloaded copy")
            return path

    def _download(self, model: HubModel, say: Callable[[str], None]) -> Path:
        from pathlib import Path

        api = self._api()
        info = api.model_info(model.repo, timeout=_LIST_TIMEOUT_S)
        names = choose_files([file.rfilename for file in info.siblings or ()], model)
        paths = []
        for name in names:
            say(f"Fetching {name} of {model.repo}")
            paths.append(Path(api.hf_hub_download(model.repo, name, cache_dir=self.cache_dir)))
        return paths[0]

    def _api(self) -> HfApi:
        from huggingface_hub import HfApi

        endpoint = self.endpoint or os.environ.get("HF_ENDPOINT")
        return HfApi(
            endpoint=endpoint, library_name="colonnade", library_version=version("colonnade")
        )


def _reason(error: Exception, model: HubModel) -> str:
    """Say in one line what the hub's refusal means for the user."""
    from httpx2 import HTTPError
    from huggingface_hub.errors import (
        EntryNotFoundError,
        GatedRepoError,
        HfHubHTTPError,
        LocalEntryNotFoundError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
    )

    match error:
        case GatedRepoError():
            return (
                f"{model.repo} is gated: accept its terms on the hub, then set HF_TOKEN "
                "or log in with `hf auth login`"
            )
        case RepositoryNotFoundError():
            return f"{model.repo} is not on the hub, or is private (then HF_TOKEN must be set)"
        case OfflineModeIsEnabled():
            return f"{model.repo} cannot be fetched: HF_HUB_OFFLINE is set"
        case LocalEntryNotFoundError():
            return f"{model.repo} cannot be fetched: the hub cannot be reached"
        case EntryNotFoundError():
            return f"{model.repo} does not have the file any more"
        case HfHubHTTPError():
            status = error.response.status_code
            refused = status in {401, 403}
            detail = "HF_TOKEN is wrong or missing" if refused else f"the hub answered {status}"
            return f"{model.repo} cannot be fetched: {detail}"
        case HTTPError():
            return f"{model.repo} cannot be fetched: the hub cannot be reached ({_line(error)})"
        case OSError() if error.strerror:
            return f"{model.repo} cannot be stored: {error.strerror}"
    return f"{model.repo} cannot be fetched: {_line(error)}"


def _line(error: Exception) -> str:
    return (str(error) or type(error).__name__).partition("\n")[0]
