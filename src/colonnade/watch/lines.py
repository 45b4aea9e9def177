"""Lines of the log: one a record whatever is in it, as text or as JSON, without what clients said.

What comes from outside (names, paths, other libraries' messages) may hold line breaks and
terminals' control sequences; whatever does not print is shown as an escape. The text of an
exception may quote what a client sent, so its kind and place stand for it.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import threading
import traceback
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Literal

from colonnade.watch.about import about

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable
    from types import TracebackType

    from colonnade.watch.about import About

ACCESS: Final = "colonnade.access"
"""The logger of the lines for each HTTP request."""

_OURS: Final = "colonnade"
_LONGEST: Final = 4000
"""Characters of a message; more comes from nothing that works."""
_FRAMES: Final = 12
"""Places of a traceback that are shown, the innermost ones."""
_CAUSES: Final = 4
_BARE = re.compile(r"[A-Za-z0-9._:/@+-]+")


def safe(text: str, most: int = _LONGEST) -> str:
    """A text on one line of at most about ``most`` characters: what does not print is escaped."""
    if len(text) > most:
        text = f"{text[:most]}... ({len(text) - most} characters more)"
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else _escaped(each) for each in text)


def described(exc: BaseException) -> str:
    """An exception on one line: kinds and places, and of the system's errors their words."""
    parts: list[str] = []
    while len(parts) < _CAUSES:
        parts.append(_kind(exc) + _places(exc.__traceback__))
        cause = exc.__cause__ or (None if exc.__suppress_context__ else exc.__context__)
        if cause is None:
            break
        exc = cause
    return "; after ".join(parts)


def configure_logs(
    level: str, form: Literal["text", "json"] = "text", *, access: bool = False
) -> None:
    """Log to stderr, from this level on; ``access`` adds a line for each HTTP request.

    Other libraries are heard from warnings on: below, some of them write down what they carry.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if form == "json" else TextLines())
    handler.addFilter(_is_ours_or_matters)
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger(ACCESS).setLevel(logging.INFO if access else logging.CRITICAL)
    logging.captureWarnings(True)
    hook_uncaught(_log_uncaught)


def hook_uncaught(tell: Callable[[BaseException], None]) -> None:
    """Have exceptions that nobody catches told in this way, in any thread: the interpreter's own
    way writes down their texts, over several lines."""
    sys.excepthook = lambda _, exc, __: tell(exc)
    threading.excepthook = lambda args: tell(args.exc_value) if args.exc_value else None
    sys.unraisablehook = lambda args: tell(args.exc_value) if args.exc_value else None


def say_uncaught(exc: BaseException) -> None:
    """Tell it to stderr, for a process whose stderr another one reads or nobody does."""
    print(f"uncaught: {described(exc)}", file=sys.stderr, flush=True)


def _log_uncaught(exc: BaseException) -> None:
    logging.getLogger("colonnade.uncaught").error("an exception was not caught", exc_info=exc)


def log_loop_failure(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """What an event loop does with exceptions that nobody takes. Its own way writes down the task,
    and with it the exception's text."""
    exc = context.get("exception")
    logging.getLogger("colonnade.loop").error("%s", context.get("message"), exc_info=exc)


class _Lines(logging.Formatter):
    """What both forms share."""

    def _message(self, record: logging.LogRecord) -> str:
        try:
            return safe(record.getMessage())
        except Exception as exc:  # noqa: BLE001 - whatever an argument's __str__ raises
            return f"(a line that cannot be written: {type(exc).__name__})"

    def _known(self, record: logging.LogRecord) -> dict[str, str]:
        """The fields of the request that the record is about."""
        found: About | None = getattr(record, "about", None) or about.get()
        if found is None:
            return {}
        return {name: safe(value, 200) for name, value in found.fields().items()}


class TextLines(_Lines):
    """For people: time, level, logger, the request in brackets, the message."""

    def format(self, record: logging.LogRecord) -> str:
        """Write a record."""
        known = " ".join(f"{name}={_quoted(value)}" for name, value in self._known(record).items())
        parts = [self.formatTime(record), record.levelname, safe(record.name)]
        line = " ".join([*parts, f"[{known}]"] if known else parts)
        line = f"{line}: {self._message(record)}"
        if record.exc_info and record.exc_info[1] is not None:
            line += f" | {safe(described(record.exc_info[1]))}"
        return line


class JsonLines(_Lines):
    """For programs: an object a line. ``extra={"fields": ...}`` of a record adds to it."""

    def format(self, record: logging.LogRecord) -> str:
        """Write a record."""
        moment = datetime.fromtimestamp(record.created, UTC)
        fields: dict[str, Any] = {
            "time": moment.isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": self._message(record),
            **self._known(record),
            **getattr(record, "fields", {}),
        }
        if record.exc_info and record.exc_info[1] is not None:
            fields["exception"] = safe(described(record.exc_info[1]))
        return json.dumps(fields, ensure_ascii=True, default=str)


def _is_ours_or_matters(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.WARNING or record.name.partition(".")[0] == _OURS


def _quoted(value: str) -> str:
    return value if _BARE.fullmatch(value) else json.dumps(value, ensure_ascii=False)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")


def _kind(exc: BaseException) -> str:
    name = type(exc).__qualname__
    if isinstance(exc, OSError) and exc.strerror:
        return f"{name} ({exc.strerror})"
    return name


def _places(tb: TracebackType | None) -> str:
    frames = traceback.extract_tb(tb)[-_FRAMES:]
    places = [f"{_short(each.filename)}:{each.lineno} {each.name}" for each in reversed(frames)]
    return f" at {' < '.join(places)}" if places else ""


def _short(path: str) -> str:
    """A file by its last two directories, enough to find it."""
    return "/".join(path.split("/")[-3:])
