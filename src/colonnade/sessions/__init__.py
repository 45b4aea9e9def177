"""Chat sessions, kept in a database: SQLite's, or a PostgreSQL server's.

Knows what was said in which session and when that was used last; nothing of prompts, models,
settings or HTTP.
"""

from colonnade.sessions.errors import SessionError
from colonnade.sessions.store import Exchange, SessionStore

__all__ = ["Exchange", "SessionError", "SessionStore"]
