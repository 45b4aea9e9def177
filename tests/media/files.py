"""Small pictures and sounds, made by hand: of each format the plainest file that there is."""

from __future__ import annotations

import struct
import zlib

Row = bytes


def png(
    width: int = 4, height: int = 3, pixel: bytes = b"\xc8\x28\x28", rows: bytes = b""
) -> bytes:
    """One of RGB pixels, all alike unless packed ``rows`` are given."""
    packed = rows or zlib.compress((b"\0" + pixel * width) * height)
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return PNG_START + chunk(b"IHDR", head) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


PNG_START = b"\x89PNG\r\n\x1a\n"


def chunk(name: bytes, content: bytes) -> bytes:
    """A chunk of a PNG."""
    crc = zlib.crc32(name + content)
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", crc)


def segment(marker: int, content: bytes) -> bytes:
    """A segment of a JPEG."""
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def jpeg(
    width: int = 8,
    height: int = 8,
    *,
    scans: int = 1,
    frame: int = 0xC0,
    claimed: tuple[int, int] | None = None,
) -> bytes:
    """A grey one. Each block is a code of one bit for its mean, and one for the end. ``claimed`` is
    the size that its header tells."""
    table = bytes([1, *[0] * 15, 0])  # one code of one bit, for 0
    blocks = -(-width // 8) * -(-height // 8)
    bits = "0" * (2 * blocks)
    bits += "1" * (-len(bits) % 8)
    pixels = int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\x00")
    across, down = claimed or (width, height)
    scan = segment(0xDA, bytes([1, 1, 0, 0, 63, 0])) + pixels
    return b"".join(
        (
            b"\xff\xd8",
            segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0"),
            segment(0xDB, bytes([0, *[1] * 64])),
            segment(frame, struct.pack(">BHHB", 8, down, across, 1) + bytes([1, 0x11, 0])),
            segment(0xC4, b"\x00" + table),
            segment(0xC4, b"\x10" + table),
            scan * scans,
            b"\xff\xd9",
        )
    )


def gif(width: int = 4, height: int = 3, raster: bytes | None = None) -> bytes:
    """One of two colours. A code that clears the table stands before each pixel, so that all codes
    have three bits."""
    if raster is None:
        codes = [code for _ in range(width * height) for code in (4, 1)] + [5]
        bits = sum(code << 3 * index for index, code in enumerate(codes))
        raster = bits.to_bytes(-(-3 * len(codes) // 8), "little")
    blocks = [raster[at : at + 255] for at in range(0, len(raster), 255)]
    head = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0)
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, width, height, 0)
    packed = b"".join(bytes([len(block)]) + block for block in blocks)
    return head + b"\0\0\0\xc8\x28\x28" + frame + b"\x02" + packed + b"\0\x3b"


def bmp(width: int = 4, height: int = 3, packing: int = 0) -> bytes:
    """One of 24 bits a pixel."""
    row = (b"\x28\x28\xc8" * width).ljust(-(-3 * width // 4) * 4, b"\0")
    pixels = row * height
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, packing, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54 + len(pixels), 0, 0, 54) + head + pixels


def wav(seconds: float = 0.5, rate: int = 16000, kind: int = 1) -> bytes:
    """Silence in 16 bits."""
    samples = b"\0\0" * round(seconds * rate)
    form = struct.pack("<HHIIHH", kind, 1, rate, 2 * rate, 2, 16)
    body = b"WAVEfmt " + struct.pack("<I", 16) + form
    body += b"data" + struct.pack("<I", len(samples)) + samples
    return b"RIFF" + struct.pack("<I", len(body)) + body


def mp3(frames: int = 20, head: bytes = b"\xff\xfb\x90\xc4") -> bytes:
    """Silence: frames of MPEG-1 at 128 kbit/s and 44,100 Hz, 417 bytes each."""
    return b"ID3\x04\0\0\0\0\0\x0a" + b"\0" * 10 + (head + b"\0" * 413) * frames


def flac(samples: int = 4096, rate: int = 16000, claimed: int | None = None) -> bytes:
    """Silence: one frame of a constant."""
    claimed = samples if claimed is None else claimed
    packed = rate << 44 | 0 << 41 | 15 << 36 | claimed
    info = struct.pack(">HH", samples, samples) + bytes(6) + packed.to_bytes(8, "big") + bytes(16)
    head = b"\xff\xf8" + bytes([7 << 4, 4 << 1]) + b"\0" + struct.pack(">H", samples - 1)
    head += bytes([_crc(head, 8, 0x07)])
    frame = head + b"\0" + b"\0\0"
    return b"fLaC" + b"\x80\0\0\x22" + info + frame + _crc(frame, 16, 0x8005).to_bytes(2, "big")


def _crc(data: bytes, width: int, polynomial: int) -> int:
    value, top = 0, 1 << width - 1
    for byte in data:
        value ^= byte << width - 8
        for _ in range(8):
            value = (value << 1 ^ (polynomial if value & top else 0)) & (1 << width) - 1
    return value


PICTURES = {"PNG": png, "JPEG": jpeg, "GIF": gif, "BMP": bmp}
SOUNDS = {"WAV": wav, "MP3": mp3, "FLAC": flac}
