"""Greedy answers of the bare loop, one prompt after the other, for a server to be held against.

Reads a ``Task`` as JSON from stdin and prints ``Answers``.
"""

from __future__ import annotations

import argparse
import ctypes
import random
import subprocess
import sys

import llama_cpp
import msgspec

from benchmarks.bare_loop import BareLoop
from benchmarks.jobs import Setup, add_setup, setup_of
from benchmarks.processes import model_flags

_ORDINARY = 0.9
"""The part of the vocabulary that prompts are drawn from: special tokens have the last ids."""
_LONGEST_PIECE = 256


class Task(msgspec.Struct):
    """Prompts to make up and to answer. Lengths in tokens."""

    prompts: int
    shared: int
    """What all prompts begin with."""
    own: int
    tokens: int


class Answers(msgspec.Struct):
    """The prompts' tokens, and the bytes of each token of their answers."""

    prompts: list[list[int]]
    pieces: list[list[bytes]]


class Reference(BareLoop):
    """A loop that says what it drew."""

    def answers(self, task: Task) -> Answers:
        """Make up the prompts, the same each time, and answer each."""
        drawn = random.Random(0)
        ids = range(int(self._vocab_size * _ORDINARY))
        shared = drawn.choices(ids, k=task.shared)
        prompts = [shared + drawn.choices(ids, k=task.own) for _ in range(task.prompts)]
        return Answers(prompts, [self._answer(prompt, task.tokens) for prompt in prompts])

    def _answer(self, prompt: list[int], tokens: int) -> list[bytes]:
        llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(self._context), True)
        pieces: list[bytes] = []
        following = prompt
        while len(pieces) < tokens:
            read = (llama_cpp.llama_token * len(following))(*following)
            batch = llama_cpp.llama_batch_get_one(read, len(following))
            if (status := llama_cpp.llama_decode(self._context, batch)) != 0:
                msg = f"llama_decode returned {status}"
                raise RuntimeError(msg)
            token = self._argmax(0, -1)
            pieces.append(self._piece(token))
            following = [token]
        return pieces

    def _piece(self, token: int) -> bytes:
        vocabulary = llama_cpp.llama_model_get_vocab(self._model)
        room = ctypes.create_string_buffer(_LONGEST_PIECE)
        length = llama_cpp.llama_token_to_piece(vocabulary, token, room, _LONGEST_PIECE, 0, False)
        return room.raw[: max(0, length)]


def answered(setup: Setup, task: Task, seconds: float) -> Answers:
    """Have a process of its own answer: the model is gone again with its end."""
    command = [sys.executable, "-m", "benchmarks.gpu.reference", *model_flags(setup)]
    run = subprocess.run(
        command,
        input=msgspec.json.encode(task),
        stdout=subprocess.PIPE,
        timeout=seconds,
        check=False,
    )
    if run.returncode:
        msg = f"the bare loop ended with {run.returncode}"
        raise RuntimeError(msg)
    return msgspec.json.decode(run.stdout, type=Answers)


def main() -> None:
    """Answer the task on stdin."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu.reference")
    add_setup(parser)
    setup = setup_of(parser.parse_args())
    task = msgspec.json.decode(sys.stdin.buffer.read(), type=Task)
    print(msgspec.json.encode(Reference(setup).answers(task)).decode())


if __name__ == "__main__":
    main()
