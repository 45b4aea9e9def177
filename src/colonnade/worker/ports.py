"""What the loop and the scheduler need of a model. ``worker.llama`` provides it; tests fake it."""

from __future__ import annotations

from mmap import mmap
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from colonnade.messages import AdapterSet, Constraint, Decoding, MediaKind, MediaPart
    from colonnade.worker.spans import Layout, Span


class Chunk(NamedTuple):
    """Tokens of one slot that go into a batch, the first of them at ``position``."""

    slot: int
    position: int
    tokens: Sequence[int]
    outputs: int
    """How many of the last tokens get a row of logits: 0, 1 or all."""
    filler: int = 0
    """How many of the last tokens are read for nothing, and forgotten again."""
    span: Span | None = None
    """Where ``tokens`` are stand-ins, what they stand for, or a part of it."""


State = bytearray | mmap | memoryview
"""A slot's memory, copied to host memory. It can be written to, and nobody does."""


class Memory(Protocol):
    """What the model remembers of each slot's tokens (the KV cache, or a recurrent state)."""

    @property
    def whole(self) -> bool:
        """Whether a saved state can be used as it is or not at all."""
        ...

    @property
    def forgets(self) -> bool:
        """Whether a slot can be cut anywhere: the last tokens read can be taken back."""
        ...

    def can_keep(self, slot: int, length: int) -> bool:
        """Whether a slot can be cut down to its first ``length`` tokens."""
        ...

    def keep(self, slot: int, length: int) -> int:
        """Cut a slot down to its first ``length`` tokens, to fewer where that would cut a picture,
        or to none where it cannot be done. Returns the number of tokens kept."""
        ...

    def size(self, slot: int) -> int:
        """Bytes of a copy of a slot's state."""
        ...

    def save(self, slot: int) -> State:
        """Copy a slot's state to host memory."""
        ...

    def load(self, slot: int, state: State) -> None:
        """Replace a slot's state by a saved one."""
        ...


class Foresight(Protocol):
    """What is expected of guesses at one sequence's next tokens."""

    @property
    def guesses(self) -> bool:
        """Whether there is a guess now."""
        ...

    @property
    def predicted(self) -> bool:
        """Whether what was last guessed came from what the client predicts."""
        ...

    def expected(self, count: int) -> float:
        """How many of so many guessed tokens will come true, up to the first wrong one."""
        ...

    def follow(self, before: int) -> bool:
        """Take in the sequence's tokens behind the first ``before``. Returns ``guesses``."""
        ...


class ThreadWaits(Protocol):
    """How the model's threads wait for each other within a step. For the thread that decodes."""

    def spin(self) -> None:
        """For a moment they look again and again, before they sleep."""
        ...

    def sleep(self) -> None:
        """They sleep at once."""
        ...


class Sampler(Protocol):
    """What the model draws the tokens of one choice with."""

    def accept(self, token: int) -> None:
        """Note a token that was not drawn, for what looks back at the text."""
        ...

    def close(self) -> None:
        """Free what it holds."""
        ...


class Draw(Protocol):
    """A token to be drawn."""

    @property
    def sampler(self) -> Sampler:
        """What to draw it with."""
        ...

    @property
    def row(self) -> int:
        """The row of logits of the batch just decoded. It may change in place."""
        ...

    @property
    def apart(self) -> NDArray[np.float32] | None:
        """A row of an earlier batch instead, (vocab_size). It may change in place."""
        ...

    @property
    def mask(self) -> NDArray[np.uint8] | None:
        """0 for the tokens that may not be drawn, (vocab_size); None allows all."""
        ...


class TokenTable(NamedTuple):
    """What a compiler of grammars needs to know of a vocabulary. The addresses are of llama.cpp's
    objects, which have to outlive it."""

    names: list[bytes]
    """Every token's text, by id."""
    special: dict[str, int]
    """The tokens that a grammar has to name by id."""
    ends: tuple[int, ...]
    """Tokens that end a generation."""
    vocabulary_address: int
    """Of the ``llama_vocab``."""
    tokenize_address: int
    """Of the function ``llama_tokenize``."""


class Pace(Protocol):
    """How long the masks of a grammar take, as far as it is known."""

    @property
    def quick(self) -> bool:
        """Its next mask will hardly take long."""
        ...

    @property
    def slow(self) -> bool:
        """A mask of late took long."""
        ...

    def note(self, seconds: float) -> None:
        """Learn what a mask took."""
        ...


class Matcher(Protocol):
    """Follows a text through a grammar, token by token.

    All but ``accepts`` raise ``Failure`` where the grammar becomes too complex to go on.
    """

    @property
    def pace(self) -> Pace:
        """Shared by all matchers of a grammar, of which one waits for what another is doing."""
        ...

    @property
    def complete(self) -> bool:
        """The text is whole, and nothing can be added to it."""
        ...

    def mask(self) -> NDArray[np.uint8]:
        """Which tokens may come next, (vocab_size): 0 for those that may not. The tokens that end
        a generation may where the text is whole. Never all 0."""
        ...

    def forced(self) -> list[int]:
        """The tokens that must come next, as far as there is no choice."""
        ...

    def accepts(self, tokens: Sequence[int]) -> bool:
        """Whether these may come next."""
        ...

    def consume(self, tokens: Sequence[int]) -> None:
        """Go on behind these, which the grammar allows."""
        ...

    def tokens(self, text: bytes) -> list[int]:
        """Tokens that spell exactly these bytes, none of them a special token."""
        ...

    def branch(self) -> Matcher:
        """Another one at the same place."""
        ...


class Grammars(Protocol):
    """Compiles constraints, and keeps what it compiled. For use from several threads."""

    def has(self, constraint: Constraint) -> bool:
        """Whether ``matcher`` will be quick."""
        ...

    def matcher(self, constraint: Constraint) -> Matcher:
        """A matcher at the beginning of a constraint's grammar.

        Raises:
            Failure: it is not a grammar, too large, or nothing satisfies it.
        """
        ...

    def tokens(self, text: str) -> list[int]:
        """Tokens of a text; names of special tokens in it become those tokens."""
        ...


class Model(Memory, Protocol):
    """A model with a context of ``slots`` sequences."""

    @property
    def slots(self) -> int:
        """Sequences that can be decoded side by side."""
        ...

    @property
    def ctx_size(self) -> int:
        """Tokens that one slot holds."""
        ...

    @property
    def batch_size(self) -> int:
        """Most tokens of one ``decode``."""
        ...

    @property
    def max_outputs(self) -> int:
        """Most rows of logits of one ``decode``."""
        ...

    def use(self, adapters: AdapterSet) -> None:
        """Decode with these adapters from here on. A change makes the next ``decode`` longer."""
        ...

    def decode(self, chunks: Sequence[Chunk]) -> NDArray[np.float32]:
        """Run one batch. Returns the logits, (outputs, vocab_size), in the order of the chunks;
        valid until the next call.

        Raises:
            DecodeError: the batch failed; the slots' memory is as before or must be cleared.

        Embeddings go before the tokens of all chunks, in passes of their own.
        """
        ...

    def samplers(self, decoding: Decoding) -> Callable[[int, Sequence[int]], Sampler]:
        """What makes the sampler of a choice, which has seen the prompt given then. What takes long
        is done here, from any thread; the rest by the thread that decodes."""
        ...

    def draw(self, draws: Sequence[Draw]) -> list[int]:
        """Draw a token for each; the samplers remember theirs."""
        ...

    @property
    def pieces(self) -> Sequence[bytes]:
        """Every token's text, by id; empty for control tokens."""
        ...

    @property
    def ends(self) -> frozenset[int]:
        """Tokens that end a generation."""
        ...

    def name(self, token: int) -> bytes:
        """A token's text, control tokens included."""
        ...


class Projector(Protocol):
    """What makes embeddings of files."""

    @property
    def kinds(self) -> frozenset[MediaKind]:
        """What it takes."""
        ...

    @property
    def seconds(self) -> float:
        """What a file may take, however slow the machine."""
        ...

    def layout(self, part: MediaPart) -> Layout:
        """What stands for a file. For one thread at a time.

        Raises:
            Failure: the file is broken, or none that can be read.
        """
        ...

    def encode(self, part: MediaPart) -> list[NDArray[np.float32]]:
        """The embeddings of its runs, each (length, width). For one thread at a time, which may
        be another one.

        Raises:
            Failure: as ``layout``.
        """
        ...


class DecodeError(Exception):
    """``decode`` failed; the message says how."""
