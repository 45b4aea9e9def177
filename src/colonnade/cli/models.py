"""``colonnade models``: what could be served without a download."""

from __future__ import annotations

from colonnade.cli.console import out
from colonnade.cli.report import aligned, size
from colonnade.hub import downloaded_models, packaged_models


def list_models() -> None:
    """Print a line a model: what to write for MODEL, and its size."""
    facts = [("demo", "embedded")]
    facts += [(str(model), size(bytes_)) for model, bytes_ in packaged_models()]
    facts += [(str(each.model), size(each.size)) for each in downloaded_models()]
    for line in aligned(facts):
        out(line)
