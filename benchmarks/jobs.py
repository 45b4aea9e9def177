"""What is run and what comes of it: the same words for the bare loop and for the server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    import argparse


BATCH_SIZE = 512
"""Most tokens of a step: the server's default."""


class Setup(Struct, frozen=True):
    """A model file and the shape of its context, the same on both sides."""

    model: str
    threads: int = 2
    slots: int = 8
    ctx_size: int = 4096
    """Tokens of context a sequence."""
    batch_size: int = BATCH_SIZE


class Job(Struct, frozen=True):
    """Answers to generate side by side."""

    streams: int
    tokens: int
    """Length of each answer."""
    prompt_tokens: int
    greedy: bool = False


class Run(Struct, frozen=True):
    """What a job took. ``decode_rate`` is of all streams together, in tokens a second, over the
    time in which every stream was answered; ``total_rate`` counts the prompts' time too."""

    decode_rate: float
    total_rate: float
    first_token: float
    """Seconds to the first token of the first stream."""


def add_setup(
    parser: argparse.ArgumentParser,
    *,
    slots: int = 8,
    ctx_size: int = 4096,
    model_needed: bool = True,
) -> None:
    """The options that every benchmark has."""
    nargs = None if model_needed else "?"
    parser.add_argument("model", type=Path, metavar="MODEL.gguf", nargs=nargs)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--slots", type=int, default=slots)
    parser.add_argument("--ctx-size", type=int, default=ctx_size, help="tokens a sequence")
    parser.add_argument("--batch-size", type=int, default=BATCH_SIZE)


def setup_of(options: argparse.Namespace) -> Setup:
    """The setup that the command line asks for."""
    return Setup(
        str(options.model), options.threads, options.slots, options.ctx_size, options.batch_size
    )
