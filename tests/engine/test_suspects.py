"""Who is blamed for a worker's death."""

from __future__ import annotations

import pytest

from colonnade.engine.stream import Stream
from colonnade.engine.suspects import Suspects
from colonnade.messages import Decoding, Failure, FailureKind, Submit, TextPart

pytestmark = pytest.mark.anyio


class Asked:
    """Requests, as the engine has them."""

    def __init__(self) -> None:
        self.suspects = Suspects()
        self._number = 0

    async def begin(self, text: str, *, started: bool = True) -> Stream:
        """One that was let in."""
        self._number += 1
        submit = Submit(self._number, (TextPart(text),), Decoding())
        stream = Stream(submit.id, 1, self.suspects.left)
        stream.digest = await self.suspects.admit(submit)
        stream.submit, stream.started = submit, started
        return stream

    def die(self, *streams: Stream) -> list[bool]:
        """A worker dies of these. Which of them are refused from now on."""
        self.suspects.died(streams)
        for stream in streams:
            self.suspects.left(stream.id)
        return [self.suspects.refuses(stream) for stream in streams]


async def test_a_suspect_is_not_blamed_for_another_that_has_just_begun() -> None:
    asked = Asked()
    assert asked.die(await asked.begin("innocent"), await asked.begin("deadly")) == [False, False]
    innocent = await asked.begin("innocent")
    asked.suspects.left(innocent.id)  # it has run for long enough
    new = await asked.begin("new")
    assert asked.die(innocent, await asked.begin("deadly"), new) == [False, True, False]
    with pytest.raises(Failure) as raised:
        await asked.begin("deadly")
    assert raised.value.kind is FailureKind.DEADLY_REQUEST
    assert asked.die(await asked.begin("innocent"), await asked.begin("new2")) == [True, False]


async def test_a_suspect_that_has_no_slot_yet_clears_nobody() -> None:
    asked = Asked()
    asked.die(await asked.begin("deadly"), await asked.begin("innocent"))
    deadly = await asked.begin("deadly")
    asked.suspects.left(deadly.id)
    assert asked.die(deadly, await asked.begin("innocent", started=False))[0]


async def test_what_several_ask_at_once_is_blamed_once() -> None:
    asked = Asked()
    assert not any(asked.die(*[await asked.begin("of all") for _ in range(5)]))
    assert asked.die(await asked.begin("of all")) == [True]
