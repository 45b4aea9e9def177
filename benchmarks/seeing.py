"""Pictures and sounds beside llama-server: the same files, and the same answers at temperature 0.

    python -m benchmarks.seeing --llama-server LLAMA_SERVER

Models and projectors of random weights, of each kind whose embeddings are read in another way, are
asked about one picture, about several within a text and over a conversation, and about sounds. Both
servers are started with the same sizes, and one answers after the other. Told are the answers that
are the same, and so are the tokens of their prompts. Nothing is timed: of models so small an answer
takes what it takes to hand it on.
"""

from __future__ import annotations

import argparse
import base64
import json
import struct
import sys
import urllib.request
import zlib
from math import sin
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.jobs import Setup
from benchmarks.processes import running_embeddings, running_llama_server
from benchmarks.random_gguf import write_random_gguf
from benchmarks.random_projector import write_random_projector
from benchmarks.tables import Row, print_rows

if TYPE_CHECKING:
    from benchmarks.random_gguf import Kind
    from benchmarks.random_projector import Kind as Eyes

PAIRS: tuple[tuple[Kind, Eyes], ...] = (
    ("llama", "llava"),
    ("sliding", "gemma3"),
    ("qwen2vl", "qwen2vl"),
    ("llama", "ultravox"),
)
"""A model and a projector."""
HEARING = "ultravox"
TOKENS = 24
CONTEXT = 2048
_RATE = 16_000


class Answer(NamedTuple):
    """What a server said, and of how long a prompt."""

    text: str
    prompt_tokens: int


def picture(seed: int, width: int = 96, height: int = 80) -> bytes:
    """A PNG of smooth colours that follow from ``seed``."""
    rows = (
        bytes([0, *((seed + 1) * (x + c * y) % 256 for x in range(width) for c in range(3))])
        for y in range(height)
    )
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(b"".join(rows))), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*each) for each in chunks)


def _chunk(name: bytes, content: bytes) -> bytes:
    check = struct.pack(">I", zlib.crc32(name + content))
    return struct.pack(">I", len(content)) + name + content + check


def tone(seed: int, seconds: float = 1.0) -> bytes:
    """A WAV of a tone that rises, as fast as ``seed`` says."""
    count = int(seconds * _RATE)
    samples = (int(9000 * sin((seed + 1) * 1e-5 * at * at)) for at in range(count))
    body = struct.pack(f"<{count}h", *samples)
    form = struct.pack("<HHIIHH", 1, 1, _RATE, 2 * _RATE, 2, 16)
    chunks = b"fmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", len(body)) + body
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


def part(seed: int, *, sound: bool) -> dict[str, Any]:
    """A part of a message: a picture or a sound of its own for each seed."""
    text = base64.b64encode(tone(seed) if sound else picture(seed)).decode()
    if sound:
        return {"type": "input_audio", "input_audio": {"data": text, "format": "wav"}}
    return {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{text}"}}


def conversations(*, sound: bool) -> dict[str, list[dict[str, Any]]]:
    """What is asked, by name."""
    one, two = part(1, sound=sound), part(2, sound=sound)
    asked = {"role": "user", "content": [_text("What is it?"), one]}
    answered = {"role": "assistant", "content": "I cannot say."}
    return {
        "behind a text": [asked],
        "before a text": [{"role": "user", "content": [one, _text("What is it?")]}],
        "two in texts": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [_text("One:"), one, _text("two:"), two, _text("Well?")]},
        ],
        "in turns": [asked, answered, {"role": "user", "content": [_text("And this?"), two]}],
    }


def ask(port: int, messages: list[dict[str, Any]]) -> Answer:
    """Ask a server, and wait for the whole answer."""
    fields = {"model": "", "max_tokens": TOKENS, "temperature": 0, "ignore_eos": True}
    body = json.dumps({"messages": messages, **fields}).encode()
    headers = {"content-type": "application/json"}
    url = f"http://127.0.0.1:{port}/v1/chat/completions"
    with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=120) as answer:
        said = json.load(answer)
    return Answer(said["choices"][0]["message"]["content"], said["usage"]["prompt_tokens"])


def same_answers(ours: int, theirs: int, *, sound: bool) -> list[str]:
    """The names of the conversations in which two servers say the same."""
    asked = conversations(sound=sound)
    return [
        name for name, messages in asked.items() if ask(ours, messages) == ask(theirs, messages)
    ]


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def compared(folder: Path, binary: str, kind: Kind, projector: Eyes) -> Row:
    """How many answers of a model with a projector are the same."""
    model, eyes = folder / f"{kind}.gguf", folder / f"mmproj-{projector}.gguf"
    write_random_gguf(model, kind=kind, size="tiny")
    write_random_projector(eyes, kind=projector)
    setup = Setup(str(model), threads=1, slots=1, ctx_size=CONTEXT)
    flags = ("--mmproj", str(eyes))
    sizes = ("--slots", "1", "--ctx-size", str(CONTEXT))
    sound = projector == HEARING
    with (
        running_embeddings(str(model), 1, *flags, *sizes) as ours,
        running_llama_server(binary, setup, *flags, "--jinja") as theirs,
    ):
        same = same_answers(ours.port, theirs.port, sound=sound)
    count = len(conversations(sound=sound))
    name = f"{kind} with {projector}"
    return Row(name, f"{len(same)} of {count}", met=len(same) == count, note=", ".join(same))


def main() -> int:
    """Compare, and say whether all answers are the same."""
    parser = argparse.ArgumentParser(description="Pictures and sounds beside llama-server.")
    parser.add_argument("--llama-server", required=True)
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        rows = [compared(Path(folder), options.llama_server, *pair) for pair in PAIRS]
    print_rows(rows, sys.stdout, "Answers that are the same", other="llama-server")
    return int(any(row.met is False for row in rows))


if __name__ == "__main__":
    sys.exit(main())
