"""Requests that may be what workers die of.

llama.cpp ends its process on some inputs. A client that sends such a request again, as SDKs do by
themselves, would keep everybody else from being served. So requests that a worker worked on when it
died are remembered by their content. One that was there at one death is a suspect: it is taken
again, but does not begin beside another one that has just begun, and the next death is blamed on
the one that has. One that was there at two is refused. A suspect whose answer comes to its end is
none any more, and of a content that was answered before it takes more: what everybody sends is
likely to be there whatever workers die of.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from colonnade.messages import Embed, Failure, FailureKind, MediaPart, TextPart, TokenPart, parts_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from colonnade.engine.pending import Pending
    from colonnade.messages import PromptPart, Submit

_MOST = 1024
"""Contents that are remembered."""

_MEMORY = 600.0
"""Seconds for which they are."""

_DEATHS = 2
"""Deaths after which a request is refused."""

_DEATHS_OF_GOOD = 4
"""The same for one that was answered before."""

_GOOD = 4096
"""Contents of answered requests that are remembered."""

_SMALL = 1 << 16
"""Characters, ids or bytes of a request whose digest takes no time."""

_FEW = 256
"""Inputs of such a one."""

_ALONE = 2.0
"""Seconds in a slot that a suspect has before another suspect may run beside it: most that end the
process do so in their first step."""

_GLANCE = 0.25
"""Seconds after which to look again whether it has one."""

_LONGEST_LINE = 64
"""Suspects that wait for each other."""

_encoder = msgspec.msgpack.Encoder()


def content(submit: Submit | Embed) -> bytes:
    """A digest of what is asked, whoever asks."""
    said: tuple[object, ...]
    if isinstance(submit, Embed):
        said = (submit.inputs, submit.most_tokens, submit.last_tokens)
    else:
        asked = (submit.prompt, submit.decoding, submit.adapters)
        said = (*asked, submit.add_bos, submit.infill_suffix)
    return hashlib.blake2b(_encoder.encode(said), digest_size=16).digest()


def _is_small(submit: Submit | Embed) -> bool:
    if isinstance(submit, Embed):
        parts = (part for each in submit.inputs for part in parts_of(each))
        return len(submit.inputs) <= _FEW and _length(parts) <= _SMALL
    return len(submit.infill_suffix or "") + _length(submit.prompt) <= _SMALL


def _length(parts: Iterable[PromptPart]) -> int:
    length = 0
    for part in parts:
        match part:
            case TextPart(text):
                length += len(text)
            case MediaPart(_, data):
                length += len(data)
            case TokenPart(ids):
                length += len(ids)
    return length


@dataclass(slots=True)
class _Suspect:
    most: int
    """Deaths after which it is refused."""
    deaths: int = 0
    until: float = 0.0


class Suspects:
    """Those of one model."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: OrderedDict[bytes, _Suspect] = OrderedDict()
        """By the digest of their content, the one that was blamed last at the end."""
        self._good: OrderedDict[bytes, None] = OrderedDict()
        """Digests of small requests that were answered, the newest at the end."""
        self._place = asyncio.Lock()
        """Held by the suspect that has begun last."""
        self._holder: int | None = None
        """The id of its request."""
        self._waiting = 0

    def __bool__(self) -> bool:
        now = self._clock()
        while self._known and next(iter(self._known.values())).until < now:
            self._known.popitem(last=False)
        return bool(self._known)

    async def admit(self, submit: Submit | Embed) -> bytes | None:
        """Let a request in; a suspect once no other one has just begun, and with its digest.

        Whoever gets a digest calls ``watch`` or ``left``.

        Raises:
            Failure: it is refused, or too many suspects wait.
        """
        if not self:
            return None
        if _is_small(submit):
            digest = content(submit)
        else:
            digest = await asyncio.to_thread(content, submit)
        if digest not in self._known:
            return None
        self._check(digest)
        if self._waiting >= _LONGEST_LINE:
            msg = "Too many requests wait that were under way when the worker process died."
            raise Failure(FailureKind.MODEL_UNAVAILABLE, msg)
        self._waiting += 1
        try:
            await self._place.acquire()
        finally:
            self._waiting -= 1
        self._holder = submit.id
        try:
            self._check(digest)  # the one before it may have been the same
        except Failure:
            self.left(submit.id)
            raise
        return digest

    def watch(self, stream: Pending) -> None:
        """Let the next suspect in once this one has had a slot for a while, if it goes on."""
        if self._holder == stream.id:
            loop = asyncio.get_running_loop()
            if stream.started:
                loop.call_later(_ALONE, self.left, stream.id)
            else:
                loop.call_later(_GLANCE, self.watch, stream)

    def left(self, request_id: int) -> None:
        """A request has come to its end, or was alone for long enough."""
        if self._holder == request_id:
            self._holder = None
            self._place.release()

    def died(self, streams: Iterable[Pending]) -> None:
        """A worker died while it worked on these. Where a suspect had just begun, no other suspect
        is blamed: they ran on without it."""
        blamed: set[bytes] = set()
        begun: bytes | None = None
        for stream in streams:
            if stream.submit is not None:
                stream.digest = stream.digest or content(stream.submit)
                blamed.add(stream.digest)
                if stream.id == self._holder and stream.started:
                    begun = stream.digest
        if begun is not None:
            blamed = {each for each in blamed if each == begun or each not in self._known}
        for digest in blamed:  # once, however often it was there
            self._blame(digest)
        while len(self._known) > _MOST:
            self._known.popitem(last=False)

    def _blame(self, digest: bytes) -> None:
        suspect = self._known.pop(digest, None)
        if suspect is None:
            suspect = _Suspect(_DEATHS_OF_GOOD if digest in self._good else _DEATHS)
        suspect.deaths += 1
        suspect.until = self._clock() + _MEMORY
        self._known[digest] = suspect

    def answered(self, stream: Pending) -> None:
        """It was answered, and nobody died."""
        submit, digest = stream.submit, stream.digest
        if submit is None or not _is_small(submit):
            self._known.pop(digest or b"", None)
            return
        digest = digest or content(submit)
        self._known.pop(digest, None)
        self._good[digest] = None
        self._good.move_to_end(digest)
        if len(self._good) > _GOOD:
            self._good.popitem(last=False)

    def refuses(self, stream: Pending) -> bool:
        """Whether it will not be taken again."""
        return stream.digest is not None and self._is_deadly(stream.digest)

    def _is_deadly(self, digest: bytes) -> bool:
        suspect = self._known.get(digest)
        return suspect is not None and suspect.deaths >= suspect.most

    def _check(self, digest: bytes) -> None:
        if self._is_deadly(digest):
            raise deadly()


def deadly() -> Failure:
    """What a client is told of a request that is refused."""
    minutes = _MEMORY / 60
    msg = (
        "Worker processes died, again and again, while they worked on this request. It is refused "
        f"for {minutes:.0f} minutes."
    )
    return Failure(FailureKind.DEADLY_REQUEST, msg)
