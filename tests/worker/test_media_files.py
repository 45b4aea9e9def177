"""What decoders would believe is taken out of files of sounds."""

from __future__ import annotations

import pytest

from colonnade.messages import Failure, MediaKind, MediaPart
from colonnade.worker.media_files import decodable
from tests.media import files


def sound(data: bytes) -> MediaPart:
    return MediaPart(MediaKind.AUDIO, data, "")


@pytest.mark.parametrize("make", files.PICTURES.values(), ids=files.PICTURES)
def test_pictures_stay_as_they_are(make):
    assert decodable(MediaPart(MediaKind.IMAGE, make(), "")) == make()


@pytest.mark.parametrize("make", files.SOUNDS.values(), ids=files.SOUNDS)
def test_sounds_stay_as_they_are(make):
    assert decodable(sound(make())) == make()


def test_a_wav_keeps_its_format_and_its_samples():
    plain = files.wav()
    fact = b"fact" + (4).to_bytes(4, "little") + b"\xff" * 4
    assert decodable(sound(plain[:12] + fact + plain[12:] + b"LIST\0\0\0\0")) == plain


def test_a_number_of_frames_that_cannot_be():
    tag = b"Info" + (1).to_bytes(4) + (1 << 31).to_bytes(4)
    plain = files.mp3()
    lying = plain[:100] + tag + plain[100 + len(tag) :]
    assert b"Info" not in decodable(sound(lying))
    true = lying.replace((1 << 31).to_bytes(4), (20).to_bytes(4))
    assert decodable(sound(true)) == true


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        (MediaKind.IMAGE, files.wav()),
        (MediaKind.IMAGE, b"II*\0"),
        (MediaKind.AUDIO, files.png()),
        (MediaKind.AUDIO, b"RIFF\0\0\0\0WAVEfmt "),
        (MediaKind.AUDIO, b""),
    ],
)
def test_what_is_not_read(kind, data):
    with pytest.raises(Failure) as caught:
        decodable(MediaPart(kind, data, ""))
    assert caught.value.param == "messages"
