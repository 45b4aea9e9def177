"""Chat sessions, kept in a database: SQLite's, or a PostgreSQL server's.

Knows what was said in which session, whose it is and when it was used last, and how much each key
has used; nothing of prompts, models, settings or HTTP.
"""

from colonnade.sessions.errors import SessionError
from colonnade.sessions.owned import Bounds, Exchange, Place, Sessions
from colonnade.sessions.store import SessionStore
from colonnade.sessions.usage import UsageStore

__all__ = ["Bounds", "Exchange", "Place", "SessionError", "SessionStore", "Sessions", "UsageStore"]
