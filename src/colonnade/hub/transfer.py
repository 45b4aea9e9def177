"""One file over HTTP, from where an earlier attempt stopped, and checked against its checksum.

huggingface_hub's own download begins anew in each run, and checks sizes alone.
"""

from __future__ import annotations

import contextlib
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from colonnade.hub.checksum import Checksum
from colonnade.hub.errors import FetchStopped, HubError
from colonnade.watch import safe

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from threading import Event

    from httpx2 import Response

    from colonnade.hub.repository import Content

_PIECE = 1 << 20
"""Bytes that are read from disk at a time."""
_MUCH = 2 << 30
"""Bytes that take some seconds to be read."""
_MOST_AT_ONCE = 32 << 30
"""Bytes of one answer. Content networks send files of more than 50 GB in ranges alone."""
_PAUSES_S = (1.0, 2.0, 4.0, 8.0, 8.0)
"""Before a new attempt, after so many that brought nothing."""
_LONGEST_PAUSE_S = 60.0
"""What a hub may ask for."""
_MOST_RESTARTS = 3
_TRANSIENT = frozenset({408, 429, 500, 502, 503, 504})
_RANGE = re.compile(r"bytes (\d{1,19})-\d{1,19}/(\d{1,19}|\*)")


@dataclass(frozen=True, slots=True)
class Transfer:
    """Fetches a file into ``partial``, which stays there whenever that ends early."""

    content: Content
    url: str
    headers: dict[str, str]
    partial: Path
    say: Callable[[str], None]
    progress: Callable[[int], None]
    """Takes how many bytes are here, again and again."""
    stop: Event
    """Ends the transfer when it is set."""

    def run(self) -> None:
        """Fetch what is missing, until all is here and its checksum is right.

        Raises:
            FetchStopped: ``stop`` was set.
            HubError: what the hub sends is not what it names.
            HTTPError, HfHubHTTPError, OfflineModeIsEnabled: the hub does not answer, or refuses.
            OSError: it cannot be stored.
        """
        checksum = Checksum(self.content.etag, self.content.size)
        try:
            with self.partial.open("a+b") as file:
                self._take_in(file, checksum)
                self._fetch(file, checksum)
                file.flush()
                os.fsync(file.fileno())
        except BaseException:
            self._leave_no_empty()
            raise
        if not checksum.right:
            self.partial.unlink()
            msg = (
                f"{self.content.name} came with a wrong checksum and was removed: it was damaged "
                "on the way, or is not what the hub names"
            )
            raise HubError(msg)
        if not checksum.known:
            self.say(
                f"The hub names no checksum of {self.content.name}: its size alone was checked"
            )

    def _leave_no_empty(self) -> None:
        """Remove what has nothing in it that another run could go on from."""
        with contextlib.suppress(OSError):  # what has failed before is what is told
            if not self.partial.stat().st_size:
                self.partial.unlink()

    def _take_in(self, file: BinaryIO, checksum: Checksum) -> None:
        """Add what is here to the checksum; what is longer than the file is no part of it."""
        if os.fstat(file.fileno()).st_size > self.content.size:
            file.truncate(0)
        if os.fstat(file.fileno()).st_size > _MUCH:
            self.say(f"Reading what is here of {self.content.name}, for its checksum")
        file.seek(0)
        while piece := file.read(_PIECE):
            self._obey()
            checksum.update(piece)

    def _fetch(self, file: BinaryIO, checksum: Checksum) -> None:
        """Ask for the rest until it is here; what fails for the moment is tried again."""
        from httpx2 import NetworkError, RemoteProtocolError, TimeoutException
        from huggingface_hub.errors import HfHubHTTPError

        failed = 0
        while (before := checksum.length) < self.content.size:
            self._obey()
            try:
                self._attempt(file, checksum)
                continue
            except HfHubHTTPError as error:
                if error.response.status_code not in _TRANSIENT or failed == len(_PAUSES_S):
                    raise
                asked, reason = _asked_pause(error.response), f"{error.response.status_code}"
            except (NetworkError, RemoteProtocolError, TimeoutException) as error:
                if failed == len(_PAUSES_S):
                    raise
                asked, reason = 0.0, str(error).partition("\n")[0] or type(error).__name__
            file.flush()
            failed = 0 if checksum.length > before else failed + 1
            self.say(f"{self.content.name} broke off ({safe(reason, 200)}), trying again")
            self.stop.wait(max(asked, _PAUSES_S[max(failed - 1, 0)]))

    def _attempt(self, file: BinaryIO, checksum: Checksum) -> None:
        """Ask once, and store what comes."""
        from httpx2 import RemoteProtocolError
        from huggingface_hub import constants
        from huggingface_hub.utils import get_session, hf_raise_for_status

        start = checksum.length
        headers = self.headers | self._range(start)
        with get_session().stream(
            "GET", self.url, headers=headers, timeout=constants.HF_HUB_DOWNLOAD_TIMEOUT
        ) as response:
            if start and response.status_code in {200, 416}:
                self._begin_anew(file, checksum)
                if response.status_code == 416:
                    return
            hf_raise_for_status(response)
            self._compare_size(response, checksum.length)
            for piece in response.iter_bytes():
                self._obey()
                if checksum.length + len(piece) > self.content.size:
                    raise self._false_size("more")
                file.write(piece)
                checksum.update(piece)
                self.progress(checksum.length)
            if checksum.length == start:
                msg = "the answer was empty"
                raise RemoteProtocolError(msg)

    def _range(self, start: int) -> dict[str, str]:
        """The header that asks for the rest, or for as much of it as comes at once."""
        if self.content.size - start > _MOST_AT_ONCE:
            return {"Range": f"bytes={start}-{start + _MOST_AT_ONCE - 1}"}
        return {"Range": f"bytes={start}-"} if start else {}

    def _begin_anew(self, file: BinaryIO, checksum: Checksum) -> None:
        file.truncate(0)
        checksum.reset()
        if checksum.resets > _MOST_RESTARTS:
            msg = f"the hub begins {self.content.name} anew each time and never ends it"
            raise HubError(msg)
        self.say(
            f"The hub does not go on with {self.content.name} where it stopped: from its start"
        )

    def _compare_size(self, response: Response, start: int) -> None:
        """See what an answer says of itself before its content is taken.

        Raises:
            HubError: it is another part, or the file has another size than the hub named before.
        """
        length = response.headers.get("Content-Length", "")
        if response.status_code == 206:
            found = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
            if found is None or int(found[1]) != start:
                msg = f"the hub sends another part of {self.content.name} than was asked for"
                raise HubError(msg)
            total = found[2]
        else:
            total = "*" if "Content-Encoding" in response.headers else length
        if total.isdecimal() and int(total) != self.content.size:
            raise self._false_size(f"{int(total):,}")

    def _false_size(self, sent: str) -> HubError:
        return HubError(
            f"the hub's list has {self.content.size:,} bytes for {self.content.name}, "
            f"and the hub sends {sent}"
        )

    def _obey(self) -> None:
        if self.stop.is_set():
            msg = f"{self.content.name} was stopped; what has come is kept"
            raise FetchStopped(msg)


def _asked_pause(response: Response) -> float:
    """Seconds until the hub wants to be asked again, as far as it says so."""
    text = response.headers.get("Retry-After", "")
    return min(float(text), _LONGEST_PAUSE_S) if text.isdecimal() else 0.0
