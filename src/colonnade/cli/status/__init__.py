"""``colonnade status`` and ``ps``: what a running server does, in the terminal."""

from colonnade.cli.status.command import status
from colonnade.cli.status.running import ps

__all__ = ["ps", "status"]
