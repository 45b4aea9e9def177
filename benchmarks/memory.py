"""What a model takes of the machine's memory, against what was said before it was loaded.

python -m benchmarks.memory MODEL.gguf ... [--ctx-size N] [--slots N]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import sys
from pathlib import Path
from typing import NamedTuple

import llama_cpp

from benchmarks.tables import Row, print_rows
from colonnade.engine import Engine
from colonnade.messages import Decoding, LoadModel, TokenPart
from colonnade.worker.llama.footprint import footprint

_WITHIN = 0.1


class Memory(NamedTuple):
    """Bytes."""

    said: int
    taken: int


async def measure(load: LoadModel) -> Memory:
    """Load a model and read a long prompt, with as many rows of logits as there can be; what the
    worker has of its own then."""
    llama_cpp.llama_backend_init()
    said = footprint(load)
    engine = await Engine.start(load)
    try:
        length = min(load.batch_size, engine.info.ctx_size - 8)
        for _ in range(2 if engine.info.decoder else 0):
            wish = Decoding(max_tokens=2, prompt_logprobs=0)
            stream = await engine.submit((TokenPart((9,) * length),), wish)
            async for _ in stream:
                pass
        return Memory(said.own, own_bytes(engine.pid or 0))
    finally:
        await engine.close()


def own_bytes(pid: int) -> int:
    """Resident memory of a process without mapped files."""
    status = Path(f"/proc/{pid}/status").read_text("ascii")
    return sum(int(number) << 10 for number in re.findall(r"Rss(?:Anon|Shmem):\s+(\d+) kB", status))


def main() -> int:
    """Print the table; 1 where one is farther off than a tenth."""
    os.environ.setdefault("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1")  # as a worker has it
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="+")
    parser.add_argument("--ctx-size", type=int)
    parser.add_argument("--slots", type=int, default=4)
    parser.add_argument("--kv-type", default="f16")
    chosen = parser.parse_args()
    rows = []
    for path in chosen.models:
        wishes = {"ctx_size": chosen.ctx_size, "slots": chosen.slots, "kv_type": chosen.kv_type}
        memory = asyncio.run(measure(LoadModel(path, **wishes)))
        off = 100 * (memory.said / memory.taken - 1)
        mib = memory.said / (1 << 20), memory.taken / (1 << 20)
        note = f"said {mib[0]:.0f} MiB, taken {mib[1]:.0f} MiB"
        rows.append(Row.bounded(Path(path).name, abs(off), "%", at_most=100 * _WITHIN, note=note))
    print_rows(rows, sys.stdout)
    return 0 if all(row.met is not False for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
