"""What streams notice of a picture that somebody else sends.

    python -m benchmarks.media MODEL.gguf

A projector with random weights is made for the model, of a size that takes some seconds to look at
a picture. Two clients have streams of text; in the midst of them a third one asks about a picture.
Told are the longest time between two events of a stream, without and with the picture, and how long
the picture's answer takes, the first time and again.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import statistics
import struct
import tempfile
import time
import zlib
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from gguf import GGUFReader

from benchmarks.http_client import Connection
from benchmarks.jobs import Setup
from benchmarks.machine import describe
from benchmarks.processes import running_server
from benchmarks.random_projector import Encoder, write_random_projector

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.processes import Server

ENCODER = Encoder(layers=8, width=512, heads=8, ffn=2048, image=256, patch=16)
"""256 embeddings of a picture, which take two cores about a second."""
STREAMS = 2
TOKENS = 400
SIDE = 400


class Found(NamedTuple):
    """Of one round, in seconds."""

    quiet: float
    """The longest gap of a stream before the picture comes."""
    gap: float
    """The longest one while it is looked at and read."""
    usual: float
    """The median one then."""
    first: float
    """Until the first text about the picture."""
    again: float
    """The same, when it comes again."""


def picture(seed: int) -> str:
    """A ``data:`` URL of colours that follow from ``seed``."""
    rows = b"".join(
        b"\0" + bytes((x * (seed + c) + y) % 256 for x in range(SIDE) for c in range(3))
        for y in range(SIDE)
    )

    def chunk(name: bytes, body: bytes) -> bytes:
        crc = struct.pack(">I", zlib.crc32(name + body))
        return struct.pack(">I", len(body)) + name + body + crc

    head = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head)
    data += chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return "data:image/png;base64," + base64.b64encode(data).decode()


def _chat(content: object, tokens: int) -> dict[str, Any]:
    return {
        "messages": [{"role": "user", "content": content}],
        "max_tokens": tokens,
        "temperature": 0,
        "ignore_eos": True,
    }


def _about(url: str) -> dict[str, Any]:
    shown = {"type": "image_url", "image_url": {"url": url}}
    return _chat([shown, {"type": "text", "text": "What is it?"}], 4)


async def measure(server: Server, seed: int) -> Found:
    """One round, with a picture that the server has not seen."""
    connections = [await Connection.open(server.port) for _ in range(STREAMS + 1)]
    asking = connections.pop()
    url = picture(seed)
    streams = [
        asyncio.create_task(each.stream(_chat(f"Tell me a long story, {seed} {at}.", TOKENS)))
        for at, each in enumerate(connections)
    ]
    await asyncio.sleep(3)
    began = time.perf_counter()
    first = await asking.stream(_about(url))
    ended = time.perf_counter()
    again = await asking.stream(_about(url))
    answers = await asyncio.gather(*streams)
    for each in (*connections, asking):
        each.close()
    gaps = [pair for each in answers for pair in pairwise(each.text_arrivals)]
    quiet = [b - a for a, b in gaps if b < began]
    beside = [b - a for a, b in gaps if b > began and a < ended]
    if not beside:
        msg = "the streams ended before the picture was looked at: more tokens are needed"
        raise RuntimeError(msg)
    usual = statistics.median(beside)
    return Found(max(quiet), max(beside), usual, first.first_token, again.first_token)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.media", description="What streams notice of a picture."
    )
    parser.add_argument("model", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(arguments)
    setup = Setup(str(options.model), threads=options.threads, slots=STREAMS + 1, ctx_size=2048)
    print(describe())
    with tempfile.TemporaryDirectory() as folder:
        projector = Path(folder) / "mmproj.gguf"
        write_random_projector(projector, width=_width(options.model), encoder=ENCODER)
        flags = ("--mmproj", str(projector), "--any-model-name")
        with running_server(setup, *flags) as server:
            rounds = [asyncio.run(measure(server, 1 + at)) for at in range(options.rounds)]
    print("| gap before | longest gap beside | usual gap beside | first text | again |")
    print("|---|---|---|---|---|")
    for found in rounds:
        print(f"| {' | '.join(f'{seconds:.3f} s' for seconds in found)} |")


def _width(model: Path) -> int:
    """Numbers of the model's embeddings."""
    fields = GGUFReader(model).fields
    architecture = fields["general.architecture"].contents()
    return int(fields[f"{architecture}.embedding_length"].contents())


if __name__ == "__main__":
    main()
