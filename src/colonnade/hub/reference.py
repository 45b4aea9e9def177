"""A model on the Hugging Face hub, as it is written: ``hf:OWNER/REPO[:FILE-OR-QUANT]``."""

from __future__ import annotations

import re
from dataclasses import dataclass

from colonnade.hub.errors import ModelError

PREFIX = "hf:"
_REPO = re.compile(r"(?!.*(?:\.\.|--|\.git$))\b[\w.-]{1,96}\b/\b[\w.-]{1,96}\b", re.ASCII)
"""As huggingface_hub has it: no ``--`` and no ``..``, letters or digits at the ends."""


@dataclass(frozen=True, slots=True)
class HubModel:
    """A repository, and which of its models is wanted: a file or a quantization, if given."""

    repo: str
    wanted: str | None = None

    @property
    def id(self) -> str:
        """The name under which it is served."""
        return f"{self.repo}:{self.wanted}" if self.wanted else self.repo

    @property
    def place(self) -> str:
        """The reference without the file."""
        return PREFIX + self.repo

    def __str__(self) -> str:
        return PREFIX + self.id


def parse_hub_model(text: str) -> HubModel:
    """Read a reference that begins with ``hf:``.

    Raises:
        ModelError: it is not of the form.
    """
    repo, colon, wanted = text.removeprefix(PREFIX).partition(":")
    if not _REPO.fullmatch(repo) or (colon and not wanted):
        msg = f"{text!r} is not of the form hf:OWNER/REPO or hf:OWNER/REPO:FILE-OR-QUANT"
        raise ModelError(msg)
    return HubModel(repo, wanted or None)
