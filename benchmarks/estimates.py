"""What a model takes of the machine's memory, against what was said before it was loaded.

python -m benchmarks.estimates [MODEL.gguf ...] [--size 40m] [--ctx-size N] [--slots N]

Without files, models of eight kinds are written with random weights. Each is measured once it is
loaded, and again when a request has filled a slot's context.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, get_args

import msgspec

from benchmarks.random_gguf import write_random_gguf
from benchmarks.shapes import Size
from benchmarks.tables import Row, print_rows
from colonnade.engine import Embedder, Engine, Surveyor
from colonnade.messages import Decoding, EmbedInput, LoadModel, TokenPart

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from benchmarks.architectures import Kind
    from colonnade.messages import Footprint

KINDS: tuple[Kind, ...] = (
    "llama",
    "qwen2",
    "sliding",
    "hybrid",
    "recurrent",
    "experts",
    "nomic-bert",
    "modern-reranker",
)
WITHIN = 0.1
_SPARE = 8
"""Tokens that a prompt leaves free."""


class Measured(NamedTuple):
    """What was said, and bytes of the worker's memory: loaded, and after a full context."""

    load: LoadModel
    said: Footprint
    loaded: int
    full: int

    @property
    def off(self) -> float:
        """By what part of it the estimate misses the full one."""
        return self.said.total / self.full - 1


async def measure(load: LoadModel) -> Measured:
    """Survey a file, load it, and fill a slot."""
    surveyor = Surveyor()
    try:
        fit = await surveyor.fit(load, None)
    finally:
        await surveyor.close()
    # the states of earlier prompts have a bound of their own
    load = msgspec.structs.replace(fit.load, cache_size=0)
    loaded, full = await (_embedded if load.task == "embed" else _generated)(load)
    return Measured(load, fit.footprint, loaded, full)


async def _generated(load: LoadModel) -> tuple[int, int]:
    engine = await Engine.start(load)
    try:
        loaded = taken_bytes(engine.pid or 0, load.path)
        length = engine.info.ctx_size - _SPARE
        rows = min(length, load.batch_size)
        for tokens, wish in (
            (length, Decoding(max_tokens=_SPARE)),
            (rows, Decoding(max_tokens=1, prompt_logprobs=0)),
        ):
            async with aclosing(await engine.submit((TokenPart((9,) * tokens),), wish)) as stream:
                async for _ in stream:
                    pass
        return loaded, taken_bytes(engine.pid or 0, load.path)
    finally:
        await engine.close()


async def _embedded(load: LoadModel) -> tuple[int, int]:
    embedder = await Embedder.start(load)
    try:
        loaded = taken_bytes(embedder.pid or 0, load.path)
        text = TokenPart((9,) * (embedder.info.ctx_size - _SPARE))
        await embedder.embed((EmbedInput((text,)),))
        return loaded, taken_bytes(embedder.pid or 0, load.path)
    finally:
        await embedder.close()


def taken_bytes(pid: int, path: str) -> int:
    """Resident memory of a process: its own, and what it has mapped of a model's file.

    Pages of programs and libraries, which all workers share, are no part of it.
    """
    found, mine = 0, False
    for line in Path(f"/proc/{pid}/smaps").read_text("utf-8", "replace").splitlines():
        name, _, rest = line.partition(" ")
        if not name.endswith(":"):
            mine = rest.endswith(str(Path(path).resolve()))
        elif name == "Anonymous:" or (mine and name == "Rss:"):
            found += int(rest.split()[0]) << 10
    return found


def _row(name: str, measured: Measured) -> Row:
    said, load = measured.said, measured.load
    parts = {
        "weights": said.weights + said.mapped,
        "cache": said.cache,
        "compute": said.compute,
        "program": said.program,
    }
    note = ", ".join(f"{part} {size >> 20}" for part, size in parts.items())
    return Row(
        name,
        _mib(said.total),
        _mib(measured.full),
        f"{1 + measured.off:.3f}",
        f"within {WITHIN:.0%}",
        abs(measured.off) <= WITHIN,
        f"{load.slots} x {load.ctx_size} tokens; loaded {_mib(measured.loaded)}; MiB: {note}",
    )


def _mib(count: int) -> str:
    return f"{count / (1 << 20):.0f} MiB"


def _models(paths: Sequence[Path], size: Size, folder: Path) -> Iterable[tuple[str, Path]]:
    if paths:
        yield from ((path.name, path) for path in paths)
        return
    for kind in KINDS:
        path = folder / f"{kind}.gguf"
        yield f"{kind} {size}", write_random_gguf(path, kind=kind, size=size)
        path.unlink()


def main() -> int:
    """Print the table; 1 where one is farther off than a tenth."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*", type=Path)
    parser.add_argument("--size", choices=get_args(Size), default="40m")
    parser.add_argument("--ctx-size", type=int)
    parser.add_argument("--slots", type=int, default=4)
    parser.add_argument("--batch-size", type=int, default=512)
    parser.add_argument("--kv-type", default="f16")
    parser.add_argument("--mmap", action="store_true", help="map the files")
    chosen = parser.parse_args()
    wishes = {
        name: getattr(chosen, name) for name in ("ctx_size", "slots", "batch_size", "kv_type")
    }
    wishes["mmap"] = chosen.mmap or None
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, path in _models(chosen.models, chosen.size, Path(folder)):
            rows.append(
                _row(
                    name,
                    asyncio.run(measure(LoadModel(str(path.resolve()), task="auto", **wishes))),
                )
            )
            print_rows(rows[-1:], sys.stdout, other="measured")
    print_rows(rows, sys.stdout, other="measured")
    return 0 if all(row.met is not False for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
