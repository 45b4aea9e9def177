"""Greedy answers of the bare loop, one prompt after the other, for a server to be held against.

Reads a list of ``Task`` as JSON from stdin and prints ``Answers`` to each.
"""

from __future__ import annotations

import argparse
import ctypes
import random
import subprocess
import sys
from typing import TYPE_CHECKING

import llama_cpp
import msgspec
import numpy as np

from benchmarks.bare_loop import BareLoop
from benchmarks.jobs import add_setup, setup_of
from benchmarks.processes import model_flags

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.jobs import Setup

_ORDINARY = 0.9
"""The part of the vocabulary that prompts are drawn from: special tokens have the last ids."""
_LONGEST_PIECE = 256


class Task(msgspec.Struct):
    """Prompts to make up and to answer, the same for the same seed. Lengths in tokens."""

    seed: int
    prompts: int
    shared: int
    """What all prompts begin with."""
    own: int
    tokens: int


class Answers(msgspec.Struct):
    """The prompts' tokens, and of each token of their answers its bytes, and by how much its logit
    was above the next."""

    prompts: list[list[int]]
    pieces: list[list[bytes]]
    margins: list[list[float]]


class Reference(BareLoop):
    """A loop that says what it drew."""

    def answers(self, task: Task) -> Answers:
        """Make up the prompts and answer each."""
        drawn = random.Random(task.seed)
        ids = range(int(self._vocab_size * _ORDINARY))
        shared = drawn.choices(ids, k=task.shared)
        prompts = [shared + drawn.choices(ids, k=task.own) for _ in range(task.prompts)]
        answers = [self._answer(prompt, task.tokens) for prompt in prompts]
        return Answers(prompts, [each for each, _ in answers], [each for _, each in answers])

    def _answer(self, prompt: list[int], tokens: int) -> tuple[list[bytes], list[float]]:
        llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(self._context), True)
        pieces: list[bytes] = []
        margins: list[float] = []
        following = prompt
        while len(pieces) < tokens:
            read = (llama_cpp.llama_token * len(following))(*following)
            batch = llama_cpp.llama_batch_get_one(read, len(following))
            if (status := llama_cpp.llama_decode(self._context, batch)) != 0:
                msg = f"llama_decode returned {status}"
                raise RuntimeError(msg)
            row = llama_cpp.llama_get_logits_ith(self._context, -1)
            logits = np.ctypeslib.as_array(row, shape=(self._vocab_size,))
            second, best = np.partition(logits, -2)[-2:]
            margins.append(float(best - second))
            following = [int(logits.argmax())]
            pieces.append(self._piece(following[0]))
        return pieces, margins

    def _piece(self, token: int) -> bytes:
        vocabulary = llama_cpp.llama_model_get_vocab(self._model)
        room = ctypes.create_string_buffer(_LONGEST_PIECE)
        length = llama_cpp.llama_token_to_piece(vocabulary, token, room, _LONGEST_PIECE, 0, False)
        return room.raw[: max(0, length)]


def answered(setup: Setup, tasks: Sequence[Task], seconds: float) -> list[Answers]:
    """Have a process of its own answer: the model is gone again with its end."""
    command = [sys.executable, "-m", "benchmarks.gpu.reference", *model_flags(setup)]
    run = subprocess.run(
        command,
        input=msgspec.json.encode(tasks),
        stdout=subprocess.PIPE,
        timeout=seconds,
        check=False,
    )
    if run.returncode:
        msg = f"the bare loop ended with {run.returncode}"
        raise RuntimeError(msg)
    return msgspec.json.decode(run.stdout, type=list[Answers])


def main() -> None:
    """Answer the tasks on stdin."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu.reference")
    add_setup(parser)
    reference = Reference(setup_of(parser.parse_args()))
    tasks = msgspec.json.decode(sys.stdin.buffer.read(), type=list[Task])
    print(msgspec.json.encode([reference.answers(task) for task in tasks]).decode())


if __name__ == "__main__":
    main()
