"""One sequence's rows of logits in a step, and how far its draft has come true."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from colonnade.worker.sequence import Sequence


class Rows:
    """Walks through the rows as long as what is drawn is what was guessed."""

    __slots__ = ("_logits", "_place", "base", "draft", "read", "right", "sequence", "slot")

    def __init__(self, sequence: Sequence, logits: NDArray[np.float32], place: int) -> None:
        """``logits`` (outputs, vocab_size) belong to the tokens of the batch from ``place`` on: the
        sequence's last token, then its draft, which becomes theirs."""
        self.sequence = sequence
        self.slot = sequence.slot
        self.base = len(sequence.tokens)
        """Number of its tokens before the first draw."""
        self.draft = sequence.draft
        self.read = len(sequence.draft) + sequence.filler
        """How many tokens were read behind them."""
        sequence.draft, sequence.filler = [], 0
        self.right = 0
        """How many of the draft's tokens were drawn."""
        self._logits = logits
        self._place = place

    @property
    def logits(self) -> NDArray[np.float32]:
        """The row for the next draw."""
        row: NDArray[np.float32] = self._logits[self.right]
        return row

    @property
    def place(self) -> int:
        """Which token of the batch it belongs to."""
        return self._place + self.right

    def walk(self) -> bool:
        """Go to the row behind what was drawn. Returns whether there is one."""
        sequence = self.sequence
        if sequence.slot < 0 or not self.draft:
            return False
        drawn = sequence.tokens[self.base :]
        for token, guess in zip(drawn[self.right :], self.draft[self.right :], strict=False):
            if token != guess:
                break
            self.right += 1
            sequence.accepted += 1
        sequence.position = self.base + self.right
        return self.right == len(drawn)
