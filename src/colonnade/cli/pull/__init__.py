"""``colonnade pull``: a model from the hub, in the terminal."""

from colonnade.cli.pull.command import pull

__all__ = ["pull"]
