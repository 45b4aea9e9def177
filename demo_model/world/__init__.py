"""The demo model's small world: every dialogue it is trained and tested on, from a seed.

Needs nothing but the standard library, so tests can use it without PyTorch.
"""

from .mix import Dialogue, converse
from .talk import Check, Message

__all__ = ["Check", "Dialogue", "Message", "converse"]
