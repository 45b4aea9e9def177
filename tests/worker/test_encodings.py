"""Pictures in prompts on a model that checks every batch, encoded by a projector that can be held
up."""

from __future__ import annotations

import hashlib
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from colonnade.messages import (
    Cancel,
    Decoding,
    Failure,
    FailureKind,
    FromWorker,
    MediaKind,
    MediaPart,
    Refused,
    Step,
)
from colonnade.worker.loop import Loop
from colonnade.worker.sequence import Request
from colonnade.worker.spans import Run, Span
from tests.worker.fake_model import VOCAB, FakeModel, unguided

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from colonnade.worker.ports import Chunk
    from colonnade.worker.spans import Layout

BROKEN = b"broken"
Piece = list[int] | tuple[bytes, Run]


class SeeingModel(FakeModel):
    """Checks that embeddings are there, and that runs which are read at once are."""

    def decode(self, chunks: Sequence[Chunk]) -> NDArray[np.float32]:
        for chunk in chunks:
            if chunk.span is None:
                assert min(chunk.tokens) >= 0, "text and pictures are read apart"
                continue
            span, first = chunk.span, chunk.position - chunk.span.start
            assert span.rows is not None
            assert span.rows.shape == (span.run.length, 1)
            assert chunk.tokens == span.stand_ins()[first : first + len(chunk.tokens)]
            assert chunk.outputs == 0
            assert len(chunk.tokens) == span.run.length or not span.run.whole
        size, self.batch_size = self.batch_size, 1000  # passes of their own
        try:
            return super().decode(chunks)
        finally:
            self.batch_size = size

    def save(self, slot: int) -> bytearray:
        return bytearray(np.array(self.memory[slot], dtype=np.int64).tobytes())

    def load(self, slot: int, state: bytearray) -> None:
        self.memory[slot] = np.frombuffer(state, dtype=np.int64).tolist()


@dataclass
class Eyes:
    """Gives each file a row of as many numbers as it has bytes to tell."""

    runs: dict[bytes, list[Run]] = field(default_factory=dict)
    looked: list[bytes] = field(default_factory=list)
    reached: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    go_on: threading.Event = field(default_factory=threading.Event)
    kinds = frozenset({MediaKind.IMAGE})
    seconds = 1.0

    def __post_init__(self) -> None:
        self.go_on.set()

    def layout(self, part: MediaPart) -> Layout:
        return tuple(self.runs[part.data])

    def encode(self, part: MediaPart) -> list[NDArray[np.float32]]:
        self.reached.release()
        assert self.go_on.wait(timeout=10)
        self.looked.append(part.data)
        if part.data.startswith(BROKEN):
            raise Failure(FailureKind.INVALID_REQUEST, "no picture")
        return [np.zeros((run.length, 1), dtype=np.float32) for run in self.runs[part.data]]


class Bench:
    def __init__(self, cache_size: int = 0, **shape: int) -> None:
        self.model = SeeingModel(**shape)  # type: ignore[arg-type]
        self.eyes = Eyes()
        self.sent: list[FromWorker] = []
        self.loop = Loop(self.model, self.sent.append, cache_size=cache_size, projector=self.eyes)

    def submit(self, number: int, pieces: Sequence[Piece], **wishes: object) -> Request:
        """A request; a file's bytes are followed by the run that it has."""
        tokens: list[int] = []
        media: list[Span] = []
        for piece in pieces:
            if isinstance(piece, list):
                tokens += piece
                continue
            data, run = piece
            self.eyes.runs[data] = [run]
            part = MediaPart(MediaKind.IMAGE, data, hashlib.sha256(data).hexdigest())
            media.append(Span(part, 0, run, len(tokens)))
            tokens += media[-1].stand_ins()
        decoding = Decoding(**wishes)  # type: ignore[arg-type]
        samplers = self.model.samplers(decoding)
        now = time.perf_counter()
        request = Request(number, tokens, decoding, samplers, unguided, now, media=media)
        self.loop.commands.put(request)
        return request

    def step(self) -> None:
        self.loop._take_commands()
        self.loop.step()

    def run(self) -> None:
        self.step()
        while not self.loop.idle:
            self.step()

    def text(self, number: int) -> str:
        steps = [message for message in self.sent if isinstance(message, Step)]
        outputs = [each for step in steps for each in step.outputs if each.id == number]
        return "".join(each.text for each in outputs if each.choice == 0)

    def ended(self, number: int) -> bool:
        steps = [message for message in self.sent if isinstance(message, Step)]
        return any(o.finish and o.id == number for step in steps for o in step.outputs)


texts = st.lists(st.integers(0, 5), min_size=1, max_size=6)
runs = st.builds(
    lambda length, whole: Run(length, length, whole=whole), st.integers(1, 12), st.booleans()
)
pictures = st.tuples(st.sampled_from([b"a", b"b", b"c"]), runs)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.tuples(st.lists(st.one_of(texts, pictures), max_size=4), texts, st.integers(1, 3)),
        min_size=1,
        max_size=6,
    ),
    st.integers(1, 3),
    st.integers(12, 20),
    st.booleans(),
    st.sampled_from([0, 4000]),
)
def test_whatever_comes_each_gets_its_answer(requests, slots, batch_size, cuttable, cache):
    """Pictures in any place, the same ones again, several choices; with and without a cache."""
    bench = Bench(
        cache, slots=slots, batch_size=batch_size, cuttable=cuttable, ctx_size=80, max_outputs=9
    )
    known: dict[bytes, Run] = {}
    for number, (begin, end, choices) in enumerate(requests):
        pieces: list[Piece] = []
        for piece in [*begin, end]:
            if isinstance(piece, tuple):
                data = piece[0]
                pieces.append((data, known.setdefault(data, piece[1])))
            else:
                pieces.append(piece)
        bench.submit(number, pieces, max_tokens=3, n=choices)
    bench.run()
    for number, (_, end, _choices) in enumerate(requests):
        expected = "".join(chr((end[-1] + 1 + i) % VOCAB + 48) for i in range(3))
        assert bench.text(number) == expected
    assert not bench.loop._encodings.pending


def test_others_go_on_while_a_picture_is_looked_at() -> None:
    """They take every step that they need meanwhile, and the loop sleeps when they are through."""
    bench = Bench(slots=2)
    bench.eyes.go_on.clear()
    bench.submit(1, [[1], (b"a", Run(5, 5)), [2]], max_tokens=2)
    bench.submit(2, [[7]], max_tokens=8)
    while not bench.ended(2):
        bench.step()
    assert not bench.ended(1)
    assert bench.eyes.looked == []
    bench.loop.step()
    assert bench.loop._stands
    bench.eyes.go_on.set()
    bench.run()
    assert bench.text(1) == "34"


def test_what_waits_for_a_slot_is_not_looked_at_yet() -> None:
    bench = Bench(slots=1)
    bench.submit(1, [[3]], max_tokens=4)
    bench.submit(2, [(b"a", Run(5, 5)), [2]], max_tokens=2)
    while not bench.ended(1):
        bench.step()
    assert bench.eyes.looked == []
    bench.run()
    assert bench.eyes.looked == [b"a"]


def test_a_picture_is_looked_at_once_and_not_at_all_where_a_slot_remembers_it() -> None:
    bench = Bench(cache_size=4000, slots=2, ctx_size=80)
    picture = (b"a", Run(9, 9))
    for number in range(3):
        bench.submit(number, [[1, 2], picture, [number], picture, [2]], max_tokens=2)
    bench.run()
    assert bench.eyes.looked == [b"a"]
    bench.loop._encodings._kept.clear()
    bench.submit(7, [[1, 2], picture, [2], picture, [2, 3]], max_tokens=2)
    bench.run()
    assert bench.eyes.looked == [b"a"]
    assert bench.text(7) == "45"


def test_a_file_that_cannot_be_encoded_fails_its_requests_and_no_other() -> None:
    bench = Bench(slots=2)
    bench.submit(1, [[1], (BROKEN, Run(5, 5)), [2]], max_tokens=2)
    bench.submit(2, [[1], (b"a", Run(5, 5)), [2]], max_tokens=2)
    bench.submit(3, [[5]], max_tokens=2)
    bench.run()
    [refused] = [message for message in bench.sent if isinstance(message, Refused)]
    assert (refused.id, refused.kind) == (1, FailureKind.INVALID_REQUEST)
    assert bench.text(2) == "34"
    assert bench.text(3) == "67"


def test_who_leaves_takes_its_wish_along() -> None:
    """What has begun goes on to its end; what has not is not begun."""
    bench = Bench(slots=3)
    bench.eyes.go_on.clear()
    for number, data in enumerate((b"a", b"b", b"c")):
        bench.submit(number, [[1], (data, Run(5, 5)), [2]], max_tokens=2)
    bench.step()
    bench.step()
    assert bench.eyes.reached.acquire(timeout=10)
    for number in range(2):
        bench.loop.commands.put(Cancel(number))
    bench.loop._stands = False
    bench.step()
    bench.eyes.go_on.set()
    bench.run()
    assert bench.eyes.looked == [b"a", b"c"]
    assert bench.text(2) == "34"


def test_embeddings_that_are_kept_have_a_budget() -> None:
    bench = Bench(cache_size=8 * 4 * 12, slots=1, ctx_size=200)  # twelve numbers
    bench.loop._scheduler._slots._cache_size = 0  # no states: all is read again
    for number, data in enumerate((b"a", b"b", b"a", b"c", b"a", b"b")):
        bench.submit(number, [[number], (data, Run(5, 5)), [2]], max_tokens=1)
    bench.run()
    assert bench.eyes.looked == [b"a", b"b", b"c", b"b"]
    assert bench.loop._encodings.size <= 4 * 12
    large = Bench(cache_size=8 * 4, slots=1, ctx_size=200)
    for number in range(2):
        large.submit(number, [[number], (b"a", Run(9, 9)), [2]], max_tokens=1)
        large.run()
    assert large.eyes.looked == [b"a", b"a"]
