"""A model without weights: it checks what the loop does with its memory, and counts upwards.

The next token is always the last one plus one, modulo the vocabulary, so that whatever the
schedule, the right output is known. Memory is a list of tokens a slot; a batch that leaves a gap
or overwrites a token fails the test. Each adapter adds something to the next token, and what was
read with others than those in use fails the test.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from colonnade.messages import AdapterSet, Decoding
    from colonnade.worker.ports import Chunk, Draw

VOCAB = 64
END = VOCAB - 1


class FakeSampler:
    closed = False

    def __init__(self) -> None:
        self.accepted: list[int] = []

    def accept(self, token: int) -> None:
        self.accepted.append(token)

    def close(self) -> None:
        self.closed = True


def no_sampler(_choice: int, _prompt: Sequence[int]) -> FakeSampler:
    return FakeSampler()


def unguided(_choice: int) -> None:
    """For a request in which anything may be said."""


@dataclass
class FakeModel:
    slots: int = 2
    ctx_size: int = 40
    batch_size: int = 16
    max_outputs: int = 6
    cuttable: bool = True
    by: int = 1
    """What is added to a token for the next one."""
    memory: list[list[int]] = field(init=False)
    logits: NDArray[np.float32] = field(init=False)
    batches: list[list[Chunk]] = field(default_factory=list)
    made_samplers: list[FakeSampler] = field(default_factory=list)
    adapters: AdapterSet = ()
    used: list[AdapterSet] = field(default_factory=list)
    """The adapters of each batch."""
    read_with: list[list[AdapterSet]] = field(init=False)
    """Of each token of the memory."""

    def __post_init__(self) -> None:
        self.memory = [[] for _ in range(self.slots)]
        self.read_with = [[] for _ in range(self.slots)]

    def use(self, adapters: AdapterSet) -> None:
        self.adapters = adapters

    def decode(self, chunks: Sequence[Chunk]) -> NDArray[np.float32]:
        assert chunks
        assert sum(len(chunk.tokens) for chunk in chunks) <= self.batch_size
        slots = [chunk.slot for chunk in chunks]
        assert slots == sorted(set(slots)), "one chunk a slot, by slot"
        rows = []
        for chunk in chunks:
            assert chunk.tokens
            assert chunk.position == len(self.memory[chunk.slot]), "no gap, nothing twice"
            assert set(self.read_with[chunk.slot]) <= {self.adapters}
            self.memory[chunk.slot] += chunk.tokens
            self.read_with[chunk.slot] += [self.adapters] * len(chunk.tokens)
            assert len(self.memory[chunk.slot]) <= self.ctx_size
            rows += [
                _row(token + self.by + shift(self.adapters))
                for token in chunk.tokens[len(chunk.tokens) - chunk.outputs :]
            ]
        assert len(rows) <= self.max_outputs
        self.batches.append(list(chunks))
        self.used.append(self.adapters)
        self.logits = np.array(rows, dtype=np.float32).reshape(len(rows), VOCAB)
        return self.logits

    @property
    def whole(self) -> bool:
        return not self.cuttable

    @property
    def forgets(self) -> bool:
        return self.cuttable

    def can_keep(self, slot: int, length: int) -> bool:
        return length <= len(self.memory[slot]) and (
            self.cuttable or length == len(self.memory[slot])
        )

    def keep(self, slot: int, length: int) -> int:
        if not self.cuttable and length != len(self.memory[slot]):
            length = 0
        del self.memory[slot][length:], self.read_with[slot][length:]
        return length

    def size(self, slot: int) -> int:
        return len(self.memory[slot])

    def save(self, slot: int) -> bytearray:
        """Each token with its first adapter in the upper bits: there are no scales here."""
        places = [adapters[0][0] + 1 if adapters else 0 for adapters in self.read_with[slot]]
        pairs = zip(self.memory[slot], places, strict=True)
        return bytearray(token + VOCAB * place for token, place in pairs)

    def load(self, slot: int, state: bytearray) -> None:
        self.memory[slot] = [byte % VOCAB for byte in state]
        places = [byte // VOCAB for byte in state]
        self.read_with[slot] = [((place - 1, 1.0),) if place else () for place in places]

    def samplers(self, decoding: Decoding) -> Callable[[int, Sequence[int]], FakeSampler]:
        def make(choice: int, _prompt: Sequence[int]) -> FakeSampler:
            assert choice < decoding.n
            self.made_samplers.append(FakeSampler())
            return self.made_samplers[-1]

        return make

    def draw(self, draws: Sequence[Draw]) -> list[int]:
        assert not any(draw.sampler.closed for draw in draws)
        return [int(self._allowed(draw).argmax()) for draw in draws]

    def _allowed(self, draw: Draw) -> NDArray[np.float32]:
        row = self.logits[draw.row] if draw.apart is None else draw.apart
        return row if draw.mask is None else np.where(draw.mask, row, np.float32(-1))

    pieces: ClassVar = [*(bytes([token + 48]) for token in range(END)), b""]
    ends: ClassVar = frozenset([END])

    def name(self, token: int) -> bytes:
        return self.pieces[token]


def shift(adapters: AdapterSet) -> int:
    """What a set adds to a token for the next one."""
    return sum(place + 1 for place, _ in adapters)


def _row(token: int) -> NDArray[np.float32]:
    row = np.zeros(VOCAB, dtype=np.float32)
    row[token % VOCAB] = 1
    return row
