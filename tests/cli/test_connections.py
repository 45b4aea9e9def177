"""Who gets a place, and who has to go for it."""

from __future__ import annotations

import math
import time

from colonnade.cli.connections import Connections, Patience
from colonnade.watch.connections import CutOff

_PATIENCE = Patience(head=1, body=1, sending=1, rate=500)


class Fake:
    """A connection that only notes what is asked of it."""

    def __init__(self, address: str = "a") -> None:
        self.address = address
        self.extra: CutOff | None = None
        self.deadline = math.inf
        self.touched = 0.0
        self.gone = self.expired = False

    def expire(self, now: float) -> None:
        self.expired = True

    def make_room(self) -> None:
        self.gone = True


def waiting(book: Connections, address: str = "a") -> Fake:
    connection = Fake(address)
    assert book.opened(connection)
    book.waits(connection)
    return connection


def working(book: Connections, address: str = "a") -> Fake:
    connection = waiting(book, address)
    book.works(connection)
    return connection


def test_the_one_that_waits_for_longest_makes_room() -> None:
    book = Connections(_PATIENCE, 3)
    first, second, third = waiting(book), waiting(book), waiting(book)
    book.works(first)
    book.waits(first)
    fourth = waiting(book)
    assert fourth.extra is None
    assert [each.gone for each in (first, second, third)] == [False, True, False]


def test_who_is_at_work_stays_and_others_ask_from_extra_places() -> None:
    book = Connections(_PATIENCE, 3)
    busy = [working(book) for _ in range(3)]
    extra = [waiting(book) for _ in range(16)]
    assert {each.extra for each in extra} == {CutOff.ALL_BUSY}
    assert not any(each.gone for each in busy + extra)
    assert waiting(book).extra is CutOff.ALL_BUSY
    assert extra[0].gone
    for each in busy:
        book.closed(each)
    for each in extra[3:]:
        book.closed(each)
    assert book.still_no_place(extra[1]) is None


def test_nobody_gets_in_where_all_places_work() -> None:
    book = Connections(_PATIENCE, 2)
    for _ in range(2 + 16):
        working(book)
    assert not book.opened(Fake())


def test_one_address_has_its_share() -> None:
    book = Connections(_PATIENCE, 100, most_of_address=2)
    working(book)
    idle = waiting(book)
    assert waiting(book, "b").extra is None
    assert working(book).extra is None
    assert idle.gone
    assert waiting(book).extra is CutOff.ADDRESS
    assert waiting(book, "b").extra is None


def test_silent_sockets_make_room_when_nobody_else_does() -> None:
    book = Connections(_PATIENCE, 2)
    talking, silent = Fake(), Fake()
    book.joins(silent)
    book.joins(talking)
    silent.touched = time.monotonic() - 60
    assert waiting(book).extra is None
    assert silent.gone
    assert not talking.gone


def test_time_is_up_once() -> None:
    book = Connections(_PATIENCE, 2)
    late, early = waiting(book), waiting(book)
    late.deadline = time.monotonic() - 1
    early.deadline = time.monotonic() + 60
    book.look()
    assert late.expired
    assert not early.expired
