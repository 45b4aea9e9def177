"""Pictures and sounds of a chat request: from the parts of its messages to files for the engine.

A part holds its file in base64, or says where on the web it is. The file's header is looked at, and
nothing of it is decoded here; what passes goes to the worker as it came.
"""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

from colonnade.api.schema.conversation import (
    AudioPart,
    AudioUrlPart,
    ImagePart,
    InputImagePart,
    MediaContent,
)
from colonnade.generation import ChatPrompt
from colonnade.media import (
    MediaError,
    data_start,
    decoded_parts,
    decoded_size,
    inspect_picture,
    inspect_sound,
)
from colonnade.messages import Failure, FailureKind, MediaKind, MediaPart
from colonnade.web.fetch import Fetcher, FetchError, ListedHosts

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from colonnade.api.schema.conversation import Message
    from colonnade.generation import Turn

_SECONDS = 30.0
"""For all files of a request that are fetched."""
_NAMES = {MediaKind.IMAGE: "The picture", MediaKind.AUDIO: "The sound"}


@dataclass(frozen=True, slots=True)
class MediaOptions:
    """Bounds on the pictures and sounds of one request."""

    most_size: int = 20 * 2**20
    """Bytes of all its files."""
    most_count: int = 16
    fetcher: Fetcher = field(default_factory=lambda: Fetcher(ListedHosts()))
    """Fetches what comes as a URL of http(s)."""


class _Asked(NamedTuple):
    """A picture or a sound that a request holds, and the place of its source in it."""

    kind: MediaKind
    source: str
    param: str

    def failure(self, why: str, kind: FailureKind = FailureKind.INVALID_REQUEST) -> Failure:
        """That it is not taken; ``why`` is the end of a sentence."""
        return Failure(kind, f"{_NAMES[self.kind]} {why}.", param=self.param)


def check_media(
    messages: Sequence[Message], kinds: Collection[MediaKind], options: MediaOptions
) -> None:
    """Refuse what a model does not take, and more than are allowed, before any of it is read.

    Raises:
        Failure: there is such a part.
    """
    asked = _asked(messages)
    for each in asked:
        check_kind(each.kind, kinds, each.param)
    if len(asked) > options.most_count:
        msg = f"There are {len(asked)} pictures and sounds; {options.most_count} are allowed."
        raise Failure(FailureKind.INVALID_REQUEST, msg, param="messages")


def check_kind(kind: MediaKind, kinds: Collection[MediaKind], param: str) -> None:
    """Refuse what a model does not take, where ``kinds`` are what it does.

    Raises:
        Failure: it does not.
    """
    if kind not in kinds:
        words = f"no {kind} input" if kinds else "text only"
        raise Failure(FailureKind.UNSUPPORTED, f"This model takes {words}.", param=param)


def media_part(kind: MediaKind, data: bytes, param: str, options: MediaOptions) -> MediaPart:
    """A file for the engine. Looks at its header, which may take some milliseconds.

    Raises:
        Failure: it is too large, or not what it should be.
    """
    asked = _Asked(kind, "", param)
    if len(data) > options.most_size:
        raise asked.failure(_too_large(options.most_size))
    return _checked(asked, data)


def has_media(messages: Sequence[Message]) -> bool:
    """Whether there is a picture or a sound in them."""
    return bool(_asked(messages))


async def with_media(turn: Turn, messages: Sequence[Message], options: MediaOptions) -> Turn:
    """A turn with the files that its messages hold or name.

    Raises:
        Failure: one of them cannot be had, is none that is read here, or is too large.
    """
    asked = _asked(messages)
    if not asked or not isinstance(turn.prompt, ChatPrompt):
        return turn
    files: list[MediaPart] = []
    left = options.most_size
    deadline = asyncio.get_running_loop().time() + _SECONDS
    for each in asked:
        data = await _data(each, left, options, deadline)
        left -= len(data)
        files.append(await asyncio.to_thread(_checked, each, data))
    return replace(turn, prompt=replace(turn.prompt, media=tuple(files)))


def _asked(messages: Sequence[Message]) -> list[_Asked]:
    """All pictures and sounds, in the order of their places in ``plain_messages``."""
    return [
        _source(part, f"messages[{number}].content[{index}]")
        for number, message in enumerate(messages)
        if isinstance(message.content, list)
        for index, part in enumerate(message.content)
        if isinstance(part, MediaContent)
    ]


def _source(part: MediaContent, path: str) -> _Asked:
    match part:
        case ImagePart(url) | InputImagePart(url):
            kind, param = MediaKind.IMAGE, f"{path}.image_url"
        case AudioUrlPart(url):
            kind, param = MediaKind.AUDIO, f"{path}.audio_url"
        case AudioPart(sound):
            source = sound.data if sound.data is not None else sound.url
            return _Asked(MediaKind.AUDIO, source or "", f"{path}.input_audio")
    return _Asked(kind, url if isinstance(url, str) else url.url, param)


async def _data(asked: _Asked, most: int, options: MediaOptions, deadline: float) -> bytes:
    """The file itself."""
    scheme = _scheme(asked.source)
    if scheme in ("http", "https"):
        try:
            async with asyncio.timeout_at(deadline):
                return await options.fetcher.fetch(asked.source, most)
        except FetchError as error:
            known = FailureKind.INVALID_REQUEST if error.allowed else FailureKind.UNSUPPORTED
            raise asked.failure(str(error), known) from error
        except TimeoutError as error:
            msg = f"was not there within {_SECONDS:g} seconds, with those before it"
            raise asked.failure(msg) from error
    if scheme not in ("", "data"):
        known = FailureKind.UNSUPPORTED
        raise asked.failure(f"is a URL of {scheme}:, where only data: and http(s): are read", known)
    try:
        return await _decoded(asked.source, most)
    except MediaError as error:
        raise asked.failure(str(error)) from error


def _scheme(source: str) -> str:
    """A URL's scheme; empty for what is none."""
    scheme, found, _ = source[:40].partition(":")
    return scheme.lower() if found else ""


async def _decoded(text: str, most: int) -> bytes:
    """Decode base64, a part at a time, and let others be served in between.

    Raises:
        MediaError: it is none, or of more than ``most`` bytes.
    """
    start = data_start(text)
    if decoded_size(text, start) > most + 2:
        raise MediaError(_too_large(most))
    parts: list[bytes] = []
    for part in decoded_parts(text, start):
        parts.append(part)
        await asyncio.sleep(0)
    return b"".join(parts)


def _too_large(most: int) -> str:
    return f"has more bytes than are taken here ({most:,} for the request)"


def _checked(asked: _Asked, data: bytes) -> MediaPart:
    """A file that is what it should be, by its header."""
    try:
        if asked.kind is MediaKind.IMAGE:
            inspect_picture(data)
        else:
            inspect_sound(data)
    except MediaError as error:
        raise asked.failure(str(error)) from error
    return MediaPart(asked.kind, data, hashlib.sha256(data).hexdigest())
