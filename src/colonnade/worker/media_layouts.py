"""What stands for pictures and sounds in prompts, found out before their request is queued."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from colonnade.messages import Failure, FailureKind
from colonnade.worker.spans import Run, Span

if TYPE_CHECKING:
    from collections.abc import Iterator

    from colonnade.messages import MediaPart, Submit
    from colonnade.worker.ports import Projector
    from colonnade.worker.spans import Layout

_MOST = 256
"""Layouts that are kept: some numbers each."""


class MediaLayouts:
    """Looks at files, and remembers what came of it. For one thread at a time."""

    def __init__(self, projector: Projector | None) -> None:
        self._projector = projector
        self._known: OrderedDict[str, Layout] = OrderedDict()
        """By digest, those used last at the end."""

    def pieces(self, part: MediaPart) -> Iterator[tuple[int, ...] | Span]:
        """What stands for a file: embeddings, and tokens around them.

        Raises:
            Failure: the file cannot be read, or the model takes none of its kind.
        """
        number = 0
        for piece in self._layout(part):
            if isinstance(piece, Run):
                yield Span(part, number, piece)
                number += 1
            else:
                yield piece

    def _layout(self, part: MediaPart) -> Layout:
        if self._projector is None or part.kind not in self._projector.kinds:
            msg = f"This model takes no {part.kind} input: it has no projector for it."
            raise Failure(FailureKind.UNSUPPORTED, msg, param="messages")
        found = self._known.get(part.digest)
        if found is None:
            found = self._known[part.digest] = self._projector.layout(part)
            if len(self._known) > _MOST:
                self._known.popitem(last=False)
        else:
            self._known.move_to_end(part.digest)
        return found


def check_beside_media(submit: Submit, media: list[Span], length: int) -> None:
    """Refuse what cannot be had of a prompt of ``length`` tokens with pictures or sounds in it.

    Raises:
        Failure: it is asked for.
    """
    decoding = submit.decoding
    refused = {
        "prompt_logprobs": decoding.prompt_logprobs is not None,
        "truncate_prompt_tokens": decoding.most_prompt is not None,
        "suffix": submit.infill_suffix is not None,
    }
    for param, asked in refused.items():
        if asked:
            msg = f"'{param}' cannot be had together with images or audio."
            raise Failure(FailureKind.UNSUPPORTED, msg, param=param)
    if media[-1].end == length:
        msg = f"The prompt ends with an {media[-1].part.kind} input: text has to follow it."
        raise Failure(FailureKind.INVALID_REQUEST, msg, param="messages")
