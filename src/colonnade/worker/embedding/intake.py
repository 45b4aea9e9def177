"""Makes requests for embeddings ready for the loop: tokens, and checks. Runs beside it, in a
thread; llama.cpp releases the GIL to tokenize."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from colonnade.messages import (
    Accepted,
    Cancel,
    Embed,
    Failure,
    FailureKind,
    MediaPart,
    Refused,
    TextPart,
    TokenPart,
)
from colonnade.worker.embedding.request import Batch, Wish

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from colonnade.messages import EmbedInput, FromWorker, Look, PromptPart
    from colonnade.worker.embedding.ports import Around, Encoder, Vocabulary

_LONG = 1 << 17
"""Characters of a text of which it is first seen whether it can fit at all."""

_LONGEST = 1 << 20
"""Characters of a text whose last tokens may be asked for: all before them is tokenized, too."""

_log = logging.getLogger(__name__)


class EmbedIntake:
    """Turns ``Embed`` messages into batches of tokens; answers each request with ``Accepted`` or
    ``Refused``."""

    def __init__(
        self,
        encoder: Encoder,
        vocabulary: Vocabulary,
        around: Around,
        pass_on: Callable[[Batch | Cancel | Look], None],
        send: Callable[[FromWorker], None],
    ) -> None:
        self._most = encoder.ctx_size
        self._vocabulary = vocabulary
        self._around = around
        self._pass_on = pass_on
        self._send = send
        self._open: dict[int, int] = {}
        """Requests of which more comes, and tokens up to now."""

    def submit(self, embed: Embed) -> None:
        """Make inputs ready and pass them on, or refuse the request."""
        if embed.first and embed.id not in self._open:
            return  # it was refused, or cancelled
        submitted = time.perf_counter()
        try:
            inputs = [
                self._tokens(each, embed, number)
                for number, each in enumerate(embed.inputs, embed.first)
            ]
        except Failure as failure:
            self._refuse(Refused(embed.id, failure.kind, failure.message, failure.param))
            return
        except Exception:  # noqa: BLE001 - whatever it is, the request must be answered
            about = {"request": embed.id}
            _log.exception("request %d could not be taken in", embed.id, extra=about)
            self._refuse(Refused(embed.id, FailureKind.INTERNAL, "The server failed on it."))
            return
        total = self._open.get(embed.id, 0) + sum(map(len, inputs))
        if embed.first + len(inputs) < embed.count:
            self._open[embed.id] = total
        else:
            self._open.pop(embed.id, None)
            self._send(Accepted(embed.id, total))
        wish = Wish(embed.dimensions, embed.norm)
        self._pass_on(
            Batch(embed.id, embed.client, embed.first, embed.count, inputs, wish, submitted)
        )

    def cancel(self, cancel: Cancel) -> None:
        """Pass a cancellation on, behind what came of the request."""
        self._open.pop(cancel.id, None)
        self._pass_on(cancel)

    def look(self, look: Look) -> None:
        """Pass on that the server asks how the loop stands."""
        self._pass_on(look)

    def _refuse(self, refused: Refused) -> None:
        self._open.pop(refused.id, None)
        self._pass_on(Cancel(refused.id))
        self._send(refused)

    def _tokens(self, given: EmbedInput, embed: Embed, number: int) -> list[int]:
        """All tokens of an input, with those that are put around it."""
        param = f"input[{number}]"
        around, second = self._around, given.second
        head, tail = ((), ()) if given.bare else (around.head, around.tail)
        if second is not None:
            first = self._read(given.parts, param, self._most)
            head, tail = (*around.pair_head, *first, *around.between), around.pair_tail
        ending = [*self._read(given.tail, param, self._most), *tail]
        most = self._room(embed.most_tokens)
        room = most - len(head) - len(ending)
        if embed.most_tokens is not None and room < 1:
            raise _no_room(most, len(head) + len(ending), param)
        parts = given.parts if second is None else second
        text = self._cut(parts, embed, room, param)
        tokens = [*head, *text, *ending]
        if len(tokens) > most:
            raise _too_long(str(len(tokens)), most, param)
        if not tokens:
            msg = "An input has no token."
            raise Failure(FailureKind.INVALID_REQUEST, msg, param=param)
        return tokens

    def _room(self, wanted: int | None) -> int:
        return self._most if wanted is None or wanted < 0 else min(wanted, self._most)

    def _cut(self, parts: tuple[PromptPart, ...], embed: Embed, room: int, param: str) -> list[int]:
        """Tokens of what may be cut; where it may not, all of them."""
        if embed.most_tokens is None:
            return self._read(parts, param, room)
        if not embed.last_tokens:
            return self._read(parts, param, room, cut=True)
        if _length(parts) > _LONGEST:
            msg = (
                f"An input has {_length(parts)} characters: the last tokens are taken of "
                f"{_LONGEST} at most, the first ones of any number."
            )
            raise Failure(FailureKind.INVALID_REQUEST, msg, param=param)
        tokens = [token for part in self._parts(parts, param) for token in part]
        return tokens[-room:]

    def _read(
        self, parts: tuple[PromptPart, ...], param: str, room: int, *, cut: bool = False
    ) -> list[int]:
        """Tokens of a text, no more of a long one than are needed to see that they are too many;
        with ``cut`` the first ones."""
        long = _length(parts) > _LONG
        if long and not cut:
            self._check_least(parts, param)
        tokens: list[int] = []
        for part in self._parts(parts, param):
            tokens += part
            if len(tokens) > room and (cut or long):
                break
        if cut:
            return tokens[:room]
        if long and len(tokens) > room:
            raise _too_long(f"at least {len(tokens)}", self._most, param)
        return tokens

    def _check_least(self, parts: tuple[PromptPart, ...], param: str) -> None:
        texts = [part.text for part in parts if isinstance(part, TextPart)]
        least = self._vocabulary.least(texts)
        if least > self._most:
            raise _too_long(f"at least {least}", self._most, param)

    def _parts(self, parts: tuple[PromptPart, ...], param: str) -> Iterator[list[int]]:
        for part in parts:
            match part:
                case TextPart(text, special):
                    yield from self._vocabulary.parts(text, special=special)
                case TokenPart(ids):
                    yield self._checked(ids, param)
                case MediaPart():
                    msg = "Texts alone are embedded."
                    raise Failure(FailureKind.UNSUPPORTED, msg, param=param)

    def _checked(self, ids: tuple[int, ...], param: str) -> list[int]:
        size = self._vocabulary.size
        for token in (min(ids, default=0), max(ids, default=0)):
            if not 0 <= token < size:
                msg = f"There is no token {token}: this model's tokens go from 0 to {size - 1}."
                raise Failure(FailureKind.INVALID_REQUEST, msg, param=param)
        return list(ids)


def _length(parts: tuple[PromptPart, ...]) -> int:
    return sum(len(part.text) for part in parts if isinstance(part, TextPart))


def _too_long(tokens: str, most: int, param: str) -> Failure:
    """The refusal, in words by which clients of OpenAI, vLLM and llama-server know it."""
    msg = (
        f"This model's maximum context length is {most} tokens. However, an input has {tokens} "
        "tokens: it is too long, it exceeds the available context size."
    )
    return Failure(FailureKind.CONTEXT_LENGTH_EXCEEDED, msg, param=param)


def _no_room(most: int, around: int, param: str) -> Failure:
    msg = (
        f"{most} tokens of an input are to be read, and what is not cut of it, a query or what "
        f"stands around texts, has {around} already."
    )
    return Failure(FailureKind.CONTEXT_LENGTH_EXCEEDED, msg, param=param)
