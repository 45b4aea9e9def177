"""The choices of layout on one file: KV parts, flash attention, micro-batches, threads.

    python -m benchmarks.layouts MODEL.gguf --rounds 3

Each round makes a context for each layout in turn, measures it and frees it, so that only one at a
time takes memory and a slow minute of the machine meets all of them. The first column is what
the server does unless it is told otherwise; each ratio is a layout's figure to the server's.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import random
import sys
import time
from contextlib import closing
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

import llama_cpp
from rich.console import Console
from rich.table import Table

from benchmarks.asleep import wait_asleep
from benchmarks.tables import spread
from colonnade.worker.llama.batch import Batch
from colonnade.worker.ports import Chunk
from colonnade.worker.threads import physical_cores

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import TextIO

SLOTS = 8
_ROWS_FOR_PROMPTS = 64
"""Rows of logits that a server keeps room for beside one a slot."""

_DECODING = (1, 2, 4, 5, 6, 7, 8)
_READ_AT_ONCE = (2, 4, 8, 16)
_PIECES = (32, 128)
_UBATCHES = (64, 128, 256)
_LARGE = 2048

_AUTO = llama_cpp.LLAMA_FLASH_ATTN_TYPE_AUTO
_ON = llama_cpp.LLAMA_FLASH_ATTN_TYPE_ENABLED
_OFF = llama_cpp.LLAMA_FLASH_ATTN_TYPE_DISABLED


class Layout(NamedTuple):
    """A context's shape; the defaults are what ``open_context`` makes of the server's."""

    group: str = ""
    name: str = "server"
    unified: bool = False
    flash: int = _AUTO
    batch: int = 512
    """Most tokens of one ``llama_decode``."""
    ubatch: int = 512
    """Most tokens that go through the weights at once."""
    threads: int = 0
    """For a batch of a single token; 0 for a thread a physical core."""
    threads_batch: int = 0
    """For all others: llama.cpp counts a step of two sequences among them."""


class Workload(NamedTuple):
    """What is measured on each layout, in tokens."""

    depth: int = 256
    """What each sequence has read before."""
    prompt: int = 512
    decoding: Sequence[int] = _DECODING
    """Sequences that decode side by side."""
    at_once: Sequence[int] = _READ_AT_ONCE
    """Read by one sequence with logits for all, as a draft is."""
    pieces: Sequence[int] = _PIECES
    """Read of a prompt beside all other sequences."""
    steps: int = 8
    """Measured for each figure, after one that is not."""


def layouts(cores: int | None = None) -> list[Layout]:
    """Every layout but the server's own; threads up to ``cores``."""
    found = [
        Layout("KV cache", "unified", unified=True),
        Layout("flash attention", "on", flash=_ON),
        Layout("flash attention", "off", flash=_OFF),
        Layout("flash attention", "off, unified", unified=True, flash=_OFF),
        *(Layout("micro-batch", str(size), ubatch=size) for size in _UBATCHES),
        Layout("micro-batch", f"512 of {_LARGE}", batch=_LARGE),
        Layout("micro-batch", str(_LARGE), batch=_LARGE, ubatch=_LARGE),
    ]
    for count in _thread_counts(cores or os.cpu_count() or 1):
        if count != physical_cores():
            found.append(Layout("threads", f"{count} for one token", threads=count))
            found.append(Layout("threads", f"{count} for more", threads_batch=count))
            found.append(Layout("threads", str(count), threads=count, threads_batch=count))
    return found


def _thread_counts(cores: int) -> list[int]:
    """1, 2, 4 and so on, and ``cores``."""
    return sorted({cores, *(1 << power for power in range(cores.bit_length()))})


class Figures:
    """A layout's context, and what it is asked to do."""

    def __init__(self, model: Any, layout: Layout, work: Workload, ctx_size: int) -> None:  # noqa: ANN401
        params = _params(layout, ctx_size)
        self._context = llama_cpp.llama_init_from_model(model, params)
        if not self._context:
            msg = f"no context: {layout}"
            raise RuntimeError(msg)
        self._memory = llama_cpp.llama_get_memory(self._context)
        self._vocab_size = llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(model))
        self._batch = Batch(params.n_batch)
        self._most = int(params.n_batch)
        self._work = work

    def close(self) -> None:
        """Free the context."""
        llama_cpp.llama_free(self._context)

    def measure(self) -> dict[str, float]:
        """Every figure by name: milliseconds of a step, and the prompt's tokens a second."""
        work = self._work
        self._fill()
        found = {}
        for count in work.decoding:
            name = f"decode, {count} sequence{'s' * (count > 1)}, ms"
            found[name] = self._step([self._chunk(slot, 1, 1) for slot in range(count)])
        for count in work.at_once:
            found[f"1 sequence reads {count}, ms"] = self._step([self._chunk(0, count, count)])
        others = [self._chunk(slot, 1, 1) for slot in range(SLOTS - 1)]
        for count in work.pieces:
            piece = self._chunk(SLOTS - 1, count, 0)
            found[f"{SLOTS - 1} decode beside a piece of {count}, ms"] = self._step(
                [*others, piece]
            )
        found[f"prompt of {work.prompt}, tokens/s"] = self._prompt()
        return found

    def _fill(self) -> None:
        """Bring every sequence to the depth: one reads, the others take copies."""
        self._read(0, self._work.depth)
        size = llama_cpp.llama_state_seq_get_size(self._context, 0)
        state = (ctypes.c_uint8 * size)()
        llama_cpp.llama_state_seq_get_data(self._context, state, size, 0)
        for slot in range(1, SLOTS):
            if not llama_cpp.llama_state_seq_set_data(self._context, state, size, slot):
                msg = "a state could not be copied"
                raise RuntimeError(msg)

    def _step(self, chunks: Sequence[Chunk]) -> float:
        """Median milliseconds; each time from the same depth."""
        times = []
        for _ in range(self._work.steps + 1):
            times.append(self._decode(chunks) * 1e3)
            self._cut(chunks)
        return median(times[1:])

    def _prompt(self) -> float:
        """Tokens a second of a prompt that one sequence reads from its beginning."""
        llama_cpp.llama_memory_seq_rm(self._memory, SLOTS - 1, -1, -1)
        return self._work.prompt / self._read(SLOTS - 1, self._work.prompt)

    def _read(self, slot: int, count: int) -> float:
        """Read random tokens; returns the seconds."""
        seconds = 0.0
        for start in range(0, count, self._most):
            end = min(count, start + self._most)
            tokens = self._tokens(end - start)
            seconds += self._decode([Chunk(slot, start, tokens, int(end == count))])
        return seconds

    def _chunk(self, slot: int, count: int, outputs: int) -> Chunk:
        return Chunk(slot, self._work.depth, self._tokens(count), outputs)

    def _tokens(self, count: int) -> list[int]:
        return random.choices(range(self._vocab_size), k=count)

    def _decode(self, chunks: Sequence[Chunk]) -> float:
        self._batch.fill(chunks)
        began = time.perf_counter()
        status = llama_cpp.llama_decode(self._context, self._batch.raw)
        llama_cpp.llama_synchronize(self._context)
        took = time.perf_counter() - began
        if status != 0:
            msg = f"llama_decode returned {status}"
            raise RuntimeError(msg)
        return took

    def _cut(self, chunks: Sequence[Chunk]) -> None:
        for chunk in chunks:
            removed = llama_cpp.llama_memory_seq_rm(self._memory, chunk.slot, self._work.depth, -1)
            if not removed:
                msg = "this model's memory cannot be cut, so that no step can be run twice"
                raise RuntimeError(msg)


def _params(layout: Layout, ctx_size: int) -> Any:  # noqa: ANN401
    params = llama_cpp.llama_context_default_params()
    params.n_ctx = ctx_size * SLOTS
    params.n_seq_max = SLOTS
    params.n_batch = layout.batch
    params.n_ubatch = layout.ubatch
    params.n_outputs_max = SLOTS + _ROWS_FOR_PROMPTS
    params.n_threads = layout.threads or physical_cores()
    params.n_threads_batch = layout.threads_batch or physical_cores()
    params.flash_attn_type = layout.flash
    params.kv_unified = layout.unified
    params.no_perf = True
    return params


Found = dict[str, list[float]]
"""A layout's figures by name, one a round."""


def measure(
    path: Path, chosen: Sequence[Layout], work: Workload, *, ctx_size: int, rounds: int
) -> list[Found]:
    """Figures of each layout, measured in alternating rounds.

    Raises:
        RuntimeError: the file cannot be loaded, or a layout cannot be had.
    """
    llama_cpp.llama_log_set(_quiet, None)
    llama_cpp.llama_backend_init()
    model = llama_cpp.llama_model_load_from_file(
        str(path).encode(), llama_cpp.llama_model_default_params()
    )
    if not model:
        msg = f"{path} cannot be loaded"
        raise RuntimeError(msg)
    found: list[Found] = [{} for _ in chosen]
    try:
        for _ in range(rounds):
            for layout, figures in zip(chosen, found, strict=True):
                with closing(Figures(model, layout, work, ctx_size)) as context:
                    for name, value in context.measure().items():
                        figures.setdefault(name, []).append(value)
    finally:
        llama_cpp.llama_model_free(model)
    return found


@llama_cpp.llama_log_callback  # type: ignore[untyped-decorator]
def _quiet(_level: int, _text: bytes, _data: object) -> None:
    pass


def ratios(figures: Sequence[float], own: Sequence[float]) -> list[float]:
    """Of each round, a layout's figure to the server's."""
    return [one / two for one, two in zip(figures, own, strict=True)]


def print_group(
    group: str, own: Found, others: Mapping[str, Found], file: TextIO, width: int = 160
) -> None:
    """A table: the server's figures, and beside them those of the layouts of a group."""
    table = Table(title=group, title_justify="left")
    table.add_column("figure")
    for column in ("server", *(text for name in others for text in (name, "ratio"))):
        table.add_column(column, justify="right")
    for name, values in own.items():
        cells = [spread(values)]
        for each in others.values():
            cells += [spread(each[name]), spread(ratios(each[name], values), 2)]
        table.add_row(name, *cells)
    Console(file=file, width=None if file.isatty() else width).print(table)


def print_all(chosen: Sequence[Layout], found: Sequence[Found], file: TextIO) -> None:
    """A table for each group, of at most three layouts, so that it fits a page."""
    own = next(figures for layout, figures in zip(chosen, found, strict=True) if not layout.group)
    for group in dict.fromkeys(layout.group for layout in chosen if layout.group):
        members = [
            (layout.name, figures)
            for layout, figures in zip(chosen, found, strict=True)
            if layout.group == group
        ]
        for part in _parts(members, 3):
            print_group(group, own, dict(part), file)


def _parts(
    members: Sequence[tuple[str, Found]], size: int
) -> Iterable[Sequence[tuple[str, Found]]]:
    return (members[start : start + size] for start in range(0, len(members), size))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.layouts")
    parser.add_argument("model", type=Path, metavar="MODEL.gguf")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--depth", type=int, default=256, help="tokens that each sequence has read")
    parser.add_argument("--prompt-tokens", type=int, default=512)
    parser.add_argument("--steps", type=int, default=8, help="of each figure in a round")
    parser.add_argument("--ctx-size", type=int, default=1024, help="tokens a sequence")
    parser.add_argument("--groups", nargs="+", help="of layouts; all unless given")
    options = parser.parse_args()
    wait_asleep("benchmarks.layouts")
    groups = options.groups or [layout.group for layout in layouts()]
    chosen = [Layout(), *(layout for layout in layouts() if layout.group in groups)]
    work = Workload(options.depth, options.prompt_tokens, steps=options.steps)
    found = measure(options.model, chosen, work, ctx_size=options.ctx_size, rounds=options.rounds)
    print_all(chosen, found, sys.stdout)


if __name__ == "__main__":
    main()
