"""``colonnade status``: what a running server does, in the terminal."""

from colonnade.cli.status.command import status

__all__ = ["status"]
