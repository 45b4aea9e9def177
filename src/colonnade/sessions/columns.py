"""What a column of the tables holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import LargeBinary, TypeDecorator

if TYPE_CHECKING:
    from sqlalchemy import Dialect


class AnyText(TypeDecorator[str]):
    """Any text that Python can hold, as UTF-8.

    PostgreSQL's own text has no NUL, and neither database's has half a surrogate pair; what a
    client or a model says may have both.
    """

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> bytes | None:  # noqa: ARG002
        """Make what is stored."""
        return None if value is None else value.encode("utf-8", "surrogatepass")

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Make what was meant."""
        return None if value is None else value.decode("utf-8", "surrogatepass")
