"""The one exception of this room."""

from __future__ import annotations


class MediaError(Exception):
    """A file is none that is read here. The message says why, as the end of a sentence that names
    the file: ``is cut off``."""
