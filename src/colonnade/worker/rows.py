"""One sequence's rows of logits in a step, and how far its draft has come true."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from colonnade.worker.sequence import Draft, Sequence


class Rows:
    """Walks through the rows as long as what is drawn is what was guessed. Each is a
    ``ports.Draw``."""

    __slots__ = (
        *("apart", "base", "draft", "logprobs", "mask", "right", "row", "sampler", "sequence"),
        "slot",
    )

    def __init__(self, sequence: Sequence, end: int) -> None:
        """``end`` is the row behind its last one. They belong to the sequence's last token, and to
        its draft, which becomes theirs."""
        self.sequence = sequence
        self.slot = sequence.slot
        self.sampler = sequence.sampler
        self.base = len(sequence.tokens)
        """Number of its tokens before the first draw."""
        self.row = end - 1
        """The row of the next draw."""
        self.apart: NDArray[np.float32] | None = None
        """Logits of the next draw that are kept apart, (vocab_size), because of a later batch."""
        self.right = 0
        """How many of the draft's tokens were drawn."""
        self.mask: NDArray[np.uint8] | None = None
        """What may be drawn; None for all."""
        self.logprobs: NDArray[np.float32] | None = None
        """Of the next draw, where they are asked for."""
        self.draft: Draft | None = sequence.draft
        if sequence.draft is not None:
            self.row -= sequence.draft.read
            sequence.draft = None

    def values(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """Logits of the next draw, (vocab_size), of its own or among those of the last batch."""
        return logits[self.row] if self.apart is None else self.apart

    def kept(self, logits: NDArray[np.float32]) -> Rows:
        """The row of the next draw, for when the batch is gone, without the draft behind it."""
        if self.apart is not None:
            return self
        rows = Rows(self.sequence, self.row + 1)
        rows.apart = logits[self.row].copy()
        return rows

    def walk(self) -> bool:
        """Go to the row behind what was drawn. Returns whether there is one."""
        sequence, draft = self.sequence, self.draft
        if draft is None or not draft.tokens or sequence.slot < 0:
            return False
        drawn = sequence.tokens[self.base :]
        before = self.right
        for token, guess in zip(drawn[before:], draft.tokens[before:], strict=False):
            if token != guess:
                break
            self.right += 1
        sequence.accepted += self.right - before
        if draft.predicted:
            sequence.predicted_right += self.right - before
        sequence.position = self.base + self.right
        self.row += self.right - before
        return self.right == len(drawn)
