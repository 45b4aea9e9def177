"""The command line: ``colonnade serve``, ``chat``, ``check``, ``pull`` and others.

Reads the flags and hands over; each command's work is in a module of its own, imported when the
command runs, so that ``--help`` is there at once. What the flags mean is the settings' business.
"""

from colonnade.cli.commands import main

__all__ = ["main"]
