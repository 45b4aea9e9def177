"""Headers of pictures and sounds: what is whole and sane passes, all else is refused by name."""

from __future__ import annotations

import contextlib
import ctypes
import struct
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from llama_cpp import mtmd_cpp

from colonnade.media import MediaError, inspect_picture, inspect_sound
from tests.media import files

ALL = {**files.PICTURES, **files.SOUNDS}
STARTS = [make()[:16] for make in ALL.values()]


@pytest.mark.parametrize("name", files.PICTURES)
@given(st.integers(1, 40), st.integers(1, 40))
def test_a_picture_is_as_large_as_it_is(name: str, width: int, height: int) -> None:
    found = inspect_picture(files.PICTURES[name](width, height))
    assert (found.format, found.width, found.height) == (name, width, height)


@pytest.mark.parametrize("name", files.PICTURES)
def test_what_passes_is_decoded_to_the_same_size(name: str) -> None:
    data = files.PICTURES[name](24, 17)
    found = inspect_picture(data)
    assert decoded(data) == (found.width, found.height)


@pytest.mark.parametrize(
    ("data", "seconds"),
    [
        (files.wav(0.25), 0.25),
        (files.wav(1.0, rate=44100), 1.0),
        (files.mp3(100), 100 * 1152 / 44100),
        (files.flac(4096, rate=16000), 0.256),
    ],
)
def test_a_sound_lasts_as_long_as_it_does(data: bytes, seconds: float) -> None:
    assert inspect_sound(data).seconds == pytest.approx(seconds)


@pytest.mark.parametrize("name", ["PNG", "JPEG", "BMP", "WAV"])
def test_what_is_cut_off_is_refused_wherever_it_is(name: str) -> None:
    whole = ALL[name]()
    inspect = inspect_picture if name in files.PICTURES else inspect_sound
    for length in range(len(whole)):
        with pytest.raises(MediaError):
            inspect(whole[:length])


@given(st.binary(max_size=200), st.sampled_from([b"", *STARTS]))
def test_whatever_comes_is_told_or_refused(data: bytes, start: bytes) -> None:
    for inspect in (inspect_picture, inspect_sound):
        with contextlib.suppress(MediaError):  # and nothing else is raised
            assert inspect(start + data).format


@pytest.mark.parametrize("name", files.PICTURES)
@given(st.data())
def test_a_damaged_picture_is_never_larger_than_it_was_found_to_be(
    name: str, data: st.DataObject
) -> None:
    damaged = bytearray(files.PICTURES[name](9, 7))
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = inspect_picture(bytes(damaged))
    except MediaError:
        return
    assert decoded(bytes(damaged)) in (None, (found.width, found.height))


def decoded(data: bytes) -> tuple[int, int] | None:
    """The size that stb_image decodes a picture to, None where it refuses. Nothing else is tried:
    what no decoder of pictures takes would be given to ffmpeg as a film."""
    buffer = (ctypes.c_uint8 * len(data)).from_buffer_copy(data)
    options = mtmd_cpp.mtmd_helper_init_opt_default()
    options.video_params.ffmpeg_bin_dir = b"/nowhere"
    bitmap = mtmd_cpp.mtmd_helper_bitmap_init_from_buf(None, buffer, len(data), True, options)
    if not bitmap:
        return None
    try:
        return mtmd_cpp.mtmd_bitmap_get_nx(bitmap), mtmd_cpp.mtmd_bitmap_get_ny(bitmap)
    finally:
        mtmd_cpp.mtmd_bitmap_free(bitmap)


def png_of(width: int, height: int, packed: bytes = b"x", depth: int = 8, colour: int = 2) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    parts = (files.chunk(b"IHDR", head), files.chunk(b"IDAT", packed), files.chunk(b"IEND", b""))
    return files.PNG_START + b"".join(parts)


def test_a_png_that_unpacks_to_more_than_its_pixels_is_found_out_in_no_memory() -> None:
    bomb = png_of(1, 1, zlib.compress(bytes(200_000_000), 9))
    assert len(bomb) < 300_000
    tracemalloc.start()
    try:
        with pytest.raises(MediaError, match="more pixels"):
            inspect_picture(bomb)
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (b"hello there", "is none that is known"),
        (
            b"RIFF\x10\0\0\0WEBPVP8 ",
            "is WebP, which is not read here; formats of a picture are PNG",
        ),
        (b"\0\0\0\x1cftypavif\0\0", "is AVIF"),
        (b"%PDF-1.7", "is PDF"),
        (b"<svg xmlns=''/>", "is SVG"),
        (files.wav(), "is WAV, which is not read here; formats of a picture are PNG, JPEG"),
        (png_of(10_001, 10_000), "up to 100 megapixels"),
        (png_of(10_000, 6_000, depth=16, colour=6), "up to 100 megapixels"),
        (png_of(0, 5), "no pixels"),
        (png_of(40_000, 1_000), "a side may have 32,768"),
        (png_of(2_010, 10), "200 times the other"),
        (png_of(4, 4, colour=5), "makes no sense"),
        (png_of(4, 4, zlib.compress(b"\0" * 52)[:-4]), "is cut off"),
        (png_of(4, 4, b"no zlib"), "cannot be unpacked"),
        (png_of(4, 4, zlib.compress(b"\0" * 51)), "is cut off"),
        (files.PNG_START + files.chunk(b"IDAT", b"x"), "does not begin with a header"),
        (files.jpeg(8, 8, scans=5), "more than 4 scans"),
        (files.jpeg(8, 8, scans=65, frame=0xC2), "more than 64 scans"),
        (files.jpeg(8, 8, frame=0xC3), "lossless or arithmetic"),
        (files.jpeg(claimed=(8, 0)), "how high it is"),
        (files.jpeg(claimed=(65_535, 32_768)), "up to 100 megapixels"),
        (b"\xff\xd8\xff\xd9", "no frame"),
        (files.gif(4, 3, raster=b"\x01" * 2000), "too many bytes"),
        (files.gif(20_000, 20_000, raster=b"\x01" * 200), "up to 100 megapixels"),
        (files.bmp(4, 3, packing=1), "compressed BMP"),
    ],
)
def test_pictures_that_are_refused(data: bytes, words: str) -> None:
    with pytest.raises(MediaError, match=words):
        inspect_picture(data)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (files.png(), "is PNG, which is not read here; formats of a sound are WAV, MP3, FLAC"),
        (b"OggS\0\0", "is Ogg"),
        (b"\xff\xf1\x50\x80", "is AAC"),
        (files.wav(kind=2), "of a kind that is not decoded"),
        (files.wav(0), "no samples"),
        (files.wav()[:40] + b"\xff\xff\xff\xff" + b"\0" * 100, "as streams do"),
        (files.wav()[:40] + b"\x00\x00\x10\x00" + b"\0" * 100, "is cut off"),
        (files.flac(claimed=(1 << 36) - 1), "longer than 30 minutes"),
        (files.flac(claimed=0), "as streams do"),
        (files.flac(rate=1), "makes no sense"),
        (b"fLaC" + b"\x84\0\0\x22" + bytes(34), "does not begin with a header"),
        (files.mp3(0) + b"\0" * 100, "no frame"),
        (files.mp3(2) + b"x" * 70_000, "no frame follows the first 2"),
    ],
)
def test_sounds_that_are_refused(data: bytes, words: str) -> None:
    with pytest.raises(MediaError, match=words):
        inspect_sound(data)


def test_a_sound_of_many_small_frames_is_looked_at_no_further_than_it_may_last() -> None:
    frame = b"\xff\xf3\x14\xc4" + b"\0" * 20  # MPEG-2, 8 kbit/s, 24,000 Hz: 24 bytes, 24 ms
    with pytest.raises(MediaError, match="longer than 30 minutes"):
        inspect_sound(frame * 80_000)
    assert inspect_sound(frame * 70_000).seconds == pytest.approx(1680)


def test_a_laced_png_has_the_rows_of_all_passes() -> None:
    head = struct.pack(">IIBBBBB", 9, 7, 8, 2, 0, 0, 1)
    passes = [(2, 1), (1, 1), (3, 1), (2, 2), (5, 2), (4, 4), (9, 3)]
    rows = b"".join((b"\0" + b"\x10\x20\x30" * columns) * lines for columns, lines in passes)
    parts = (
        files.chunk(b"IHDR", head),
        files.chunk(b"IDAT", zlib.compress(rows)),
        files.chunk(b"IEND", b""),
    )
    data = files.PNG_START + b"".join(parts)
    assert inspect_picture(data).raw == len(rows)
    assert decoded(data) == (9, 7)
