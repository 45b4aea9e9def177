"""``colonnade chat``: a conversation in the terminal, with a server or with a model of its own.

Text in, text out: it renders no Markdown, calls no tools, and keeps nothing but what ``/save``
writes.
"""

from colonnade.cli.chat.command import chat

__all__ = ["chat"]
